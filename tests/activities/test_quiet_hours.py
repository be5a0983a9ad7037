"""Messages that wait for the morning: which ones, for how long, and what Temporal makes of it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowHandle
from temporalio.exceptions import ApplicationErrorCategory

from activities.holding import Due, due, is_needless
from activities.task_queues import working
from handover.models import Notification
from histories.entries import AuditEntry
from histories.reading import Live, Message
from store.approvers import Preferences, QuietHours
from tests.activities.samples import ANN, BOB, CARL, SIGNER, begun_now, make_decision, make_outcome
from tests.activities.scenes import Scene, sending
from tests.readings import read_all
from tests.support import eventually
from workflows.lifecycle import begin
from workflows.messages import HELD_BACK, WORKFLOW, DecisionInput, Outcome, SendNotificationInput
from workflows.statements import RESPOND

MINUTE = timedelta(minutes=1)


def quiet_now(zone: str = "UTC") -> Preferences:
    """It has been quiet for an hour and is for six more."""
    now = datetime.now(UTC)
    hours = [(now + timedelta(hours=n)).time().replace(second=0, microsecond=0) for n in (-1, 6)]
    return Preferences(time_zone=zone, quiet_hours=QuietHours(*hours))


def info(ago: timedelta = timedelta()) -> dict[str, Any]:
    """What Temporal tells of a message that was due so long ago."""
    scheduled = datetime.now(UTC) - ago
    return {"scheduled_time": scheduled, "schedule_to_close_timeout": timedelta(hours=24)}


async def test_a_question_waits_and_is_asked_in_time(scene: Scene):
    """Until half of the time to the next step has passed, and not for longer at the next attempt;
    nobody is alarmed, and nothing counts as sent."""
    scene.approvers.preferences[ANN] = quiet_now()
    input = sending(await scene.decision())  # Bob and Carl are asked ten minutes after Ann
    failure = await scene.failure(input, **info())
    assert (failure.type, failure.non_retryable) == (HELD_BACK, False)
    assert failure.category == ApplicationErrorCategory.BENIGN
    assert failure.message.startswith("held back until ")
    assert failure.message.endswith(" UTC (quiet hours, for half of the time that is left)")
    delay = failure.next_retry_delay
    assert delay is not None
    assert 4 * MINUTE < delay <= 5 * MINUTE
    failure = await scene.failure(input, attempt=2, **info(ago=4 * MINUTE))
    assert failure.next_retry_delay is not None
    assert 2 * MINUTE < failure.next_retry_delay <= 3 * MINUTE  # half of 4 + 10, less these 4
    assert scene.channel.notices == scene.deliveries.rows == []
    await scene.send(input, attempt=3, **info(ago=11 * MINUTE))
    assert len(scene.channel.notices) == 1


async def test_whoever_is_asked_last_has_until_the_expiry(scene: Scene):
    """Nobody comes after Bob, so it is half of the time to the end of the decision."""
    scene.approvers.preferences[BOB] = quiet_now()
    input = sending(await scene.decision(timeout_minutes=120), "escalation", BOB)
    failure = await scene.failure(input, **info())
    assert failure.next_retry_delay is not None
    assert 55 * MINUTE < failure.next_retry_delay <= 60 * MINUTE


async def test_it_is_quiet_by_their_own_clock(scene: Scene):
    """At noon where they are, whatever it is where the service runs."""
    input = sending(await scene.decision())
    scene.approvers.preferences[ANN] = quiet_now("Asia/Tokyo")
    await scene.send(input, **info())
    assert len(scene.channel.notices) == 1


@pytest.mark.parametrize(
    ("message", "channel", "waits"),
    [
        ("decision-request", "email", True),
        ("decision-request", "slack", True),
        ("decision-request", "webhook", False),
        ("reminder", "email", True),
        ("reminder", "webhook", False),
    ],
)
async def test_what_waits(scene: Scene, message: str, channel: str, waits: bool):
    """What asks a person; a system sleeps at no time."""
    scene.approvers.preferences[ANN] = quiet_now()
    scene.channels[channel] = scene.channel
    input = sending(await scene.decision(), message, channel=channel)
    if waits:
        assert (await scene.failure(input, **info())).type == HELD_BACK
    else:
        await scene.send(input, **info())
    assert len(scene.channel.notices) == (not waits)


@pytest.mark.parametrize(
    ("message", "channel", "waits"),
    [("settled", "email", True), ("settled", "slack", False), ("receipt", "email", False)],
)
async def test_what_tells(scene: Scene, message: str, channel: str, waits: bool):
    """That others have answered waits for half a day at most; that I have, doesn't; and a message
    in Slack is only changed."""
    decision, outcome = await scene.answered(ANN, "deny")
    hours = quiet_now().quiet_hours
    assert hours
    nearly_always = QuietHours(hours.start, (hours.start.replace(hour=(hours.start.hour - 1) % 24)))
    scene.approvers.preferences[BOB] = Preferences(quiet_hours=nearly_always)
    scene.channels[channel] = scene.channel
    input = sending(decision, message, BOB, outcome, channel)
    if not waits:
        await scene.send(input, **info())
        return
    delay = (await scene.failure(input, **info())).next_retry_delay
    assert delay is not None
    assert timedelta(hours=11.9) < delay <= timedelta(hours=12)


async def test_what_is_critical_wakes_people(scene: Scene):
    """Its question, its reminder and its end."""
    scene.approvers.preferences[ANN] = quiet_now()
    decision = await scene.decision(urgency="critical")
    for message in ("decision-request", "reminder"):
        await scene.send(sending(decision, message), **info())
    assert len(scene.channel.notices) == 2


async def test_a_store_that_is_away_holds_nothing_back(scene: Scene):
    """At night is better than never."""
    scene.approvers.preferences[ANN] = quiet_now()
    scene.approvers.away = True
    await scene.send(sending(await scene.decision()), **info())
    assert len(scene.channel.notices) == 1


class Night:
    """A decision that is asked in its first approver's quiet hours, by a real workflow."""

    def __init__(self, scene: Scene, decision: DecisionInput, queue: str) -> None:
        self.scene, self.decision, self.queue = scene, decision, queue
        self.handle: WorkflowHandle[Any, Outcome] = scene.client.get_workflow_handle(
            decision.id, result_type=Outcome
        )
        self.run_id = ""

    async def start(self) -> None:
        started = await self.scene.client.start_workflow(
            WORKFLOW, self.decision, id=self.decision.id, task_queue=self.queue
        )
        self.run_id = started.first_execution_run_id or ""

    async def respond(self, choice: str = "approve") -> None:
        outcome = make_outcome(
            self.decision, ANN, choice, run_id=self.run_id, received_at=datetime.now(UTC)
        )
        await self.handle.signal(RESPOND, outcome.response)

    async def reading(self) -> Live:
        events = self.handle.fetch_history_events()
        return await read_all(self.decision.id, SIGNER.keyring, events)

    async def pending(self) -> tuple[str, timedelta] | None:
        """Of the one activity that waits to be tried again: why, and for how much longer."""
        description = (await self.handle.describe()).raw_description
        waiting = [p for p in description.pending_activities if p.HasField("last_failure")]
        if not waiting:
            return None
        next_at = waiting[0].scheduled_time.ToDatetime(UTC)
        return waiting[0].last_failure.message, next_at - datetime.now(UTC)


