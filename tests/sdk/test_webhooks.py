"""Callbacks are believed when they are the service's, and when they were sent just now."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook
from starlette.datastructures import Headers
from werkzeug.datastructures import Headers as WerkzeugHeaders

from handover import (
    ConfigurationError,
    Decision,
    HandoverError,
    WebhookVerificationError,
    WrongAnswerError,
)
from handover.webhooks import CallbackEvent, verify
from tests.sdk.service import decision

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDazfgZRMQ1Kk="
TIMESTAMP = "2026-01-05T10:05:00Z"
BODY = json.dumps(
    {
        "type": "decision.approved",
        "timestamp": TIMESTAMP,
        "data": decision("approved", response_notes="Überprüft", enforce=True),
    },
    ensure_ascii=False,
).encode()


def signed(
    body: bytes = BODY, secrets: tuple[str, ...] = (SECRET,), ago: float = 0, id: str = "msg_1"
) -> dict[str, str]:
    """Headers as the standard's own library makes them."""
    at = datetime.fromtimestamp(time.time() - ago, UTC)
    signatures = [Webhook(secret).sign(id, at, body.decode()) for secret in secrets]
    return {
        "webhook-id": id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def test_event() -> None:
    """A callback is read as what it says, with its id to know it by."""
    event = verify(BODY, signed(), SECRET)
    assert isinstance(event, CallbackEvent)
    assert (event.id, event.type) == ("msg_1", "decision.approved")
    assert event.timestamp == datetime(2026, 1, 5, 10, 5, tzinfo=UTC)
    assert event.decision.approved
    assert event.decision.response_notes == "Überprüft"


@pytest.mark.parametrize(
    ("signers", "known"),
    [
        ((SECRET,), [OTHER, SECRET]),
        ((OTHER, SECRET), [SECRET]),
        ((SECRET,), [SECRET.removeprefix("whsec_")]),
        ((SECRET, OTHER), [f"{OTHER}\n"]),
    ],
)
def test_one_signature_by_one_secret_is_enough(signers: tuple[str, ...], known: list[str]) -> None:
    """While secrets are exchanged, either side may have two."""
    assert verify(BODY, signed(secrets=signers), known).id == "msg_1"


@pytest.mark.parametrize("kind", [dict, Headers, WerkzeugHeaders])
def test_headers_of_any_framework(kind: Any) -> None:
    """Names are compared without regard to case."""
    upper = {name.title(): value for name, value in signed().items()}
    headers = kind(upper)
    assert verify(BODY, headers, SECRET).id == "msg_1"


Change = Callable[[str], str] | str | None
"""What a header is made instead: of its value, another value, or left out."""

UNLIKE: dict[str, dict[str, Change]] = {
    "no id": {"webhook-id": None},
    "no timestamp": {"webhook-timestamp": None},
    "no signature": {"webhook-signature": None},
    "none of them": dict.fromkeys(["webhook-id", "webhook-timestamp", "webhook-signature"]),
    "another id": {"webhook-id": "msg_2"},
    "another second": {"webhook-timestamp": lambda was: str(int(was) - 1)},
    "a word for a timestamp": {"webhook-timestamp": "yesterday"},
    "an exponent": {"webhook-timestamp": "1e9"},
    "a negative timestamp": {"webhook-timestamp": "-1"},
    "a digit of another script": {"webhook-timestamp": "٣"},
    "400 digits": {"webhook-timestamp": "9" * 400},
    "an empty signature": {"webhook-signature": ""},
    "a version alone": {"webhook-signature": "v1"},
    "a version and nothing": {"webhook-signature": "v1,"},
    "no base64": {"webhook-signature": "v1,é"},
    "another version": {"webhook-signature": lambda was: f"v1a,{was[3:]}"},
    "no version": {"webhook-signature": lambda was: was[3:]},
    "a signature cut short": {"webhook-signature": lambda was: was[:-2]},
    "other capitals": {"webhook-signature": lambda was: was.swapcase()},
}


@pytest.mark.parametrize("changes", UNLIKE.values(), ids=UNLIKE)
def test_other_headers_are_refused(changes: Mapping[str, Change]) -> None:
    """What is missing, changed or no signature is no callback."""
    headers = signed()
    verify(BODY, headers, SECRET)
    for name, change in changes.items():
        was = headers.pop(name)
        if change is not None:
            headers[name] = change(was) if callable(change) else change
    with pytest.raises(WebhookVerificationError):
        verify(BODY, headers, SECRET)


def test_other_secret_is_refused() -> None:
    """Signed with a secret that is not ours."""
    with pytest.raises(WebhookVerificationError, match="None of its signatures"):
        verify(BODY, signed(secrets=(OTHER,)), SECRET)


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_changed_body_is_refused(place: int, change: int) -> None:
    """Not one byte may be another."""
    changed = bytearray(BODY)
    changed[place] ^= change
    with pytest.raises(WebhookVerificationError):
        verify(bytes(changed), signed(), SECRET)


@pytest.mark.parametrize(("ago", "told"), [(400, "s ago"), (-400, "ahead of this machine's clock")])
def test_old_ones_are_refused(ago: float, told: str) -> None:
    """Sent too long ago, or by a clock too far ahead; how far is the receiver's to say."""
    headers = signed(ago=ago)
    with pytest.raises(WebhookVerificationError, match=told):
        verify(BODY, headers, SECRET)
    assert verify(BODY, headers, SECRET, tolerance=500)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"type": "decision.approved"}',
        b'{"type": "x", "data": {}}',
        b"nonsense",
    ],
)
def test_signed_but_no_callback(body: bytes) -> None:
    """What is signed and says something else is refused like all else."""
    with pytest.raises(WebhookVerificationError, match="signed, but"):
        verify(body, signed(body), SECRET)


