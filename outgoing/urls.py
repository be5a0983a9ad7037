"""Reading a URL in one way only.

Filters are bypassed when two readers disagree about where a URL leads. So an unusual URL is refused
before anything reads it: user names, backslashes, zones, escapes in the host, fragments, numbers
that some resolvers take for addresses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import httpx2

from outgoing.addresses import read_address
from outgoing.errors import RefusedUrlError

USUAL = re.compile(
    r"https?://"
    r"(?:\[[0-9a-f:.]+\]|[^\s\x00-\x20\x7f/?#@:\\\[\]%]+)"  # the host
    r"(?::[0-9]{1,5})?"
    r"(?:[/?][^\s\x00-\x20\x7f#\\]*)?",
    re.IGNORECASE,
)
LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Target:
    """The target of a URL. `host` is a name in ASCII, or an address without brackets."""

    scheme: str
    host: str
    port: int
    path: str
    """The path with the query."""

    @property
    def authority(self) -> str:
        """Return host and port as the `Host` header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def read_url(text: str) -> Target:
    """Read a plain http or https URL. Raises `RefusedUrlError` for any other."""
    if not USUAL.fullmatch(text):
        raise RefusedUrlError(
            "this is no plain URL: https://, a host, a path; without user name or fragment"
        )
    try:
        url = httpx2.URL(text)
    except httpx2.InvalidURL as error:
        raise RefusedUrlError(f"this is no URL: {error}") from error
    host = url.raw_host.decode("ascii")
    if address := read_address(host):
        host = str(address)
    else:
        _check_name(host)
    port = DEFAULT_PORTS[url.scheme] if url.port is None else url.port
    if not 0 < port < 2**16:
        raise RefusedUrlError("there is no such port")
    return Target(url.scheme, host, port, url.raw_path.decode("ascii"))


def _check_name(host: str) -> None:
    labels = host.split(".")
    if len(host) > 253 or not all(LABEL.fullmatch(label) for label in labels):
        raise RefusedUrlError("its host is neither a plain name nor an address")
    if NUMBER.fullmatch(labels[-1]):
        raise RefusedUrlError("its host is a number; write an address in its usual form")