@asynccontextmanager
async def night(scene: Scene, **request: Any) -> AsyncIterator[Night]:
    decision = begun_now(make_decision(f"dec_{secrets.token_hex(6)}", **request))
    queue = f"queue-{secrets.token_hex(6)}"
    async with working(scene.client, queue, scene.notifications.send_notification):
        asked = Night(scene, decision, queue)
        await asked.start()
        yield asked


async def test_operators_see_why_it_waits_and_until_when(scene: Scene):
    """On the pending activity, which Temporal wakes in time: the longest interval of the retry
    policy, five minutes, does not make it try before. And not an event more."""
    scene.approvers.preferences[ANN] = quiet_now()
    async with night(scene, escalation=[], timeout_minutes=60) as asked:
        why, left = await eventually(asked.pending) or ("", timedelta())
        assert why.startswith("held back until ")
        assert 25 * MINUTE < left <= 30 * MINUTE
        reading = await asked.reading()
        assert [each.result for each in reading.notifications] == ["pending"]
        await asked.handle.terminate()
    assert scene.channel.notices == []


async def test_an_answer_ends_the_waiting(scene: Scene):
    """Who found the question by themselves is not asked any more when the night is over."""
    scene.approvers.preferences[ANN] = quiet_now()
    async with night(scene, escalation=[]) as asked:
        await eventually(asked.pending)
        await asked.respond()
        outcome = await asked.handle.result()
        assert outcome.status == "approved"
    assert [notice.message for notice in scene.channel.notices] == ["receipt"]


