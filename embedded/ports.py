"""The ports of the one command, which are read and proven free before anything starts."""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from embedded.errors import StartRefusedError

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Port:
    setting: str
    number: int
    purpose: str

    @property
    def address(self) -> str:
        return f"{HOST}:{self.number}"


@dataclass(frozen=True)
class Ports:
    api: Port
    temporal: Port
    temporal_ui: Port


def read_ports(environment: Mapping[str, str]) -> Ports:
    """Read the ports. Raises `StartRefusedError` for a number that isn't one."""
    return Ports(
        api=_read(environment, "HANDOVER_PORT", 8000, "the API"),
        temporal=_read(environment, "HANDOVER_TEMPORAL_PORT", 7233, "the Temporal server"),
        temporal_ui=_read(environment, "HANDOVER_TEMPORAL_UI_PORT", 8233, "the Temporal UI"),
    )


def _read(environment: Mapping[str, str], setting: str, default: int, purpose: str) -> Port:
    text = environment.get(setting) or str(default)
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 65535):
        raise StartRefusedError(
            f"{setting} is {text!r}; it has to be a number between 1 and 65535."
        )
    return Port(setting, int(text), purpose)


def require_free(*ports: Port) -> None:
    """Require that the ports are free. Raises `StartRefusedError` for the first that is not."""
    for one, other in combinations(ports, 2):
        if one.number == other.number:
            raise StartRefusedError(
                f"{one.setting} and {other.setting} are both {one.number}; give each its own port."
            )
    for port in ports:
        _require_free(port)


def _require_free(port: Port) -> None:
    with socket.socket() as probe:
        # As servers do: connections of a run that has just ended do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port.number))
            probe.listen()
        except OSError as error:
            why = "in use" if error.errno == errno.EADDRINUSE else f"refused ({error.strerror})"
            raise StartRefusedError(
                f"Port {port.number} on {HOST}, for {port.purpose}, is {why}: stop what uses it,"
                f" or choose another port with {port.setting}={_another(port.number)}."
            ) from None


def _another(number: int) -> int:
    return number + 10 if 1024 <= number <= 65525 else 18000
