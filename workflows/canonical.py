"""JSON in the one form in which it is signed and compared (RFC 8785)."""

from __future__ import annotations

import hashlib
from typing import Any

import rfc8785


def dumps(value: Any) -> bytes:
    """Raises `ValueError` for what has no such form: numbers beyond ±(2^53 - 1), NaN, infinities,
    lone surrogates."""
    return rfc8785.dumps(value)


def digest(value: Any) -> str:
    """The SHA-256 (hex) of a JSON value. Raises `ValueError` as `dumps` does."""
    return hashlib.sha256(dumps(value)).hexdigest()
