"""Signed tokens: `<key id>.<content>.<HMAC-SHA256>`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from itsdangerous import BadSignature, URLSafeSerializer
from itsdangerous.encoding import base64_decode, base64_encode

PURPOSE = "handover.link.answer"
"""The signature's salt: a token made for one purpose does not pass for another."""


class BadTokenError(Exception):
    """Not a token of ours, or one whose key was retired."""


@dataclass(frozen=True, slots=True)
class Link:
    """One recipient of one decision."""

    decision_id: str
    approver: str


class LinkKeys:
    """Mints with the first key and reads tokens of all of them."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._serializers = {_key_id(key): _serializer(key) for key in keys}
        self._newest = _key_id(keys[0])

    def mint(self, link: Link) -> str:
        content = [link.decision_id, link.approver]
        return f"{self._newest}.{self._serializers[self._newest].dumps(content)}"

    def read(self, token: str) -> Link:
        """What the token says. Raises `BadTokenError`."""
        key_id, _, signed = token.partition(".")
        try:
            decision_id, approver = self._serializers[key_id].loads(signed)
            is_spelled_right = _is_canonical(signed.rpartition(".")[2])
        except (KeyError, BadSignature, ValueError, TypeError) as error:
            raise BadTokenError from error
        if not is_spelled_right:
            raise BadTokenError
        return Link(decision_id, approver)


def _is_canonical(signature: str) -> bool:
    """The last character of base64 has bits that mean nothing: one signature, one text."""
    return base64_encode(base64_decode(signature)).decode() == signature


def _key_id(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:8]


def _serializer(key: str) -> URLSafeSerializer:
    return URLSafeSerializer(key, salt=PURPOSE, signer_kwargs={"digest_method": hashlib.sha256})
