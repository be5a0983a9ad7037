"""E-mail addresses in the one form in which they are compared."""

from __future__ import annotations

import re
import unicodedata

DOTS = re.compile("[.\u3002\uff0e\uff61]")
"""What separates the labels of a domain (RFC 3490)."""


def one_form(address: str) -> str:
    """In small letters, with its domain as the service writes it."""
    local, at, domain = address.rpartition("@")
    return local.casefold() + at + readable(domain)


def readable(domain: str) -> str:
    """A domain as people read it: in small letters, and in their own script."""
    return ".".join(map(_label, DOTS.split(domain)))


def _label(label: str) -> str:
    small = unicodedata.normalize("NFKC", label).lower()
    try:
        return small[4:].encode("ascii").decode("punycode") if small.startswith("xn--") else small
    except UnicodeError:
        return small
