"""Cursors of lists: the place where a list continues, signed so that nobody else can name one."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

from itsdangerous import BadData, URLSafeSerializer

PURPOSE = "handover.cursor"
"""The signature's salt: a signature for a link is no cursor, and a cursor opens no link."""


class BadCursorError(Exception):
    """The text is not a cursor of ours, or is one of another list."""


class Cursors:
    """Cursors, which the first key signs and any of them verifies."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._serializers = [_serializer(key) for key in keys]

    def mint(self, token: bytes, list_of: str) -> str:
        """Make a cursor. `token` is the place; `list_of` names its list."""
        return self._serializers[0].dumps([urlsafe_b64encode(token).decode(), _digest(list_of)])

    def read(self, cursor: str, list_of: str) -> bytes:
        """Return the token. Raises `BadCursorError`, also for a cursor of another list."""
        for serializer in self._serializers:
            try:
                token, digest = serializer.loads(cursor)
            except (BadData, ValueError):
                continue
            # Base64 has several spellings of one signature; only the one that was given out counts.
            if serializer.dumps([token, digest]) == cursor and digest == _digest(list_of):
                return urlsafe_b64decode(token)
        raise BadCursorError


def _digest(list_of: str) -> str:
    return hashlib.sha256(list_of.encode()).hexdigest()


def _serializer(key: str) -> URLSafeSerializer:
    return URLSafeSerializer(key, salt=PURPOSE, signer_kwargs={"digest_method": hashlib.sha256})