async def test_a_question_is_asked_when_half_of_the_time_is_over(scene: Scene):
    """With nobody's help: Temporal tries again by itself."""
    scene.approvers.preferences[ANN] = quiet_now()
    async with night(scene, escalation=[], timeout_minutes=0.2) as asked:
        sent = await eventually(lambda: list(scene.channel.notices), timeout=30)
        half = asked.decision.expires_at - timedelta(minutes=0.1)
        assert abs(sent[0].now - half) < timedelta(seconds=4)
        assert sent[0].now < asked.decision.expires_at
        await asked.handle.terminate()


def reminding(number: int = 1) -> SendNotificationInput:
    return sending(make_decision(), "reminder").model_copy(update={"number": number})


DUE = datetime(2026, 3, 12, 22, tzinfo=UTC)


def reading_with(*told: tuple[str, str, str, timedelta, timedelta | None]) -> Live:
    """A decision with these messages: which, to whom, by what, when scheduled, and when sent."""
    messages, entries, decision = list[Message](), list[AuditEntry](), make_decision()
    for message, approver, channel, scheduled, sent in told:
        what: dict[str, Any] = {"message": message, "approver": approver, "channel": channel}
        result = "pending" if sent is None else "sent"
        messages.append(Message("1", Notification(**what, result=result, at=DUE + scheduled)))
        if sent is not None:
            entries.append(AuditEntry(1, "notification.sent", DUE + sent, what))
    return Live(
        decision_id=decision.id,
        run_id="run_1",
        input=decision,
        state=begin(decision),
        messages=messages,
        entries=entries,
    )


BEFORE, AFTER, AT = -30 * MINUTE, 30 * MINUTE, timedelta()
SELF = ("reminder", ANN, "email", AT, None)


@pytest.mark.parametrize(
    ("earlier", "needless"),
    [
        (("decision-request", ANN, "email", BEFORE, BEFORE), False),
        (("decision-request", ANN, "email", BEFORE, None), True),
        (("decision-request", ANN, "email", BEFORE, AFTER), True),
        (("escalation", ANN, "email", BEFORE, AFTER), True),
        (("reminder", ANN, "email", BEFORE, None), True),
        (("reminder", ANN, "email", AFTER, None), False),  # that one is the needless one
        (("decision-request", BOB, "email", BEFORE, None), False),
        (("decision-request", ANN, "slack", BEFORE, None), False),
        (("code", ANN, "email", BEFORE, AFTER), False),
    ],
)
def test_a_reminder_of_what_goes_out_only_now(earlier: Any, needless: bool):
    """Nobody gets a question and its reminder in one minute; nor two reminders."""
    assert is_needless(reminding(2), reading_with(earlier, SELF), DUE) == needless
    assert not is_needless(sending(make_decision()), reading_with(earlier), DUE)


async def test_a_needless_reminder_is_not_sent(scene: Scene):
    """The record says why, no retry makes it useful, and the question itself still comes."""
    scene.approvers.preferences[ANN] = quiet_now()
    reminders = {"after_minutes": 0.01, "every_minutes": 1, "most": 1}
    async with night(scene, escalation=[], timeout_minutes=0.3, reminders=reminders) as asked:
        await eventually(lambda: list(scene.channel.notices), timeout=30)

        async def both_ended() -> bool:
            told = {each.message: each.result for each in (await asked.reading()).notifications}
            return told == {"decision-request": "sent", "reminder": "failed"}

        await eventually(both_ended)
        entries = (await asked.reading()).entries
        [failed] = [each for each in entries if each.type == "notification.failed"]
        assert failed.details["reason"] == "Not sent: what it reminds of goes out only now."
        assert not [each for each in entries if each.type == "delivery.failed"]
        assert [notice.message for notice in scene.channel.notices] == ["decision-request"]
        await asked.handle.terminate()


async def test_the_time_that_is_left_ends_with_what_temporal_gives_it(scene: Scene):
    """A decision that was given more time has messages that were scheduled for less."""
    decision = await scene.decision(escalation=[], timeout_minutes=600)
    events = scene.client.get_workflow_handle(decision.id).fetch_history_events()
    reading = await read_all(decision.id, SIGNER.keyring, events)
    at = decision.created_at
    assert due(sending(decision), reading, at, None) == Due(at, decision.expires_at)
    short = timedelta(minutes=20)
    assert due(sending(decision), reading, at, short) == Due(at, at + short)
    told = sending(decision, "settled", CARL)
    assert due(told, reading, at, timedelta(hours=24)).latest == at + timedelta(hours=12)
