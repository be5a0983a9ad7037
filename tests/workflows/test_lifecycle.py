"""The pure transition function, by properties."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handover.models import Attachment, DecisionRequest, Origin, Signature, Status
from workflows import lifecycle, objections
from workflows.events import (
    Attached,
    CallbackNews,
    CodeRequested,
    DeliveryFailed,
    Event,
    Extended,
    FailureReported,
    OperatorDecided,
    Refused,
    Responded,
    TimePassed,
    Withdrawn,
)
from workflows.lifecycle import GRACE, MAX_REFUSALS
from workflows.messages import DecisionInput, Reminders
from workflows.routes import unused
from workflows.state import Rules, State
from workflows.statements import (
    SignedAddition,
    SignedCodeRequest,
    SignedExtension,
    SignedFailedDelivery,
    SignedResponse,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
PEOPLE = ["a@example.com", "b@example.com", "c@example.com", "nobody@example.com"]
CHOICES = ["approve", "deny", "modify", "not_me", "nonsense", ""]

RESPONSE_TYPES = [
    {"type": "approve_deny"},
    {"type": "choose", "choices": ["a", "b"]},
    {"type": "schedule"},
]

CHANNELS = ["email", "slack", "webhook"]

minutes = st.floats(0.1, 100, allow_nan=False)
approvers = st.lists(st.sampled_from(PEOPLE[:3]), min_size=1, max_size=3, unique=True)


@st.composite
def routes(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Some channels, the first at once."""
    names = draw(st.lists(st.sampled_from(CHANNELS), min_size=1, unique=True))
    later = [draw(st.just(0.0) | minutes) for _ in names[1:]]
    return [{"channel": c, "after_minutes": m} for c, m in zip(names, [0.0, *later], strict=True)]


@st.composite
def requests(draw: st.DrawFn) -> DecisionRequest:
    timeout = draw(minutes)
    steps = draw(st.lists(st.tuples(st.floats(0.01, 0.99), approvers), max_size=3))
    return DecisionRequest.model_validate(
        {
            "action": "act",
            "approver": draw(approvers),
            "timeout_minutes": timeout,
            "escalation": [{"after_minutes": f * timeout, "approvers": who} for f, who in steps],
            "options": draw(st.lists(st.sampled_from(CHOICES[:3]), min_size=1, unique=True)),
            "payload": draw(st.none() | st.just({"n": 1})),
            "response_type": draw(st.sampled_from(RESPONSE_TYPES)),
            "channel": draw(st.just("email") | routes()),
        }
    )


ABOUT: dict[str, Any] = {
    "decision_id": "dec_1",
    "run_id": "run",
    "request_digest": "0",
    "agent": "refund-bot",
    "signature": Signature(key_id="k", value="v"),
}

instants = st.floats(0, 120).map(lambda after: START + timedelta(minutes=after))


@st.composite
def responses(draw: st.DrawFn) -> SignedResponse:
    data = [
        *(None, {}, {"payload": {"n": 2}}, {"payload": 3}, {"action": "other"}, {"action": " "}),
        *({"chosen": "a"}, {"chosen": "c"}, {"execute_at": "2026-02-01T00:00:00Z"}),
        {"execute_at": "2025-02-01T00:00:00Z"},
    ]
    return SignedResponse(
        decision_id="dec_1",
        run_id="run",
        request_digest="0",
        approver=draw(st.sampled_from(PEOPLE)),
        choice=draw(st.sampled_from(CHOICES)),
        data=draw(st.sampled_from(data)),
        step_up=draw(st.sampled_from([None, "code_1", "code_2"])),
        received_at=draw(instants),
        signature=Signature(key_id="k", value="v"),
    )


@st.composite
def extensions(draw: st.DrawFn) -> SignedExtension:
    return SignedExtension(**ABOUT, received_at=draw(instants), expires_at=draw(instants))


@st.composite
def additions(draw: st.DrawFn) -> SignedAddition:
    number = draw(st.integers(0, 3))
    file = Attachment(id=f"att_{number}", name="a", url="u", type="t", size=1, sha256="0")
    return SignedAddition(**ABOUT, received_at=draw(instants), attachment=file)


@st.composite
def code_requests(draw: st.DrawFn) -> SignedCodeRequest:
    return SignedCodeRequest(
        **ABOUT,
        received_at=draw(instants),
        approver=draw(st.sampled_from(PEOPLE)),
        code_id=draw(st.sampled_from(["code_1", "code_2"])),
    )


