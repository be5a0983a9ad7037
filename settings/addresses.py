"""Checks of the addresses in settings."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def is_web_address(url: str) -> bool:
    """Return whether paths can be put behind it."""
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    is_bare = not (parts.query or parts.fragment or parts.username or re.search(r"\s", url))
    return parts.scheme in ("http", "https") and is_whole and is_bare


def is_a_database(url: str) -> bool:
    """Return whether it can be the address of a database: only the store knows more."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    is_known = re.fullmatch(r"postgres|postgresql(\+psycopg2?)?|sqlite(\+aiosqlite)?", parts.scheme)
    return bool(is_known) and parts.netloc.count("@") <= 1