def test_what_a_newer_service_says_survives() -> None:
    """Statuses and fields that this version does not know are read, and permit nothing."""
    said = json.loads(BODY)
    said["data"] |= {"status": "delegated", "approved": False, "new": 1}
    body = json.dumps({**said, "type": "decision.delegated", "more": 1}).encode()
    event = verify(body, signed(body), SECRET)
    assert (event.decision.status, event.decision.approved) == ("delegated", False)


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_!!!", "whsec_c2hvcnQ=", [], [SECRET, ""], "ho_key"], ids=str
)
def test_secret_that_is_none(secret: Any) -> None:
    """An empty or mistyped secret would verify what anybody signs: it is refused by itself."""
    with pytest.raises(ConfigurationError, match="secret") as refused:
        verify(BODY, signed(), secret)
    assert "c2hvcnQ=" not in str(refused.value)
    assert not isinstance(refused.value, WebhookVerificationError)


def test_the_error_is_one_of_ours() -> None:
    """Who catches all errors of this package catches this one too."""
    assert issubclass(WebhookVerificationError, HandoverError)


def test_compared_with_what_was_asked() -> None:
    """With `asked`, a callback is about what this program asked: by action, payload and approver in
    any spelling of the address. A decision that it did not ask for is none of its."""
    told = decision("approved", payload={"amount": 5}, approver=["alice@example.com"])
    body = json.dumps({"type": "decision.approved", "timestamp": TIMESTAMP, "data": told}).encode()
    mine = {"action": told["action"], "payload": {"amount": 5.0}, "approver": "Alice@Example.com"}
    seen: list[str] = []

    def asked(found: Decision) -> dict[str, Any]:
        seen.append(found.id)
        return mine

    assert verify(body, signed(body), SECRET, asked=asked).decision.id == "dec_one"
    assert seen == ["dec_one"]
    others: list[tuple[str, dict[str, Any] | None]] = [
        ("action", mine | {"action": "Refund order 1143"}),
        ("payload", mine | {"payload": {"amount": 50}}),
        ("payload", {"action": mine["action"], "approver": mine["approver"]}),
        ("approver", mine | {"approver": "bob@example.com"}),
        ("id", None),
    ]
    for field, other in others:
        with pytest.raises(WrongAnswerError, match=f"its {field} is another"):
            verify(body, signed(body), SECRET, asked=lambda _, other=other: other)


def test_type_and_decision_say_the_same() -> None:
    """A callback that says approved of a decision that is denied is none; a type that only a newer
    service knows is taken."""
    for type, is_taken in (("decision.approved", False), ("decision.executed", True)):
        content = {"type": type, "timestamp": TIMESTAMP, "data": decision("denied")}
        body = json.dumps(content).encode()
        if is_taken:
            assert verify(body, signed(body), SECRET).type == type
        else:
            with pytest.raises(WebhookVerificationError, match="of a decision that is 'denied'"):
                verify(body, signed(body), SECRET)
