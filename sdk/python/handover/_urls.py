"""Recognises URLs that requests can go to."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

WEB = ("http", "https")


def complaint_about(url: str, schemes: tuple[str, ...] = WEB) -> str | None:
    """Return what to change in a URL; None if it can be used."""
    if any(character.isspace() or not character.isprintable() for character in url):
        return "take out what is blank in it or cannot be seen"
    if url.partition("://")[0].lower() not in schemes:
        return f"begin it with {' or '.join(f'{scheme}://' for scheme in schemes)}"
    if not _names_host(url):
        return "name a host in it, and a port from 1 to 65535 if any"
    return "end it before the ? or the #" if "?" in url or "#" in url else None


def is_loopback(url: str) -> bool:
    """Return whether the URL names this machine, and can be reached from nowhere else."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _names_host(url: str) -> bool:
    """Return whether it names a host: a name that cannot be looked up does not."""
    try:
        parts = urlsplit(url)
        return bool((parts.hostname or "").encode("idna")) and parts.port != 0
    except ValueError:
        return False