@st.composite
def failed_deliveries(draw: st.DrawFn) -> SignedFailedDelivery:
    return SignedFailedDelivery(
        **ABOUT,
        received_at=draw(instants),
        approver=draw(st.sampled_from(PEOPLE)),
        channel=draw(st.sampled_from(CHANNELS)),
        message=draw(st.sampled_from(["decision-request", "escalation", "reminder", "receipt"])),
        reason="no",
        provider_message_id="m",
        provider_event_id="e",
    )


reminders = st.builds(
    Reminders, after_minutes=minutes, every_minutes=minutes, most=st.integers(1, 5)
)

events: st.SearchStrategy[Event] = st.one_of(
    st.builds(Extended, instants, extensions()),
    st.builds(Attached, instants, additions()),
    st.builds(CodeRequested, instants, code_requests()),
    st.builds(FailureReported, instants, failed_deliveries()),
    st.builds(
        OperatorDecided,
        instants,
        st.sampled_from([Status.DENIED, Status.CANCELLED]),
        st.just("Olga"),
        st.just("why"),
    ),
    st.builds(CallbackNews, instants, st.just("callback.failed")),
    st.builds(TimePassed, instants),
    st.builds(Responded, instants, responses()),
    st.builds(
        DeliveryFailed,
        instants,
        st.sampled_from(PEOPLE),
        st.sampled_from(CHANNELS),
        st.just("no"),
    ),
    st.builds(Withdrawn, instants, st.sampled_from([Origin.AGENT, Origin.OPERATOR])),
    st.builds(Refused, instants, st.just("malformed"), st.just("no")),
)


def begun(request: DecisionRequest, **more: Any) -> State:
    return lifecycle.begin(
        DecisionInput(
            id="dec_1",
            agent="refund-bot",
            agent_id="key_1",
            request=request,
            request_digest="0",
            created_at=START,
            expires_at=START + timedelta(minutes=request.timeout_minutes),
            rules_version=lifecycle.RULES_VERSION,
            keyring={},
            **more,
        )
    )


@given(requests(), st.lists(events, max_size=30))
def test_a_final_state_never_changes(request: DecisionRequest, happening: list[Event]) -> None:
    """Whatever comes after the outcome, the outcome stays and nobody else is asked."""
    state = begun(request)
    for event in happening:
        after = lifecycle.apply(state, event)
        if state.outcome:
            assert after.outcome == state.outcome
            assert (after.asked, after.level) == (state.asked, state.level)
        state = after
    settled = [e.type for e in state.log if e.type in {f"decision.{s}" for s in Status}]
    assert len(settled) == (1 if state.outcome else 0)


@given(requests(), st.lists(events, max_size=30))
def test_a_pending_decision_always_has_a_deadline(
    request: DecisionRequest, happening: list[Event]
) -> None:
    """And when it passes, something changes: no decision waits for ever."""
    state = reduce(lifecycle.apply, happening, begun(request))
    passed: list[datetime] = []
    while deadline := lifecycle.next_deadline(state):
        assert state.outcome is None
        assert deadline <= state.rules.expires_at + GRACE
        assert passed == [] or deadline > passed[-1]
        passed.append(deadline)
        after = lifecycle.apply(state, TimePassed(deadline))
        assert after != state
        state = after
    assert state.outcome is not None
    assert len(passed) <= most_deadlines(state.rules)


def most_deadlines(rules: Rules) -> int:
    """The expiry, each escalation, each channel of each person, and each reminder of each level."""
    reminders = rules.reminders.most if rules.reminders else 0
    return 1 + len(rules.steps) * (1 + reminders) + reminders + len(PEOPLE) * len(CHANNELS)


@given(requests(), st.lists(events, max_size=30))
def test_only_a_valid_response_in_time_by_someone_asked_permits(
    request: DecisionRequest, happening: list[Event]
) -> None:
    """Every outcome of a person is the first response that had no objection when it came."""
    state = begun(request)
    for event in happening:
        before, state = state, lifecycle.apply(state, event)
        if state.outcome and not before.outcome and state.outcome.origin == Origin.HUMAN:
            assert isinstance(event, Responded)
            response = event.response
            assert objections.objection(before, response) is None
            assert response.received_at <= state.rules.expires_at
            assert before.may_answer(response.approver)
            assert state.outcome.response == response
            assert state.outcome.by == response.approver


