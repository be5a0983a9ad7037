"""Secrets that the store has to read again and nobody else may: encrypted, under keys it does not
have.

A thief of the database could otherwise sign callbacks, and so tell agents that they may act.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PURPOSE = b"handover/store/v1"


class UnreadableError(Exception):
    """The text was sealed with a key that is no longer ours, or has changed."""


class Seals:
    """Seals derived from `keys`: the first one seals and all of them open."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._newest, *_ = ciphers = [_cipher(key) for key in keys]
        self._all = MultiFernet(ciphers)

    def seal(self, text: str) -> str:
        return self._newest.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """Open a sealed text. Raises `UnreadableError`."""
        try:
            return self._all.decrypt(sealed).decode()
        except InvalidToken as error:
            raise UnreadableError from error

    def is_newest(self, sealed: str) -> bool:
        """Return whether the first key sealed this."""
        try:
            self._newest.decrypt(sealed)
        except InvalidToken:
            return False
        return True


def _cipher(key: str) -> Fernet:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE).derive(key.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
