"""A message that is tried again says why and since when, and that nobody was reached for long."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import PendingActivityState as State
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from api.decisions import delays
from api.decisions.clock import Clock
from api.decisions.decisions import Decisions
from api.decisions.documents import decision_of
from api.decisions.executions import Executions
from api.decisions.waiting import Waiting
from api.problems.errors import Unavailable
from handover.models import Decision
from histories.decision import read_decision
from histories.loading import Histories
from histories.reading import Live
from store import open_store
from store.keys import ApiKey
from tests.readings import live
from tests.support import eventually
from tests.workflows.harness import ALICE, BOB, Asking, signer
from workflows.messages import HELD_BACK

REFUSED = "The mail server refuses our login. Check HANDOVER_SMTP_PASSWORD."
MINUTE = timedelta(minutes=1)
SOON = timedelta(seconds=0.5)


@pytest.fixture
async def decisions(
    temporal: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Decisions]:
    """As the API reads them, and which ask at once what keeps a message."""
    monkeypatch.setattr(delays, "PUNCTUAL", timedelta())
    store = await open_store(tmp_path / "store.db")
    waiting = Waiting(temporal, Histories(temporal, signer.keyring), 10)
    yield Decisions(temporal, store, Executions(store, signer, Clock(temporal)), waiting)
    await store.close()


async def read(decisions: Decisions, asking: Asking) -> Live:
    key = ApiKey("key_1", asking.input.agent)
    return live(await decisions.read_for(key, asking.input.id))


async def kept(decisions: Decisions, asking: Asking, reason: str) -> Live:
    """The decision, once a message of it says that this keeps it."""

    async def is_kept() -> Live | None:
        reading = await read(decisions, asking)
        return (
            reading
            if reason in [each.reason for each in decision_of(reading).undelivered]
            else None
        )

    reading = await eventually(is_kept)
    assert reading
    return reading


def after(reading: Live, span: timedelta) -> Decision:
    """As it would read so long after it was asked, were nothing to happen."""
    return read_decision(reading, reading.input.created_at + span)


async def test_why_and_since_when_until_it_goes_out(temporal: Client, decisions: Decisions) -> None:
    """From the first failure on; nobody counts as reached after five minutes, or half of a shorter
    life. Once it is sent nothing of it is left."""
    asking = Asking.of(temporal, timeout_minutes=60)
    asking.mailroom.fail[ALICE] = ApplicationError(REFUSED, next_retry_delay=SOON)
    async with asking.worker():
        await asking.start()
        reading = await kept(decisions, asking, REFUSED)
        [message] = decision_of(reading).notifications
        asking.mailroom.fail.clear()
        await asking.recorded("notification.sent")
        sent = await read(decisions, asking)
        await asking.handle.terminate()
    assert (message.result, message.reason, message.since) == ("pending", REFUSED, message.at)
    assert not after(reading, 5 * MINUTE - timedelta(seconds=1)).unreachable
    assert after(reading, 5 * MINUTE).unreachable
    [told] = after(sent, 30 * MINUTE).notifications
    assert (told.result, told.reason, told.since) == ("sent", None, None)
    assert not after(sent, 30 * MINUTE).unreachable


async def test_half_of_a_short_life_is_long(temporal: Client, decisions: Decisions) -> None:
    """Also where no worker has looked at the decision, so that there is no message at all."""
    asking = Asking.of(temporal, timeout_minutes=4)
    await asking.start()
    reading = await read(decisions, asking)
    await asking.handle.terminate()
    assert decision_of(reading).notifications == []
    assert not after(reading, 1.9 * MINUTE).unreachable
    assert after(reading, 2 * MINUTE).unreachable


async def test_what_is_held_back_is_no_failure(temporal: Client, decisions: Decisions) -> None:
    """It says until when it waits, and its reader counts as one who will be reached."""
    asking = Asking.of(temporal)
    held = "held back until 2026-03-13 06:00:00 UTC (quiet hours)"
    asking.mailroom.fail[ALICE] = ApplicationError(held, type=HELD_BACK)
    async with asking.worker():
        await asking.start()
        reading = await kept(decisions, asking, held)
        await asking.handle.terminate()
    assert [each.reason for each in decision_of(reading).notifications] == [held]
    assert not after(reading, 30 * MINUTE).unreachable


async def test_one_who_was_reached_is_enough(temporal: Client, decisions: Decisions) -> None:
    """Of two who are asked; the other's message says why it waits."""
    asking = Asking.of(temporal, approver=[ALICE, BOB])
    asking.mailroom.fail[BOB] = ApplicationError(REFUSED, type="ProviderRefused")
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        reading = await kept(decisions, asking, REFUSED)
        await asking.handle.terminate()
    assert [each.approver for each in decision_of(reading).undelivered] == [BOB]
    assert not after(reading, 30 * MINUTE).unreachable


async def test_where_temporal_does_not_tell_nothing_is_claimed(
    temporal: Client, decisions: Decisions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists and records do not ask, and the decision is read all the same."""
    asking = Asking.of(temporal)
    await asking.start()
    reading = await asking.reading()
    assert not after(reading, 30 * MINUTE).unreachable
    monkeypatch.setattr(delays, "asking_temporal", away)
    unasked = await read(decisions, asking)
    await asking.handle.terminate()
    assert not after(unasked, 30 * MINUTE).unreachable


@asynccontextmanager
async def away() -> AsyncGenerator[None]:
    raise Unavailable("Temporal is away.")
    yield


@pytest.mark.parametrize(
    ("state", "minutes", "reason"),
    [
        (State.PENDING_ACTIVITY_STATE_SCHEDULED, 1, "No worker has taken it up yet."),
        (State.PENDING_ACTIVITY_STATE_SCHEDULED, 0, None),
        (State.PENDING_ACTIVITY_STATE_STARTED, 1, None),
        (State.PENDING_ACTIVITY_STATE_PAUSED, 0, "An operator has paused it in Temporal."),
        (State.PENDING_ACTIVITY_STATE_PAUSE_REQUESTED, 0, "An operator has paused it in Temporal."),
    ],
)
async def test_what_has_not_failed(
    state: State.ValueType, minutes: float, reason: str | None
) -> None:
    """Waits for a worker, is being sent, or was paused."""
    pending = PendingActivityInfo(state=state)
    pending.scheduled_time.FromDatetime(datetime.now(UTC) - minutes * MINUTE)
    found = await delays.delay_of(pending, None)
    assert (found and found.reason) == reason
