"""The way of a decision through its workflow."""

from __future__ import annotations

from datetime import timedelta

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from handover.models import Origin, Status
from tests.workflows.harness import ALICE, BOB, CAROL, Asking
from workflows import lifecycle, options
from workflows.messages import UNDELIVERABLE

SEED = {"approver": ALICE, "timeout_minutes": 120}
SEED_ESCALATION = [{"after_minutes": 30, "approvers": [BOB]}]


@pytest.mark.parametrize(
    ("choice", "data", "status"),
    [
        ("approve", None, Status.APPROVED),
        ("deny", None, Status.DENIED),
        ("modify", {"action": "Refund half"}, Status.MODIFIED),
    ],
)
async def test_an_answer_settles_the_decision(
    client: Client, choice: str, data: dict[str, str] | None, status: Status
) -> None:
    """The outcome says who answered what, and carries the proof."""
    asking = Asking.of(client)
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        await asking.respond(choice, notes="so be it", data=data)
        outcome = await asking.result()
    assert (outcome.status, outcome.origin, outcome.by) == (status, Origin.HUMAN, ALICE)
    assert outcome.response is not None
    assert (outcome.response.notes, outcome.response.data) == ("so be it", data)


async def test_seed_case_with_skipped_time(time_skipping: WorkflowEnvironment) -> None:
    """Nobody answers in 30 minutes: the backup approver is asked; nobody answers in two hours:
    auto-denied, and the expiry is in the record."""
    asking = Asking.of(time_skipping.client, **SEED, escalation=SEED_ESCALATION)
    async with asking.worker():
        await asking.start()
        outcome = await asking.result()
    assert (outcome.status, outcome.origin, outcome.by) == (Status.EXPIRED, Origin.TIMEOUT, None)
    assert asking.mailroom.told("decision-request") == [ALICE]
    assert asking.mailroom.told("escalation") == [BOB]
    entries = {entry.type: entry for entry in (await asking.reading()).entries}
    escalated, expired = entries["decision.escalated"], entries["decision.expired"]
    assert escalated.details["approvers"] == [BOB]
    after = escalated.at - asking.input.created_at, expired.at - asking.input.created_at
    assert timedelta(minutes=30) <= after[0] < timedelta(minutes=31)
    assert timedelta(hours=2) <= after[1] < timedelta(hours=2, minutes=1)


async def test_seed_case_on_the_real_server(dev_client: Client) -> None:
    """The same story in seconds, with real clocks."""
    escalation = [{"after_minutes": 1 / 60, "approvers": [BOB]}]
    asking = Asking.of(dev_client, approver=ALICE, timeout_minutes=3 / 60, escalation=escalation)
    async with asking.worker():
        await asking.start()
        outcome = await asking.result()
    assert outcome.status == Status.EXPIRED
    assert outcome.at >= asking.input.expires_at
    types = [entry.type for entry in (await asking.reading()).entries]
    assert types.index("decision.escalated") < types.index("decision.expired")
    assert sorted(asking.mailroom.told("settled")) == [ALICE, BOB]


async def test_the_first_approver_may_still_answer_after_the_escalation(client: Client) -> None:
    """Asking somebody else takes nothing away from who was asked first."""
    asking = Asking.of(client, escalation=[{"after_minutes": 0.01, "approvers": [BOB]}])
    async with asking.worker():
        await asking.start()
        await asking.recorded("decision.escalated")
        await asking.recorded("notification.sent", times=2)
        await asking.respond("approve", by=ALICE)
        outcome = await asking.result()
    assert (outcome.status, outcome.by) == (Status.APPROVED, ALICE)
    assert asking.mailroom.told("settled") == [BOB]


async def test_not_me_asks_the_next_at_once(client: Client) -> None:
    """The wrong person says so, and their word no longer counts."""
    asking = Asking.of(client, escalation=[{"after_minutes": 30, "approvers": [BOB]}])
    async with asking.worker():
        await asking.start()
        await asking.respond("not_me")
        escalated = await asking.recorded("decision.escalated")
        await asking.respond("approve", by=ALICE)
        refused = await asking.recorded("response.refused")
        await asking.recorded("notification.sent", times=2)
        await asking.respond("deny", by=BOB)
        outcome = await asking.result()
    assert escalated[0]["reason"] == "not_me"
    assert refused[0]["reason"] == "not_asked"
    assert (outcome.status, outcome.by) == (Status.DENIED, BOB)
    assert asking.mailroom.told("settled") == []


async def test_a_bad_address_asks_the_next_at_once(client: Client) -> None:
    """A message that cannot be delivered is recorded and fails nothing."""
    asking = Asking.of(client, escalation=[{"after_minutes": 30, "approvers": [BOB]}])
    asking.mailroom.fail[ALICE] = ApplicationError(
        "no such mailbox", type=UNDELIVERABLE, non_retryable=True
    )
    async with asking.worker():
        await asking.start()
        failed = await asking.recorded("delivery.failed")
        await asking.recorded("notification.sent")
        await asking.respond("approve", by=BOB)
        outcome = await asking.result()
    assert failed[0] == {"approver": ALICE, "channel": "email", "reason": "no such mailbox"}
    assert outcome.by == BOB


