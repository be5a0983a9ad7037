"""The codec by itself: what is encrypted, what comes back, and what is passed on untouched."""

from __future__ import annotations

import base64
import secrets
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.enums.v1 import EventType
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.exceptions import ApplicationError

from histories.encryption import ENCODING, KEY_ID, Encryption, EncryptionKey, decoded
from settings.errors import ConfigurationError
from settings.keys import new_secrets
from settings.model import Settings
from settings.secrets import load_encryption, load_secrets

KEY, OTHER = (base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(2))
CODEC = Encryption([KEY])
PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=b'"Refund order 1142"')

payloads = st.builds(
    Payload, metadata=st.dictionaries(st.text(max_size=20), st.binary()), data=st.binary()
)


async def one(payload: Payload, codec: Encryption = CODEC) -> Payload:
    [encrypted] = await codec.encode([payload])
    return encrypted


async def passes_on(payload: Payload, codec: Encryption = CODEC) -> bool:
    return await codec.decode([payload]) == [payload]


@given(given=st.lists(payloads, max_size=4))
async def test_what_was_encrypted_comes_back(given: list[Payload]) -> None:
    """Any payload, with all of its metadata; and nothing of it is told but its size."""
    encrypted = await CODEC.encode(given)
    assert await CODEC.decode(encrypted) == given
    for before, after in zip(given, encrypted, strict=True):
        assert set(after.metadata) == {"encoding", KEY_ID}
        assert len(after.data) == 12 + len(before.SerializeToString()) + 16
        assert len(before.data) < 4 or before.data not in after.data


async def test_the_same_payload_never_looks_the_same() -> None:
    """Each time another nonce: equal answers cannot be told by looking at the history."""
    assert len({(await one(PLAIN)).data[:12] for _ in range(1000)}) == 1000


async def test_a_changed_byte_anywhere_is_passed_on_undecoded() -> None:
    """Every byte of the payload's data and metadata, flipped: what comes out is what went in."""
    encrypted = await one(PLAIN)
    for name in (None, *encrypted.metadata):
        value = encrypted.metadata[name] if name else encrypted.data
        for place in range(len(value)):
            changed = Payload.FromString(encrypted.SerializeToString())
            flipped = value[:place] + bytes([value[place] ^ 1]) + value[place + 1 :]
            if name:
                changed.metadata[name] = flipped
            else:
                changed.data = flipped
            assert await passes_on(changed)


async def test_a_payload_cut_short_is_passed_on_undecoded() -> None:
    """Also one without a whole nonce, and one of nothing."""
    encrypted = await one(PLAIN)
    for length in range(len(encrypted.data)):
        cut = Payload(metadata=encrypted.metadata, data=encrypted.data[:length])
        assert await passes_on(cut)


@given(
    data=st.binary(),
    encoding=st.one_of(st.just(ENCODING), st.binary()),
    key_id=st.one_of(st.just(EncryptionKey.of(KEY).id), st.binary()),
)
async def test_garbage_is_passed_on(data: bytes, encoding: bytes, key_id: bytes) -> None:
    """Whatever somebody puts into a signal: nothing raises, nothing is made of it."""
    assert await passes_on(Payload(metadata={"encoding": encoding, KEY_ID: key_id}, data=data))


async def test_a_payload_of_no_key_that_is_known_is_passed_on() -> None:
    """And so is one that was never encrypted."""
    assert await passes_on(await one(PLAIN), Encryption([OTHER]))
    assert await passes_on(await one(PLAIN), Encryption())
    assert await passes_on(PLAIN)


async def test_what_is_encrypted_but_no_payload_is_passed_on() -> None:
    """Nobody without the key can make it; a later version of ours could."""
    key = EncryptionKey.of(KEY)
    sealed = key.cipher.encrypt(b"n" * 12, b"\xff\xff", ENCODING + key.id)
    assert await passes_on(
        Payload(metadata={"encoding": ENCODING, KEY_ID: key.id}, data=b"n" * 12 + sealed)
    )


async def test_the_name_of_the_key_is_bound_to_what_it_encrypted() -> None:
    """Under the name of another live key it is none of ours any more."""
    both, encrypted = Encryption([KEY, OTHER]), await one(PLAIN)
    assert await both.decode([encrypted]) == [PLAIN]
    encrypted.metadata[KEY_ID] = EncryptionKey.of(OTHER).id
    assert await passes_on(encrypted, both)


async def test_the_secret_itself_encrypts_nothing() -> None:
    """What encrypts, what names and what is published as the key's name differ from one another."""
    encrypted = await one(PLAIN)
    direct = AESGCM(base64.b64decode(KEY))
    with pytest.raises(InvalidTag):
        direct.decrypt(
            encrypted.data[:12], encrypted.data[12:], ENCODING + encrypted.metadata[KEY_ID]
        )
    assert not base64.b64decode(KEY).hex().startswith(encrypted.metadata[KEY_ID].decode())


async def test_the_first_key_encrypts_and_all_decrypt() -> None:
    """To rotate, a new key is put in front; what the old one encrypted is read as before."""
    rotated = Encryption([OTHER, KEY])
    assert await rotated.decode([await one(PLAIN)]) == [PLAIN]
    assert await Encryption([OTHER]).decode([await one(PLAIN, rotated)]) == [PLAIN]


