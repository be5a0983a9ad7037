"""Encryption of what Temporal stores: payloads, summaries and the messages of failures.

Every payload is sealed by itself with AES-256-GCM under a random nonce; the name of its key is in
its metadata, and bound to it. What was not encrypted here, and what cannot be decrypted (an unknown
key, a changed byte), is passed on as it is: an error in here would stop a decision for ever, while
whoever reads the payload next refuses it and goes on.
"""

from __future__ import annotations

import base64
import dataclasses
import hmac
import json
import os
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadCodec,
    PayloadConverter,
)

from workflows import unknown_keys

ENCODING = b"binary/encrypted"
KEY_ID = "encryption-key-id"
KEY_BYTES = 32
NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class EncryptionKey:
    """The parts of one secret, each derived for its purpose: none tells anything of another."""

    id: bytes
    cipher: AESGCM
    names: bytes

    @classmethod
    def of(cls, secret: str) -> EncryptionKey:
        """Derive the parts from 32 bytes in base64. Raises `ValueError` for anything else."""
        try:
            key = base64.b64decode(secret, validate=True)
        except ValueError as error:
            raise ValueError("an encryption key is written in base64") from error
        if len(key) != KEY_BYTES:
            raise ValueError(f"an encryption key has {KEY_BYTES} bytes")
        return cls(
            id=_derived(key, "id")[:8].hex().encode(),
            cipher=AESGCM(_derived(key, "payloads")),
            names=_derived(key, "names"),
        )

    def name(self, text: str) -> str:
        """Return a stand-in for a text that must not be read: HMAC-SHA256, cut to 128 bits."""
        return hmac.digest(self.names, text.encode(), "sha256")[:16].hex()


class Failures(DefaultFailureConverter):
    """Reads failures that somebody else has made, too: what cannot be read of them is left out.

    An error in here would stop a decision for ever, as one in the codec would.
    """

    def from_failure(self, failure: Failure, payload_converter: PayloadConverter) -> BaseException:
        try:
            return super().from_failure(failure, payload_converter)
        except Exception:
            return super().from_failure(_bare(failure), payload_converter)


class EncodedFailures(Failures, DefaultFailureConverterWithEncodedAttributes):
    """Converts failures, with their words where the codec encrypts them."""


class Encryption(PayloadCodec):
    """Temporal's codec. The first key encrypts, all decrypt; without any, nothing is changed.

    With `on` false the keys only read what was encrypted before. `revoked` are the ids of keys that
    are gone for good: what they encrypted is nothing that could be read.
    """

    def __init__(
        self, keys: Sequence[str] = (), *, on: bool = True, revoked: Collection[str] = ()
    ) -> None:
        """Raise `ValueError` for what is no key."""
        self._keys = {key.id: key for key in map(EncryptionKey.of, keys)}
        self._revoked = frozenset(revoked)
        self._first = next(iter(self._keys.values()), None) if on else None

    @property
    def converter(self) -> DataConverter:
        """The converter between our objects and what Temporal gets, with all of this."""
        failures = Failures if self._first is None else EncodedFailures
        converter = dataclasses.replace(pydantic_data_converter, failure_converter_class=failures)
        has_keys = self._keys or self._revoked
        return dataclasses.replace(converter, payload_codec=self) if has_keys else converter

    @property
    def key_ids(self) -> list[str]:
        """The names of its keys, which stand in what they encrypt."""
        return [key_id.decode() for key_id in self._keys]

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        first = self._first
        return [_encrypted(each, first) for each in payloads] if first else list(payloads)

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._decrypted(each) for each in payloads]

    def name(self, text: str) -> str:
        """Return what the index, which no codec reaches, is told in the place of this text."""
        return self._first.name(text) if self._first else text

    def names(self, text: str) -> list[str]:
        """Return all that the index may have been told: by each key, and before there was any."""
        return [*(key.name(text) for key in self._keys.values()), text]

    def mark_unknown(self, payloads: Iterable[Payload]) -> None:
        """Mark those payloads whose key is not known here."""
        for payload in payloads:
            payload.metadata.pop(unknown_keys.MARK, None)  # nobody says so but this
            key_id = payload.metadata.get(KEY_ID, b"")
            is_ours = unknown_keys.ID.fullmatch(key_id.decode(errors="replace"))
            if (
                is_ours
                and payload.metadata.get("encoding") == ENCODING
                and key_id not in self._keys
                and key_id.decode() not in self._revoked
            ):
                payload.metadata[unknown_keys.MARK] = key_id

    def _decrypted(self, payload: Payload) -> Payload:
        key_id = payload.metadata.get(KEY_ID, b"")
        key = self._keys.get(key_id)
        if key is None or payload.metadata.get("encoding") != ENCODING:
            return payload
        nonce, sealed = payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:]
        try:
            return Payload.FromString(key.cipher.decrypt(nonce, sealed, ENCODING + key_id))
        except (InvalidTag, ValueError, DecodeError):
            return payload


NONE = Encryption()
"""The encryption of a process without any key."""


async def decoded(event: HistoryEvent, codec: PayloadCodec | None) -> HistoryEvent:
    """Decode this event of a history in place.

    For those who read histories themselves: Temporal's client decodes results and not events.
    """
    encryption = codec if isinstance(codec, Encryption) else NONE
    if kind := event.WhichOneof("attributes"):
        for _, value in getattr(event, kind).ListFields():
            if isinstance(value, Payloads):
                if codec:
                    await codec.decode_wrapper(value)
                encryption.mark_unknown(value.payloads)
            elif isinstance(value, Failure):
                await decoded_failure(value, codec)
    return event


async def decoded_failure(failure: Failure, codec: PayloadCodec | None) -> Failure:
    """Decode in place a failure that Temporal tells beside a history."""
    if codec:
        await codec.decode_failure(failure)
        _restore(failure)
    return failure


def _encrypted(payload: Payload, key: EncryptionKey) -> Payload:
    nonce = os.urandom(NONCE_BYTES)
    sealed = key.cipher.encrypt(nonce, payload.SerializeToString(), ENCODING + key.id)
    return Payload(metadata={"encoding": ENCODING, KEY_ID: key.id}, data=nonce + sealed)


def _restore(failure: Failure) -> None:
    """Put the messages back that `DefaultFailureConverterWithEncodedAttributes` has moved."""
    if failure.HasField("encoded_attributes"):
        with suppress(ValueError, TypeError, KeyError):
            moved = json.loads(failure.encoded_attributes.data)
            failure.message, failure.stack_trace = moved["message"], moved["stack_trace"]
    if failure.HasField("cause"):
        _restore(failure.cause)


def _bare(failure: Failure) -> Failure:
    """Return the same failure, of the same kind, with its words and its cause alone."""
    bare = Failure()
    bare.CopyFrom(failure)
    if kind := bare.WhichOneof("failure_info"):
        bare.ClearField(kind)
        getattr(bare, kind).SetInParent()
    return bare


def _derived(key: bytes, purpose: str) -> bytes:
    info = f"handover/encryption/{purpose}/v1".encode()
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(key)
