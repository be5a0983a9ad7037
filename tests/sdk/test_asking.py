"""Requests as they can be asked, and answers as whoever asked reads them."""

from __future__ import annotations

import hashlib
import pickle
from decimal import Decimal
from typing import Any

import pytest

from handover import (
    ActionDenied,
    ArgumentsRefused,
    InvalidRequestError,
    NotAskedError,
    permitted_payload,
)
from handover._asking import MAX_CONTEXT, askable, told_to_caller
from handover._permission import answered, permits
from handover.testing import FakeHandover

APPROVER = "approver@example.com"
LARGE = 2**64 + 1


@pytest.fixture
def fake() -> FakeHandover:
    return FakeHandover()


def test_long_texts_are_cut_where_people_see_it() -> None:
    """An action that is too long stands whole in the context; a context that is too long says how
    long it is, and has the digest of all of it."""
    action = "Refund order 1142. " * 500
    told = askable({"action": action, "context": "It broke."})
    assert len(told["action"]) == 2000
    assert told["action"].endswith("…")
    assert told["context"] == f"{action}\n\nIt broke."
    told = askable({"action": action, "context": "ü" * MAX_CONTEXT})
    whole = f"{action}\n\n{'ü' * MAX_CONTEXT}"
    digest = hashlib.sha256(whole.encode()).hexdigest()
    assert len(told["context"]) == MAX_CONTEXT
    assert told["context"].endswith(f"has {len(whole):,} characters, and the SHA-256 {digest}]")


FIT: dict[str, Any] = {"action": "Refund", "approver": APPROVER, "context": None, "payload": {}}


def test_what_fits_is_left_alone(fake: FakeHandover) -> None:
    """The longest texts are not cut, and the service takes them."""
    assert askable(FIT) == FIT
    most = {"action": "x" * 2000, "context": "y" * MAX_CONTEXT, "payload": {"a": "z" * 262_000}}
    assert askable(most) == most
    fake.approves()
    fake.client().decisions.create(approver=APPROVER, **most)


UNFIT: list[tuple[dict[str, Any], str]] = [
    ({"action": " \n"}, "action: it is empty"),
    ({"action": None}, "action: it is empty"),
    ({"action": "\ud800"}, "action: it has half of a character"),
    ({"context": "\ud800"}, "context: it has half of a character"),
    ({"context": 5}, "context: it is no text"),
    ({"metadata": {"note": "\ud800"}}, "metadata.note: it has half of a character"),
    ({"payload": ["a"]}, "payload: it is no mapping"),
    ({"payload": {"a": {"b": [float("nan")]}}}, "payload.a.b.0: nan is no number"),
    ({"payload": {"a": 1, "big": "x" * 262_144}}, "262,160 bytes of JSON, .* shorten big"),
]


def test_what_nobody_can_be_asked() -> None:
    """Every field at fault is named, with what to do, in an error that survives a process."""
    for fields, told in UNFIT:
        with pytest.raises(NotAskedError, match=told):
            askable(FIT | fields)
    with pytest.raises(NotAskedError) as raised:
        askable({"action": "", "payload": {"a": float("nan"), "b": b"\xff"}})
    assert [each.field for each in raised.value.fields] == ["action", "payload.a"]
    again = pickle.loads(pickle.dumps(raised.value))  # noqa: S301 - our own
    assert (str(again), again.fields) == (str(raised.value), raised.value.fields)


def refused(*fields: str) -> InvalidRequestError:
    errors = [{"field": each, "message": "too much"} for each in fields]
    return InvalidRequestError(422, {"errors": errors})


def test_what_the_service_refused_is_told_where_a_caller_can_mend_it() -> None:
    """The words and values of a request are theirs; whom and how to ask is not."""
    for error in (refused("action", "payload.a.0"), NotAskedError(*refused("payload.a.0").fields)):
        told = told_to_caller(error)
        assert told.fields[-1] == ("a.0", "too much")
    for fields in (["approver"], ["action", "approver"], []):
        with pytest.raises(InvalidRequestError):
            told_to_caller(refused(*fields))


def decided(fake: FakeHandover, payload: Any) -> Any:
    """The decision about this payload, as whoever asked reads it."""
    fields = askable({"action": "Pay", "approver": APPROVER, "payload": payload})
    return answered(fake.client().decisions.create(**fields, enforce=True), payload)


PAYLOAD = {"id": LARGE, "amount": Decimal("49.90"), "to": ("a", "b")}


def test_what_was_approved_are_the_very_objects(fake: FakeHandover) -> None:
    """What the service tells is JSON still, and what may run is what was asked with."""
    fake.approves()
    decision = decided(fake, PAYLOAD)
    assert permitted_payload(decision) is PAYLOAD
    assert decision.payload == {"id": str(LARGE), "amount": "49.90", "to": ["a", "b"]}


def test_what_was_changed_is_read_by_its_types(fake: FakeHandover) -> None:
    """The rest are the very objects; what cannot be read permits nothing, and says why."""
    fake.modifies({"id": str(LARGE + 1), "amount": "9.90", "to": ["a", "b"]})
    permitted: Any = permitted_payload(decided(fake, PAYLOAD))
    assert permitted == {"id": LARGE + 1, "amount": Decimal("9.90"), "to": ("a", "b")}
    assert permitted["to"] is PAYLOAD["to"]
    fake.modifies({"id": "some", "amount": "9.90", "to": []})
    decision = decided(fake, PAYLOAD)
    assert not permits(decision)
    with pytest.raises(ArgumentsRefused, match="the approver's id does not fit"):
        permitted_payload(decision)


def test_an_answer_to_something_else_permits_nothing(fake: FakeHandover) -> None:
    """Also where the payload has changed since it was asked about; a denial stays one."""
    fake.approves()
    decision = decided(fake, {"to": ["a"]})
    with pytest.raises(ArgumentsRefused, match="not the one that was asked about"):
        permitted_payload(answered(decision, {"to": ["a", "mallory"]}))
    with pytest.raises(ArgumentsRefused, match="not the one that was asked about"):
        permitted_payload(answered(decision, {"to": [float("nan")]}))
    fake.denies(notes="no")
    with pytest.raises(ActionDenied) as denied:
        decided(fake, PAYLOAD)
    with pytest.raises(ActionDenied, match="no"):
        permitted_payload(answered(denied.value.decision, PAYLOAD))
