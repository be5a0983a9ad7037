"""The rules of a decision one by one, by example: pure, so that no slow test is alone with one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

import pytest

from handover.models import Attachment, DecisionRequest, Origin, Status
from workflows import lifecycle, objections
from workflows.events import (
    CodeRequested,
    DeliveryFailed,
    Event,
    Extended,
    OperatorDecided,
    Responded,
    TimePassed,
    Withdrawn,
)
from workflows.lifecycle import GRACE
from workflows.messages import (
    DecisionInput,
    Extension,
    Reminders,
    Signature,
    SignedCodeRequest,
    SignedExtension,
    SignedResponse,
)
from workflows.state import State

START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + timedelta(minutes=60)
MOMENT = timedelta(microseconds=1)
ANN, BOB, EVE = "ann@example.com", "bob@example.com", "eve@example.com"
TO_BOB = [{"after_minutes": 10, "approvers": [BOB]}]

SAID: dict[str, Any] = {
    "decision_id": "dec_1",
    "run_id": "run",
    "request_digest": "0",
    "received_at": START,
    "signature": Signature(key_id="k", value="v"),
}


def begun(*happening: Event, step_up: bool = False, files: int = 0, **request: Any) -> State:
    """A decision of one hour that asks Ann, after these events."""
    asked = {"action": "act", "approver": ANN, "timeout_minutes": 60} | request
    state = lifecycle.begin(
        DecisionInput(
            id="dec_1",
            agent="refund-bot",
            agent_id="key_1",
            request=DecisionRequest.model_validate(asked),
            request_digest="0",
            attachments=[file(number) for number in range(files)],
            created_at=START,
            expires_at=END,
            rules_version=lifecycle.RULES_VERSION,
            keyring={},
            step_up=step_up,
            reminders=Reminders(after_minutes=5, every_minutes=5, most=2),
        )
    )
    return reduce(lifecycle.apply, happening, state)


def file(number: int) -> Attachment:
    return Attachment(id=f"att_{number}", name="a", url="u", type="t", size=1, sha256="0")


def answer(choice: str, by: str = ANN, at: datetime = START, **more: Any) -> Responded:
    said: dict[str, Any] = SAID | {"received_at": at} | more
    response = SignedResponse(**said, approver=by, choice=choice)
    return Responded(at, response)


def code(by: str, code_id: str = "code_1") -> CodeRequested:
    return CodeRequested(START, SignedCodeRequest(**SAID, approver=by, code_id=code_id))


def passed(minutes: float) -> TimePassed:
    return TimePassed(START + timedelta(minutes=minutes))


def why(state: State, said: Responded) -> str | None:
    found = objections.objection(state, said.response)
    return found and found.reason


def asked(state: State) -> list[str]:
    return [each.approver for each in state.asked]


def test_the_last_moment_counts_and_the_next_one_does_not() -> None:
    """By the stamp of the answer; and nothing expires while one may still be on its way."""
    assert why(begun(), answer("approve", at=END)) is None
    assert why(begun(), answer("approve", at=END + MOMENT)) == "late"
    assert begun(TimePassed(END + GRACE - MOMENT)).status == Status.PENDING
    assert begun(TimePassed(END + GRACE)).status == Status.EXPIRED
    assert lifecycle.next_deadline(begun(passed(5), passed(10))) == END + GRACE


@pytest.mark.parametrize("choice", ["approve", "deny", "not_me"])
def test_nobody_answers_but_who_is_asked(choice: str) -> None:
    """Who was never asked does not count, nor who said that they are the wrong person."""
    assert why(begun(), answer(choice, EVE)) == "not_asked"
    assert why(begun(escalation=TO_BOB), answer(choice, BOB)) == "not_asked"
    assert why(begun(answer("not_me")), answer(choice)) == "not_asked"


def test_an_answer_is_one_to_what_was_shown() -> None:
    """With the files: the digest of the request alone is that of another page."""
    with_a_file = begun(files=1)
    assert why(with_a_file, answer("approve")) == "changed"
    assert why(with_a_file, answer("approve", request_digest=with_a_file.shown)) is None


@pytest.mark.parametrize("choice", ["approve", "deny", "not_me"])
def test_each_answer_takes_a_code_of_ones_own(choice: str) -> None:
    """A scanner presses every button, and Bob's code shows nothing of Ann."""
    state = begun(code(BOB, "of_bob"), code(ANN, "of_ann"), step_up=True, approver=[ANN, BOB])
    for step_up in (None, "made_up", "of_bob"):
        assert why(state, answer(choice, step_up=step_up)) == "needs_code"
    assert why(state, answer(choice, step_up="of_ann")) is None
    assert why(state, answer(choice, origin=Origin.OPERATOR)) != "needs_code"