@given(requests(), st.lists(events, max_size=30))
def test_an_answer_is_one_to_what_is_shown(
    request: DecisionRequest, happening: list[Event]
) -> None:
    """Whatever is added changes what an answer has to be an answer to; time never gets shorter."""
    state = begun(request)
    shown = {state.shown_digest}
    for event in happening:
        before, state = state, lifecycle.apply(state, event)
        assert state.rules.expires_at >= before.rules.expires_at
        assert len(state.attachments) <= objections.MAX_ATTACHMENTS
        if state.attachments != before.attachments:
            assert state.shown_digest not in shown
            shown.add(state.shown_digest)
        if state.outcome and not before.outcome and state.outcome.response:
            assert state.outcome.response.request_digest == before.shown_digest


@given(requests(), st.lists(events, max_size=30))
def test_nothing_but_a_signed_answer_permits(
    request: DecisionRequest, happening: list[Event]
) -> None:
    """No time, no operator's word and no noise ends in a status that permits something."""
    state = reduce(lifecycle.apply, happening, begun(request))
    if state.status in (Status.APPROVED, Status.MODIFIED, Status.SCHEDULED):
        assert state.outcome is not None
        assert state.outcome.response is not None


@given(requests(), st.lists(events, max_size=30))
def test_what_is_scheduled_has_its_time(request: DecisionRequest, happening: list[Event]) -> None:
    """Status `scheduled` and a moment after the answer belong together."""
    state = reduce(lifecycle.apply, happening, begun(request))
    if state.outcome and state.outcome.response:
        at = lifecycle.execute_at(state.rules, state.outcome.response)
        assert (state.status == Status.SCHEDULED) == (at is not None)
        assert at is None or at > state.outcome.response.received_at


@given(requests(), st.lists(events, max_size=30))
def test_asking_only_ever_grows(request: DecisionRequest, happening: list[Event]) -> None:
    """Nobody is asked twice, and nobody who was asked is forgotten."""
    state = begun(request)
    for event in happening:
        after = lifecycle.apply(state, event)
        assert after.asked[: len(state.asked)] == state.asked
        assert after.log[: len(state.log)] == state.log
        before, state = state, after
        assert after.used[: len(before.used)] == before.used
    people = [asked.approver for asked in state.asked]
    assert len(people) == len(set(people))
    assert len(state.used) == len(set(state.used))


@given(requests(), responses())
def test_the_deadline_rule_looks_at_the_stamp_alone(
    request: DecisionRequest, response: SignedResponse
) -> None:
    """When the workflow hears of it makes no difference, as long as nothing else happened."""
    state = begun(request)
    early, late = (Responded(START + timedelta(minutes=m), response) for m in (0, 1_000))
    assert (lifecycle.apply(state, early).outcome is None) == (
        lifecycle.apply(state, late).outcome is None
    )


@given(requests(), st.lists(events, max_size=20), failed_deliveries(), instants)
def test_the_same_failure_counts_once(
    request: DecisionRequest,
    happening: list[Event],
    failed: SignedFailedDelivery,
    at: datetime,
) -> None:
    """Whatever was before: told again, it asks nobody and is none in the record."""
    report = FailureReported(at, failed)
    once = reduce(lifecycle.apply, [*happening, report], begun(request))
    twice = lifecycle.apply(once, report)
    assert (twice.level, twice.asked, twice.unreached) == (once.level, once.asked, once.unreached)
    assert "delivery.failed" not in [entry.type for entry in twice.log[len(once.log) :]]


@given(requests(), st.lists(events, max_size=20))
def test_nobody_waits_for_those_who_were_not_reached(
    request: DecisionRequest, happening: list[Event]
) -> None:
    """It is pending with nobody left only once all were asked, and each declined or was missed."""
    state = reduce(lifecycle.apply, happening, begun(request))
    if state.is_unreachable:
        assert state.status == Status.PENDING
        assert state.level == len(state.rules.steps) - 1
        for asked in state.asked:
            assert asked.approver in state.declined or not state.can_be_reached(asked.approver)


@given(requests(), st.data(), minutes)
def test_a_failed_message_and_time_commute(
    request: DecisionRequest, data: st.DataObject, after: float
) -> None:
    """They may come in one workflow task, in an order that is nobody's promise."""
    at = START + timedelta(minutes=after)
    # Only who was asked can be missed, and by what they were asked.
    approver, channel = data.draw(st.sampled_from(begun(request).used))
    failed, passed = DeliveryFailed(at, approver, channel, "no"), TimePassed(at)
    one = reduce(lifecycle.apply, [failed, passed], begun(request))
    other = reduce(lifecycle.apply, [passed, failed], begun(request))
    assert one.outcome == other.outcome
    if one.outcome is None:
        assert (one.level, one.asked) == (other.level, other.asked)
        assert sorted(one.used) == sorted(other.used)


