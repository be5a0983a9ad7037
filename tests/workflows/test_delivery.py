"""A message that was sent and did not arrive: told by the API, and asked past it at once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from handover.models import Decision, Status
from histories.decision import read_decision
from tests.workflows.harness import ALICE, BOB, CAROL, Asking, signer, stranger
from workflows.messages import DELIVERY_FAILURE, UNDELIVERABLE
from workflows.statements import DELIVERY_FAILED, FailedDelivery, SignedFailedDelivery

OPERATOR = "ops@example.com"
LATER = [{"after_minutes": 30, "approvers": [BOB]}]


def failed(asking: Asking, by: str = ALICE, **changes: Any) -> FailedDelivery:
    told = FailedDelivery(
        **asking.about(),
        approver=by,
        channel="email",
        message="decision-request",
        reason="no such user",
        provider_message_id="id-1",
        provider_event_id="event-1",
    )
    return told.model_copy(update=changes)


async def tell(asking: Asking, by: str = ALICE, **changes: Any) -> None:
    signed = signer.sign(failed(asking, by, **changes), SignedFailedDelivery)
    await asking.handle.signal(DELIVERY_FAILED, signed)


async def decision_now(asking: Asking) -> Decision:
    return read_decision(await asking.reading(), datetime.now(UTC))


async def test_a_bounce_asks_the_next_at_once(client: Client) -> None:
    """It is recorded with what told it, and the message reads as failed."""
    asking = Asking.of(client, escalation=LATER)
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        await tell(asking)
        [entry] = await asking.recorded("delivery.failed")
        [escalated] = await asking.recorded("decision.escalated")
        await asking.recorded("notification.sent", times=2)
        decision = await decision_now(asking)
        await asking.respond("approve", by=BOB)
        outcome = await asking.result()
    assert entry == {
        "approver": ALICE,
        "channel": "email",
        "reason": "no such user",
        "message": "decision-request",
        "provider_event_id": "event-1",
    }
    assert escalated["reason"] == "undeliverable"
    assert [(n.approver, n.result, n.reason) for n in decision.notifications] == [
        (ALICE, "failed", "no such user"),
        (BOB, "sent", None),
    ]
    assert not decision.unreachable
    assert (outcome.status, outcome.by) == (Status.APPROVED, BOB)
    assert asking.mailroom.told("escalation") == [BOB]
    # Nobody is told of the end who was never reached.
    assert asking.mailroom.told("settled") == []


async def test_a_late_answer_still_counts(client: Client) -> None:
    """Whoever got it another way, from a colleague for example, was asked all the same."""
    asking = Asking.of(client, escalation=LATER)
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        await tell(asking)
        await asking.recorded("notification.sent", times=2)
        await asking.respond("deny", by=ALICE)
        assert (await asking.result()).by == ALICE


async def test_the_same_failure_twice_is_one(client: Client) -> None:
    """However many events tell of it: the next approver is asked, and not the one after."""
    steps = [*LATER, {"after_minutes": 40, "approvers": [CAROL]}]
    asking = Asking.of(client, escalation=steps)
    asking.input.operator = OPERATOR
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        await tell(asking)
        await tell(asking, provider_event_id="event-2", reason="Bounced Address")
        [refused] = await asking.recorded("response.refused")
        await asking.recorded("notification.sent", times=3)
        state = (await asking.reading()).state
        await asking.handle.cancel()
        await asking.result()
    assert (refused["reason"], refused["provider_event_id"]) == ("known", "event-2")
    assert state
    assert [asked.approver for asked in state.asked] == [ALICE, BOB]
    assert asking.mailroom.told(DELIVERY_FAILURE) == [OPERATOR]


async def test_a_reminder_that_bounces_is_a_failure_too(client: Client) -> None:
    """An address may go bad while its owner is asked."""
    asking = Asking.of(client, escalation=LATER)
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        await tell(asking, message="reminder")
        await asking.recorded("decision.escalated")
        await asking.handle.cancel()
        await asking.result()


async def test_what_asks_nothing_changes_nothing(client: Client) -> None:
    """Nor what was never sent to this person, nor what anybody else signs, nor a scrap."""
    asking = Asking.of(client, escalation=LATER)
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        await tell(asking, message="receipt")
        await tell(asking, by=BOB)
        forged = stranger.sign(failed(asking), SignedFailedDelivery)
        await asking.handle.signal(DELIVERY_FAILED, forged)
        other = signer.sign(failed(asking, run_id="another"), SignedFailedDelivery)
        await asking.handle.signal(DELIVERY_FAILED, other)
        changed = signer.sign(failed(asking), SignedFailedDelivery)
        await asking.handle.signal(
            DELIVERY_FAILED, changed.model_copy(update={"message": "reminder"})
        )
        await asking.handle.signal(DELIVERY_FAILED, {"approver": ALICE})
        refused = await asking.recorded("response.refused", times=6)
        reading = await asking.reading()
        await asking.handle.cancel()
        await asking.result()
    reasons = ["not_asked", "not_asked", "unproven", "unproven", "unproven", "malformed"]
    assert [each["reason"] for each in refused] == reasons
    assert not [entry for entry in reading.entries if entry.type == "delivery.failed"]
    assert reading.state.level == 0


async def test_a_failure_after_the_end_changes_nothing(client: Client) -> None:
    """The outcome stands; at most it is on record that somebody told."""
    asking = Asking.of(client, escalation=LATER, callback_url="https://agent.example.com/hook")
    asking.mailroom.callbacks = ["the server answered 500"]
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        await asking.respond("approve")
        await asking.recorded("callback.failed")
        await tell(asking)
        [refused] = await asking.recorded("response.refused")
        await asking.handle.cancel()
        outcome = await asking.result()
    assert refused["reason"] == "already_settled"
    assert outcome.status == Status.APPROVED
    assert asking.mailroom.told("escalation") == []


@pytest.mark.parametrize("how", ["told by the provider", "told by the activity"])
async def test_with_nobody_left_it_says_so(client: Client, how: str) -> None:
    """To whoever reads the decision, and to the operator, as long as it is pending."""
    asking = Asking.of(client, approver=[ALICE, BOB])
    asking.input.operator = OPERATOR
    if how == "told by the activity":
        gone = ApplicationError("no such user", type=UNDELIVERABLE, non_retryable=True)
        asking.mailroom.fail = {ALICE: gone, BOB: gone}
    async with asking.worker():
        await asking.start()
        if how == "told by the provider":
            await asking.recorded("notification.sent", times=2)
            await tell(asking, ALICE)
            await asking.recorded("delivery.failed")
            assert not (await decision_now(asking)).unreachable
            assert (await asking.reading()).state.awaited == [BOB]
            await tell(asking, BOB, provider_message_id="id-2")
        await asking.recorded("delivery.failed", times=2)
        assert (await decision_now(asking)).unreachable
        assert (await asking.reading()).state.awaited == []
        await asking.respond("approve", by=BOB)
        await asking.result()
        assert not (await decision_now(asking)).unreachable
    assert asking.mailroom.told(DELIVERY_FAILURE) == [OPERATOR, OPERATOR]


async def test_by_one_of_two_channels_is_reached(client: Client) -> None:
    """Whose mail bounces and who has it in Slack as well can still be reached."""
    asking = Asking.of(client, channel=["email", "slack"])
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent", times=2)
        await tell(asking)
        await asking.recorded("delivery.failed")
        assert not (await decision_now(asking)).unreachable
        await tell(asking, channel="slack", provider_message_id="id-2")
        await asking.recorded("delivery.failed", times=2)
        assert (await decision_now(asking)).unreachable
        await asking.handle.cancel()
        await asking.result()
