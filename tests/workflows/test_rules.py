"""The rules of a decision one by one, by example: pure, so that no slow test is alone with one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

import pytest

from handover.models import Attachment, ChannelStep, DecisionRequest, Origin, Signature, Status
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
from workflows.messages import DecisionInput, Reminders
from workflows.state import State
from workflows.statements import Extension, SignedCodeRequest, SignedExtension, SignedResponse

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


def begun(
    *happening: Event,
    step_up: bool = False,
    files: int = 0,
    version: int = lifecycle.RULES_VERSION,
    **request: Any,
) -> State:
    """A decision of one hour that asks Ann, after these events."""
    input = made(version, step_up=step_up, files=files, **request)
    return reduce(lifecycle.apply, happening, lifecycle.begin(input))


def made(
    version: int = lifecycle.RULES_VERSION, *, step_up: bool = False, files: int = 0, **request: Any
) -> DecisionInput:
    asked = {"action": "act", "approver": ANN, "timeout_minutes": 60} | request
    return DecisionInput(
        id="dec_1",
        agent="refund-bot",
        agent_id="key_1",
        request=DecisionRequest.model_validate(asked),
        request_digest="0",
        attachments=[file(number) for number in range(files)],
        created_at=START,
        expires_at=END,
        rules_version=version,
        keyring={},
        step_up=step_up,
        reminders=Reminders(after_minutes=5, every_minutes=5, most=2),
    )


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


def reminded(state: State) -> list[tuple[str, int]]:
    """Who was reminded, with the numbers that tell one reminder of theirs from another."""
    entries = [entry.details for entry in state.log if entry.type == "approver.reminded"]
    return [(each["approver"], each["number"]) for each in entries]


def steps(*approvers: list[str]) -> list[dict[str, Any]]:
    """One after the other, ten minutes each."""
    return [{"after_minutes": 10 * n, "approvers": who} for n, who in enumerate(approvers, 1)]


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
    assert why(with_a_file, answer("approve", request_digest=with_a_file.shown_digest)) is None


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


@pytest.mark.parametrize("other", ["ANN@example.com", "Ann@example.com"])
def test_one_person_is_one_in_every_spelling(other: str) -> None:
    """As they are named first. Who is the wrong person is not asked again as their own backup."""
    state = begun(answer("not_me"), escalation=steps([other, BOB], [other]))
    assert asked(state) == [ANN, BOB]
    assert state.known_as(other) == ANN
    assert not state.may_answer(state.known_as(other))
    assert state.known_as("eve@example.com") == "eve@example.com"
    before = begun(answer("not_me"), escalation=steps([other, BOB], [other]), version=1)
    assert asked(before) == [ANN, other, BOB]
    assert before.known_as(other) == other


def test_a_domain_in_two_spellings_is_one() -> None:
    """And one that only looks like it is another."""
    spelled = ["ann@b\u00fccher.example", "Ann@xn--bcher-kva.example", "ann@bucher.example"]
    assert asked(begun(approver=spelled)) == [spelled[0], spelled[2]]


def test_channels_are_a_persons_in_every_spelling() -> None:
    """Those that they have set, whatever the request calls them."""
    input = made(approver=["Ann@example.com"], escalation=steps([ANN]))
    by_slack = [ChannelStep(channel="slack")]
    state = lifecycle.begin(input.model_copy(update={"routes": {ANN: by_slack}}))
    assert state.used == (("Ann@example.com", "slack"),)


@pytest.mark.parametrize("missing", ["not_me", "undeliverable"])
def test_a_step_that_names_nobody_new_is_passed_through(missing: str) -> None:
    """At once when somebody is missing: the next whom nobody has asked does not wait."""
    gone = answer("not_me") if missing == "not_me" else DeliveryFailed(START, ANN, "email", "no")
    again = begun(gone, escalation=steps([ANN], [ANN], [BOB]))
    assert asked(again) == [ANN, BOB]
    assert again.level == 3
    assert [e.details["level"] for e in again.log if e.type == "decision.escalated"] == [3]
    assert begun(gone, escalation=steps([ANN], [ANN])).is_unreachable
    assert asked(begun(gone, escalation=steps([ANN], [ANN], [BOB]), version=1)) == [ANN]


def test_by_time_it_reminds_whom_it_names() -> None:
    """It is no escalation: nobody else is asked, and who was asked last is still reminded, and
    replaced when they say that they are the wrong person."""
    again = begun(passed(5), passed(10), passed(20), escalation=steps([ANN], [ANN, EVE], [BOB]))
    assert asked(again) == [ANN, EVE]
    assert again.level == 2
    late = steps([ANN], [BOB])
    state = begun(passed(1), passed(5), passed(10), escalation=late)
    assert reminded(state) == [(ANN, 1), (ANN, 2)]  # at five minutes, and with the step at ten
    assert (state.level, lifecycle.next_deadline(state)) == (0, START + timedelta(minutes=20))
    assert asked(begun(passed(10), answer("not_me"), escalation=late)) == [ANN, BOB]
    two = begun(passed(20), approver=[ANN, BOB], escalation=steps([BOB], [EVE], [BOB]))
    assert [who for who, _ in reminded(two)] == [BOB]  # an outage until then
    third = begun(
        *map(passed, (5, 10, 20, 25, 30)),
        approver=[ANN, BOB],
        escalation=steps([BOB], [EVE], [BOB]),
    )
    assert [number for who, number in reminded(third) if who == BOB] == [1, 2, 3]
    assert len(set(reminded(third))) == len(reminded(third))


def test_who_declined_is_not_reminded_by_a_step() -> None:
    """Nobody is asked what they said is not theirs to answer."""
    state = begun(answer("not_me"), passed(10), approver=[ANN, BOB], escalation=steps([ANN, BOB]))
    assert [who for who, _ in reminded(state)] == [BOB]


def test_nobody_is_left_when_no_later_step_names_somebody_new() -> None:
    """Whatever is still to come by time."""
    state = begun(answer("not_me"), approver=[ANN, BOB], escalation=steps([ANN], [BOB]))
    assert not state.is_unreachable
    assert lifecycle.apply(state, answer("not_me", BOB)).is_unreachable


@pytest.mark.parametrize("version", [0, 99])
def test_rules_of_another_release_are_not_guessed(version: int) -> None:
    """Whoever knows them goes on."""
    known = f"version {version} .* up to version {lifecycle.RULES_VERSION}"
    with pytest.raises(lifecycle.UnknownRulesError, match=known):
        begun(version=version)
