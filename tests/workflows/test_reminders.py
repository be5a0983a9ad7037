"""Reminders: whom, when, how often, and never after the end."""

from __future__ import annotations

from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from handover.models import Status
from tests.workflows.harness import ALICE, BOB, CAROL, Asking
from workflows.messages import REMINDER, UNDELIVERABLE, Reminders


def reminding(client: Client, reminders: Reminders | None, **request: object) -> Asking:
    asking = Asking.of(client, **request)
    asking.input.reminders = reminders
    return asking


async def test_who_has_not_answered_is_reminded(time_skipping: WorkflowEnvironment) -> None:
    """First after `after_minutes`, then every `every_minutes`, as often as there are to be."""
    reminders = Reminders(after_minutes=10, every_minutes=20, most=2)
    asking = reminding(
        time_skipping.client, reminders, approver=[ALICE, BOB], timeout_minutes=24 * 60
    )
    async with asking.worker():
        await asking.start()
        outcome = await asking.result()
    assert outcome.status == Status.EXPIRED
    sent = [s for s in asking.mailroom.sent if s.message == REMINDER]
    assert sorted((s.approver, s.number) for s in sent) == [
        (who, number) for who in (ALICE, BOB) for number in (1, 2)
    ]
    reading = await asking.reading()
    at = [entry.at for entry in reading.entries if entry.type == "approver.reminded"]
    minutes = [round((each - asking.input.created_at).total_seconds() / 60) for each in at]
    assert minutes == [10, 10, 30, 30]


async def test_an_escalation_begins_its_own_count(time_skipping: WorkflowEnvironment) -> None:
    """Those asked last are reminded, from when they were asked; those before no more."""
    reminders = Reminders(after_minutes=40, every_minutes=40, most=9)
    asking = reminding(
        time_skipping.client,
        reminders,
        timeout_minutes=170,
        escalation=[{"after_minutes": 60, "approvers": [BOB]}],
    )
    async with asking.worker():
        await asking.start()
        await asking.result()
    sent = [(s.approver, s.number) for s in asking.mailroom.sent if s.message == REMINDER]
    assert sent == [(ALICE, 1), (BOB, 1), (BOB, 2)]


async def test_none_comes_after_the_deadline(time_skipping: WorkflowEnvironment) -> None:
    """What would be due later is not sent, and does not keep the decision open."""
    reminders = Reminders(after_minutes=59, every_minutes=2, most=9)
    asking = reminding(time_skipping.client, reminders, timeout_minutes=60)
    async with asking.worker():
        await asking.start()
        await asking.result()
    assert [s.number for s in asking.mailroom.sent if s.message == REMINDER] == [1]


async def test_none_comes_after_an_answer(dev_client: Client) -> None:
    """One that is on its way when the answer comes is given up, and no other begins."""
    reminders = Reminders(after_minutes=0.01, every_minutes=0.01, most=9)
    asking = reminding(dev_client, reminders)
    asking.mailroom.holding = REMINDER
    async with asking.worker():
        await asking.start()
        await asking.recorded("approver.reminded")
        await asking.respond("deny")
        await asking.recorded("decision.denied")
        reminded = len(await asking.recorded("approver.reminded"))
        asking.mailroom.held.set()
        outcome = await asking.result()
    assert outcome.status == Status.DENIED
    reading = await asking.reading()
    assert len([e for e in reading.entries if e.type == "approver.reminded"]) == reminded


async def test_who_declined_is_not_reminded(time_skipping: WorkflowEnvironment) -> None:
    """ "Not me" was their answer."""
    reminders = Reminders(after_minutes=30, every_minutes=60, most=1)
    asking = reminding(time_skipping.client, reminders, approver=[ALICE, BOB], timeout_minutes=60)
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent", times=2)
        await asking.respond("not_me", BOB)
        await asking.recorded("approver.declined")
        await asking.result()
    assert asking.mailroom.told(REMINDER) == [ALICE]


REFUSED = ApplicationError("no such box", type=UNDELIVERABLE, non_retryable=True)


async def test_an_operator_is_told_of_who_cannot_be_reached(client: Client) -> None:
    """Once for each, while the next are asked."""
    asking = Asking.of(client, escalation=[{"after_minutes": 30, "approvers": [CAROL]}])
    asking.input.operator = "ops@example.com"
    asking.mailroom.fail[ALICE] = REFUSED
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent", times=2)
        await asking.respond("approve", CAROL)
        await asking.result()
    told = [(s.message, s.approver) for s in asking.mailroom.sent]
    assert ("delivery-failure", "ops@example.com") in told
    assert ("escalation", CAROL) in told


async def test_without_an_operator_nobody_is_told(client: Client) -> None:
    """The next are asked all the same."""
    asking = Asking.of(client, escalation=[{"after_minutes": 30, "approvers": [CAROL]}])
    asking.mailroom.fail[ALICE] = REFUSED
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        await asking.respond("approve", CAROL)
        await asking.result()
    assert [sent.message for sent in asking.mailroom.sent] == ["escalation"]