async def test_a_message_that_keeps_failing_is_tried_until_the_end(client: Client) -> None:
    """Retries neither hold up the answer nor outlive the decision."""
    asking = Asking.of(client, approver=[ALICE, BOB])
    asking.mailroom.fail[BOB] = ApplicationError("greylisted")
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        await asking.respond("approve")
        outcome = await asking.result()
    assert outcome.status == Status.APPROVED
    notes = {n.approver: n.result for n in (await asking.reading()).notifications}
    assert notes == {ALICE: "sent", BOB: "pending"}
    latest = timedelta(minutes=asking.input.request.timeout_minutes) + lifecycle.GRACE
    async for event in asking.handle.fetch_history_events():
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            scheduled = event.activity_task_scheduled_event_attributes
            assert scheduled.retry_policy.maximum_attempts == 0  # any number
            assert scheduled.schedule_to_close_timeout.ToTimedelta() <= latest


async def test_the_closing_phase_tells_those_concerned(client: Client) -> None:
    """Who answered gets a receipt, who was asked too learns that it is settled."""
    asking = Asking.of(client, approver=[ALICE, BOB, CAROL])
    asking.input.receipts = True
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent", times=3)
        await asking.respond("approve", by=BOB)
        await asking.result()
    assert sorted(asking.mailroom.told("settled")) == [ALICE, CAROL]
    assert asking.mailroom.told("receipt") == [BOB]


async def test_an_operator_who_cancels_in_temporal_settles_the_decision(client: Client) -> None:
    """Temporal's own Cancel is an outcome: those asked are told, and nothing is permitted."""
    asking = Asking.of(client)
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        await asking.handle.cancel()
        outcome = await asking.result()
    assert (outcome.status, outcome.origin) == (Status.CANCELLED, Origin.OPERATOR)
    assert asking.mailroom.told("settled") == [ALICE]


async def test_cancelling_the_closing_phase_keeps_the_outcome(client: Client) -> None:
    """An operator ends a closing phase that hangs; the answer stays what it was."""
    asking = Asking.of(client, approver=[ALICE, BOB])
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent", times=2)
        asking.mailroom.fail[BOB] = ApplicationError("greylisted")
        await asking.respond("approve")
        await asking.happened(EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED, times=3)
        await asking.handle.cancel()
        outcome = await asking.result()
    assert outcome.status == Status.APPROVED


async def test_a_plain_decision_costs_what_it_should(dev_client: Client) -> None:
    """Start, notification, timer, signal, upsert: at most 18 events, the last three in one task."""
    asking = Asking.of(dev_client)
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        await asking.respond("approve")
        await asking.result()
    kinds = [event.event_type async for event in asking.handle.fetch_history_events()]
    assert len(kinds) <= 18
    assert kinds.count(EventType.EVENT_TYPE_TIMER_STARTED) == 1
    assert kinds[-3:] == [
        EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
        EventType.EVENT_TYPE_TIMER_CANCELED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
    ]


async def test_refused_signals_arm_no_further_timer(dev_client: Client) -> None:
    """Noise costs what its signals cost: the one timer stays."""
    asking = Asking.of(dev_client)
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        for _ in range(3):
            await asking.respond("approve", by=CAROL)
        await asking.recorded("response.refused", times=3)
        await asking.respond("deny")
        await asking.result()
    kinds = [event.event_type async for event in asking.handle.fetch_history_events()]
    assert kinds.count(EventType.EVENT_TYPE_TIMER_STARTED) == 1


async def test_a_decision_lives_without_search_attributes(client: Client) -> None:
    """On a server that does not know them the workflow does not touch them."""
    asking = Asking.of(client)
    asking.input.indexed = False
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        await asking.respond("approve")
        outcome = await asking.result()
    assert outcome.status == Status.APPROVED


async def test_operators_read_what_it_waits_for(dev_client: Client) -> None:
    """The Temporal UI says it in words, and those words are what the fold of the history says."""
    asking = Asking.of(dev_client, escalation=[{"after_minutes": 30, "approvers": [BOB]}])
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        metadata = await asking.handle.query(
            "__temporal_workflow_metadata", result_type=WorkflowMetadata
        )
        description = await asking.handle.describe()
        state = (await asking.reading()).state
    assert state is not None
    assert metadata.current_details == options.current_details(state)
    assert ALICE in metadata.current_details
    assert f"asks {BOB}" in metadata.current_details
    assert await description.static_summary() == "Refund"
    assert lifecycle.next_deadline(state) is not None
    await asking.handle.terminate()