async def test_switched_off_it_only_decrypts() -> None:
    """What was encrypted before is read, and nothing more is encrypted."""
    off = Encryption([KEY], on=False)
    assert await off.encode([PLAIN]) == [PLAIN]
    assert await off.decode([await one(PLAIN), PLAIN]) == [PLAIN, PLAIN]
    assert off.name("ann@example.com") == "ann@example.com"


def test_names_are_hashes_under_each_key() -> None:
    """The index is told one, a list looks for all that it may have been told; 128 bits each."""
    rotated, ann = Encryption([OTHER, KEY]), "ann@example.com"
    assert rotated.name(ann) == Encryption([OTHER]).name(ann) != CODEC.name(ann)
    assert rotated.names(ann) == [rotated.name(ann), CODEC.name(ann), ann]
    assert CODEC.name(ann) != CODEC.name("bob@example.com")
    assert len(bytes.fromhex(CODEC.name(ann))) == 16
    assert (Encryption().name(ann), Encryption().names(ann)) == (ann, [ann])


@pytest.mark.parametrize("key", ["", "short", "Ä" * 44, base64.b64encode(b"x" * 31).decode()])
def test_what_is_no_key_is_refused_and_not_repeated(key: str, tmp_path: Path) -> None:
    """The message names the setting, and neither the key nor a part of it."""
    with pytest.raises(ValueError, match="an encryption key"):
        Encryption([KEY, key])
    settings = Settings(data_dir=tmp_path, encryption_keys=f"{KEY},{key or '='}")  # pyright: ignore[reportArgumentType] - it is read from a text
    with pytest.raises(ConfigurationError, match="HANDOVER_ENCRYPTION_KEYS") as refused:
        load_encryption(settings)
    assert not key or key not in str(refused.value)


async def test_the_settings_switch_it_on(tmp_path: Path) -> None:
    """With keys it encrypts, unless told not to; development makes none up for itself."""
    load_secrets(Settings(data_dir=tmp_path))
    assert "encryption" not in (tmp_path / "secrets.json").read_text()
    assert load_encryption(Settings(data_dir=tmp_path)).converter.payload_codec is None
    made = new_secrets()["encryption_keys"]
    for on in (True, False):
        settings = Settings(data_dir=tmp_path, encryption_keys=made, encryption=on)  # pyright: ignore[reportArgumentType] - it is read from a text
        assert (await one(PLAIN, load_encryption(settings)) != PLAIN) is on


def raised(error: Exception) -> Exception:
    """The same, with a stack."""
    with suppress(type(error)):
        raise error
    return error


async def test_failures_tell_nothing_of_what_failed() -> None:
    """Message, stack and details of an error and of its cause; `decoded` puts the words back."""
    failure, error = Failure(), ApplicationError("Refund order 1142", "49.90 EUR")
    error.__cause__ = ValueError("ann@example.com has no mailbox")
    await CODEC.converter.encode_failure(raised(error), failure)
    for word in (b"example.com", b"Refund", b"49.90", b"test_encryption"):
        assert word not in failure.SerializeToString()
    event = HistoryEvent(event_type=EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED)
    event.activity_task_failed_event_attributes.failure.CopyFrom(failure)
    told = (await decoded(event, CODEC)).activity_task_failed_event_attributes.failure
    assert (told.message, told.cause.message) == (
        "Refund order 1142",
        "ann@example.com has no mailbox",
    )
    assert "test_encryption" in told.stack_trace


async def test_a_failure_that_cannot_be_decoded_is_left_as_it_is() -> None:
    """A message that the key does not open, in front of one that was never encrypted."""
    garbage = Payload(metadata={"encoding": b"json/plain"}, data=b'["no message"]')
    cause = Failure(message="the cause")
    failure = Failure(message="Encoded failure", encoded_attributes=garbage, cause=cause)
    event = HistoryEvent()
    event.activity_task_timed_out_event_attributes.failure.CopyFrom(failure)
    told = (await decoded(event, CODEC)).activity_task_timed_out_event_attributes.failure
    assert (told.message, told.cause.message) == ("Encoded failure", "the cause")


CARRIERS = [
    (attributes.name, field.name)
    for attributes in HistoryEvent.DESCRIPTOR.oneofs_by_name["attributes"].fields
    if attributes.message_type
    for field in attributes.message_type.fields
    if field.message_type is Payloads.DESCRIPTOR
]


@pytest.mark.parametrize(("attributes", "field"), CARRIERS)
async def test_every_event_that_carries_payloads_is_decoded(attributes: str, field: str) -> None:
    """Inputs, results, details: of every kind of event that Temporal has."""
    event = HistoryEvent()
    carrier: Message = getattr(event, attributes)
    getattr(carrier, field).payloads.extend([await one(PLAIN), PLAIN])
    assert await decoded(event, None) is event
    assert getattr(carrier, field).payloads[0] != PLAIN
    assert await decoded(event, CODEC) is event
    assert list(getattr(carrier, field).payloads) == [PLAIN, PLAIN]
