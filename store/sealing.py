"""What the store has to read again and nobody else may: kept encrypted, under keys it has not.

Who steals the database could otherwise sign callbacks, and so tell agents that they may act.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PURPOSE = b"handover/store/v1"


class UnreadableError(Exception):
    """Sealed with a key that is not among ours any more, or changed."""


class Seals:
    """Derived from `keys`, of which the first one seals and all of them open."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._newest, *_ = ciphers = [_cipher(key) for key in keys]
        self._all = MultiFernet(ciphers)

    def seal(self, text: str) -> str:
        return self._newest.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """Raises `UnreadableError`."""
        try:
            return self._all.decrypt(sealed).decode()
        except InvalidToken as error:
            raise UnreadableError from error

    def is_newest(self, sealed: str) -> bool:
        """Whether the first key sealed this."""
        try:
            self._newest.decrypt(sealed)
        except InvalidToken:
            return False
        return True


def _cipher(key: str) -> Fernet:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE).derive(key.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
