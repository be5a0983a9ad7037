"""The addresses that belong to the public internet.

They are written down here, because `ipaddress.is_global` differs between releases of Python, and
because it calls multicast and translated addresses global.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

NOT_PUBLIC_V4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network, and "any address of this machine"
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carriers' translation; also some clouds' metadata
        "127.0.0.0/8",  # this machine
        "169.254.0.0/16",  # link-local: most clouds' metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)

PUBLIC_V6 = IPv6Network("2000::/3")
"""All of IPv6 that was ever given out. Outside of it are, among others, loopback, link-local,
unique local and multicast addresses, and those that hide an IPv4 address: mapped (`::ffff:0:0/96`),
compatible (`::/96`) and of NAT64 (`64:ff9b::/96`, `64:ff9b:1::/48`)."""

NOT_PUBLIC_V6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments; Teredo, in which an IPv4 address hides
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, in which an IPv4 address hides
        "3fff::/20",  # documentation
    )
)


def is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in NOT_PUBLIC_V4)
    if address.scope_id is not None or address not in PUBLIC_V6:
        return False
    return not any(address in network for network in NOT_PUBLIC_V6)


def read_address(text: str) -> Address | None:
    """Return the address that this is in its one usual form; None for a name, and for odd forms."""
    try:
        return ip_address(text)
    except ValueError:
        return None