def test_codes_are_bounded_for_each_person() -> None:
    """The eleventh is none, and others still get theirs."""
    ten = [code(ANN, f"code_{number}") for number in range(objections.MAX_CODES)]
    state = begun(*ten, step_up=True, approver=[ANN, BOB])
    assert len(state.codes) == objections.MAX_CODES
    refused = objections.objection_to_code(state, code(ANN).request)
    assert refused is not None
    assert refused.reason == "too_many_codes"
    assert objections.objection_to_code(state, code(BOB).request) is None


@pytest.mark.parametrize("payload", [None, [1], "text", 3, True])
def test_a_payload_is_changed_to_a_payload(payload: object) -> None:
    """What runs instead is an object, as what was asked."""
    state = begun(payload={"n": 1})
    assert why(state, answer("modify", data={"payload": payload})) == "invalid_answer"
    assert why(state, answer("modify", data={})) == "invalid_answer"
    assert why(state, answer("modify", data={"payload": {"n": 2}})) is None


@pytest.mark.parametrize(
    ("until", "reason"),
    [
        (END, "not_longer"),
        (END - MOMENT, "not_longer"),
        (END + MOMENT, None),
        (START + objections.MAX_TIMEOUT, None),
        (START + objections.MAX_TIMEOUT + MOMENT, "too_long"),
    ],
)
def test_time_is_given_and_never_taken(until: datetime, reason: str | None) -> None:
    """Up to a year from the creation, however late it is given."""
    said: dict[str, Any] = SAID | {"received_at": END, "expires_at": until}
    extension = Extension(**said, agent="refund-bot")
    found = objections.objection_to_extension(begun(), extension)
    assert (found and found.reason) == reason


def test_files_are_bounded() -> None:
    """Five, and no sixth."""
    assert objections.objection_to_addition(begun(files=4)) is None
    sixth = objections.objection_to_addition(begun(files=5))
    assert sixth is not None
    assert sixth.reason == "too_many_attachments"


def test_what_is_settled_stays() -> None:
    """No withdrawal, no operator, no answer, no time and no extension changes an outcome."""
    later = [
        Withdrawn(START, Origin.AGENT),
        OperatorDecided(START, Status.DENIED, "Olga", "why"),
        answer("deny"),
        TimePassed(END + GRACE),
        Extended(START, SignedExtension(**SAID, agent="refund-bot", expires_at=END + GRACE)),
    ]
    for event in later:
        settled = begun(answer("approve"), event)
        assert (settled.status, settled.rules.expires_at) == (Status.APPROVED, END)


def test_an_outage_swallows_no_escalation_and_reminds_once() -> None:
    """Steps are in order of time, however they were written, and all that are due are taken."""
    steps = [{"after_minutes": 20, "approvers": [EVE]}, *TO_BOB]
    assert asked(begun(passed(15), escalation=steps)) == [ANN, BOB]
    late = begun(passed(30), escalation=steps)
    assert asked(late) == [ANN, BOB, EVE]
    slept = begun(passed(50))
    assert [e.type for e in slept.log].count("approver.reminded") == 1
    assert lifecycle.next_deadline(slept) == END + GRACE


def test_the_wrong_person_has_the_next_one_asked_once() -> None:
    """At once, and not again by who was passed over already; their own channels stay silent."""
    state = begun(answer("not_me"), escalation=TO_BOB)
    assert asked(state) == [ANN, BOB]
    steps = [*TO_BOB, {"after_minutes": 20, "approvers": [EVE]}]
    assert asked(begun(passed(10), answer("not_me"), escalation=steps)) == [ANN, BOB]
    by_both = ["email", {"channel": "slack", "after_minutes": 5}]
    silent = begun(answer("not_me"), passed(7), channel=by_both, approver=[ANN, BOB])
    assert (ANN, "slack") not in silent.used
    assert (BOB, "slack") in silent.used


def test_one_channel_that_works_is_enough() -> None:
    """The next are asked when all of them failed, and where nobody is left it says so."""

    def lost(channel: str) -> DeliveryFailed:
        return DeliveryFailed(START, ANN, channel, "no")

    by_both = ["email", "slack"]
    reached = begun(lost("email"), escalation=TO_BOB, channel=by_both)
    assert (asked(reached), reached.awaited) == ([ANN], [ANN])
    unreached = begun(lost("email"), lost("slack"), escalation=TO_BOB, channel=by_both)
    assert asked(unreached) == [ANN, BOB]
    assert not unreached.is_unreachable
    assert begun(lost("email")).is_unreachable


def test_what_is_allowed_for_later_is_scheduled() -> None:
    """And what is allowed for now is approved."""
    at = (START + timedelta(days=1)).isoformat().replace("+00:00", "Z")
    schedule = {"type": "schedule"}
    later = begun(answer("approve", data={"execute_at": at}), response_type=schedule)
    assert later.status == Status.SCHEDULED
    assert begun(answer("approve"), response_type=schedule).status == Status.APPROVED
