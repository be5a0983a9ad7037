"""Further targets that requests may reach: for development, and for receivers in the operator's own
network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Self

from outgoing.addresses import Address, Network


@dataclass(frozen=True, slots=True)
class Exceptions:
    """Allowed targets. `places` are hosts with a port, whatever they resolve to; `networks` are
    addresses, at any port. Both are also allowed without TLS."""

    places: frozenset[tuple[str, int]] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Self:
        """Parse `host:port`, `[IPv6]:port` and CIDR. Raises `ValueError`, naming the odd one."""
        places: set[tuple[str, int]] = set()
        networks: list[Network] = []
        for text in texts:
            if "/" in text:
                networks.append(ip_network(text))
            else:
                places.add(_place(text))
        return cls(frozenset(places), tuple(networks))

    def has(self, address: Address) -> bool:
        return any(address in network for network in self.networks)


def _place(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not (host and port.isascii() and port.isdecimal() and 0 < int(port) < 2**16):
        raise ValueError(f"{text!r} is neither host:port nor a network like 10.1.0.0/16")
    return host.lower().strip("[]"), int(port)
