"""Several channels, at once or in turn: who is told by which, and when."""

from __future__ import annotations

from typing import Any

import pytest
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from handover.models import ChannelStep, Status
from tests.workflows.harness import ALICE, BOB, Asking
from workflows.messages import UNDELIVERABLE, Reminders

IN_TURN: list[Any] = ["slack", {"channel": "email", "after_minutes": 5}]


def told(asking: Asking, message: str) -> list[tuple[str, str]]:
    return [
        (each.approver, each.channel) for each in asking.mailroom.sent if each.message == message
    ]


def gone() -> ApplicationError:
    return ApplicationError("no such user", type=UNDELIVERABLE, non_retryable=True)


async def test_the_later_channel_comes_without_an_answer(
    time_skipping: WorkflowEnvironment,
) -> None:
    """And the record says why; both hear of the end."""
    asking = Asking.of(time_skipping.client, channel=IN_TURN)
    async with asking.worker():
        await asking.start()
        outcome = await asking.result()
        [used] = await asking.recorded("channel.used")
    assert outcome.status == Status.EXPIRED
    assert used == {"approver": ALICE, "channel": "email", "reason": "no_answer"}
    assert told(asking, "decision-request") == [(ALICE, "slack"), (ALICE, "email")]
    assert sorted(told(asking, "settled")) == [(ALICE, "email"), (ALICE, "slack")]


async def test_the_later_channel_stays_unused_after_an_answer(client: Client) -> None:
    """Who has answered is not asked again elsewhere, and gets their receipt where they were."""
    asking = Asking.of(client, channel=IN_TURN)
    asking.input.receipts = True
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        await asking.respond("approve")
        await asking.result()
    assert told(asking, "decision-request") == [(ALICE, "slack")]
    assert told(asking, "receipt") == [(ALICE, "slack")]


async def test_a_channel_that_fails_brings_the_next_at_once(client: Client) -> None:
    """Before its time, and before anybody else is asked."""
    asking = Asking.of(
        client, channel=IN_TURN, escalation=[{"after_minutes": 30, "approvers": [BOB]}]
    )
    asking.mailroom.fail = {"slack": gone()}
    async with asking.worker():
        await asking.start()
        [used] = await asking.recorded("channel.used")
        await asking.recorded("notification.sent")
        await asking.respond("approve")
        await asking.result()
    assert used == {"approver": ALICE, "channel": "email", "reason": "undeliverable"}
    assert told(asking, "decision-request") == [(ALICE, "email")]
    assert told(asking, "escalation") == []


async def test_where_all_channels_fail_the_next_are_asked(client: Client) -> None:
    """Each of their channels was tried first; the operator is told when none is left."""
    asking = Asking.of(
        client, channel=IN_TURN, escalation=[{"after_minutes": 30, "approvers": [BOB]}]
    )
    asking.input.operator = "ops@example.com"
    asking.mailroom.fail = {ALICE: gone()}
    async with asking.worker():
        await asking.start()
        failed = await asking.recorded("delivery.failed", times=2)
        [escalated] = await asking.recorded("decision.escalated")
        await asking.recorded("notification.sent", times=2)
        await asking.respond("deny", by=BOB)
        await asking.result()
    assert [each["channel"] for each in failed] == ["slack", "email"]
    assert told(asking, "delivery-failure") == [("ops@example.com", "email")]
    assert escalated["reason"] == "undeliverable"
    assert told(asking, "escalation") == [(BOB, "slack")]


async def test_one_channel_that_works_is_enough(client: Client) -> None:
    """Nobody else is asked, and nothing is said of it by the one that failed."""
    asking = Asking.of(
        client, channel=["slack", "email"], escalation=[{"after_minutes": 30, "approvers": [BOB]}]
    )
    asking.mailroom.fail = {"slack": gone()}
    async with asking.worker():
        await asking.start()
        await asking.recorded("delivery.failed")
        await asking.recorded("notification.sent")
        assert not await entries(asking, "decision.escalated")
        await asking.handle.cancel()
        await asking.result()
    assert told(asking, "settled") == [(ALICE, "email")]


@pytest.mark.parametrize("approver", [ALICE, BOB])
async def test_an_approver_has_channels_of_their_own(client: Client, approver: str) -> None:
    """What they have set stands before what the request says."""
    asking = Asking.of(client, approver=[ALICE, BOB])
    asking.input.routes = {approver: [ChannelStep(channel="slack")]}
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent", times=2)
        await asking.handle.cancel()
        await asking.result()
    other = BOB if approver == ALICE else ALICE
    assert sorted(told(asking, "decision-request")) == sorted(
        [(approver, "slack"), (other, "email")]
    )


async def test_a_reminder_comes_by_the_channels_that_work(
    time_skipping: WorkflowEnvironment,
) -> None:
    """Those not used yet, and those that failed, are left out."""
    asking = Asking.of(
        time_skipping.client,
        channel=["slack", "email", {"channel": "webhook", "after_minutes": 40}],
    )
    asking.input.reminders = Reminders(after_minutes=10, every_minutes=45, most=2)
    asking.mailroom.fail = {"slack": gone()}
    async with asking.worker():
        await asking.start()
        await asking.result()
    reminders = sorted(told(asking, "reminder"))
    assert reminders == [(ALICE, "email"), (ALICE, "email"), (ALICE, "webhook")]


async def entries(asking: Asking, type: str) -> list[dict[str, Any]]:
    return [entry.details for entry in (await asking.reading()).entries if entry.type == type]