@given(requests(), reminders, st.lists(events, max_size=20))
def test_reminders_are_bounded_and_end(
    request: DecisionRequest, reminders: Reminders, happening: list[Event]
) -> None:
    """At most as many at each level as there are to be, only before the end, only to who may
    answer; and time alone still ends every decision."""
    state = begun(request, reminders=reminders)
    for event in happening:
        before, state = state, lifecycle.apply(state, event)
        for entry in state.log[len(before.log) :]:
            if entry.type == "approver.reminded":
                assert state.may_answer(entry.details["approver"])
                assert state.outcome is None
                assert 1 <= entry.details["number"] <= reminders.most
    for _ in range((len(state.rules.steps) + 1) * (reminders.most + 1)):
        if (deadline := lifecycle.next_deadline(state)) is None:
            break
        after = lifecycle.apply(state, TimePassed(deadline))
        assert after != state
        state = after
    assert state.outcome is not None


@given(requests(), st.lists(events, max_size=30))
def test_a_step_up_is_never_skipped(request: DecisionRequest, happening: list[Event]) -> None:
    """Where it is needed, every person's answer names a code that was asked for them before."""
    state = begun(request, step_up=True)
    for event in happening:
        before, state = state, lifecycle.apply(state, event)
        if state.outcome and not before.outcome and state.outcome.origin == Origin.HUMAN:
            assert state.outcome.response
            response = state.outcome.response
            assert (response.approver, response.step_up) in before.codes
        assert len(state.declined) == len(before.declined) or before.codes


@given(requests(), st.dictionaries(st.sampled_from(PEOPLE), routes()), st.lists(events))
def test_every_channel_comes_in_its_time(
    request: DecisionRequest, own: dict[str, list[dict[str, Any]]], happening: list[Event]
) -> None:
    """Nobody who may answer waits for a channel whose time has come, and none comes earlier but
    where those before it failed."""
    state = begun(request, routes=own)
    for event in happening:
        before, state = state, lifecycle.apply(state, event)
        if state.outcome:
            assert state.used == before.used
            continue
        if isinstance(event, TimePassed):
            assert all(use.at > event.at for use in unused(state))
        for asked in state.asked:
            if state.may_answer(asked.approver) and state.can_be_reached(asked.approver):
                assert state.working_channels(asked.approver)
        for use in unused(before):
            if (use.approver, use.channel) in state.used and event.at < use.at:
                assert not before.working_channels(use.approver) or isinstance(
                    event, (DeliveryFailed, FailureReported)
                )


def test_refusals_are_bounded() -> None:
    """Nobody fills the record: it says when it stops to listen, and goes on deciding."""
    request = DecisionRequest(action="act", approver=PEOPLE[0])
    state = begun(request)
    for _ in range(MAX_REFUSALS + 50):
        state = lifecycle.apply(state, Refused(START, "malformed", "no"))
    refused = [entry for entry in state.log if entry.type == "response.refused"]
    assert len(refused) == MAX_REFUSALS
    assert refused[-1].details["reason"] == "too_many"
    assert state.refusals == MAX_REFUSALS + 50
    response = SignedResponse(
        decision_id="d",
        run_id="run",
        request_digest="0",
        approver=PEOPLE[0],
        choice="approve",
        received_at=START,
        signature=Signature(key_id="k", value="v"),
    )
    assert lifecycle.apply(state, Responded(START, response)).status == Status.APPROVED


@pytest.mark.parametrize(("options", "refused"), [(["approve"], "deny"), (["deny"], "approve")])
def test_only_what_was_offered_counts(options: list[str], refused: str) -> None:
    """The buttons of the request are the rule, on every way in."""
    request = DecisionRequest.model_validate(
        {"action": "act", "approver": PEOPLE[0], "options": options}
    )
    response = SignedResponse(
        decision_id="d",
        run_id="run",
        request_digest="0",
        approver=PEOPLE[0],
        choice=refused,
        received_at=START,
        signature=Signature(key_id="k", value="v"),
    )
    why = objections.objection(begun(request), response)
    assert why is not None
    assert why.reason == "not_offered"
