"""Channels have task queues of their own: with a rate, in a fair order, and each by itself."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from activities.task_queues import CONCURRENCY, working
from handover.models import Channel, Urgency
from tests.dev_server import DevServer
from tests.support import eventually
from tests.workflows.harness import Asking, make_input
from workflows import options
from workflows.messages import CODE, SEND_NOTIFICATION, NotificationSent, SendNotificationInput


@dataclass
class Providers:
    """The notification activity's double: one provider for each channel, of which some hang."""

    server: DevServer
    client: Client
    queue: str = field(default_factory=lambda: f"queue-{secrets.token_hex(6)}")
    order: list[str] = field(default_factory=list[str])
    hanging: set[str] = field(default_factory=set[str])
    mended: asyncio.Event = field(default_factory=asyncio.Event)

    @activity.defn(name=SEND_NOTIFICATION)
    async def send_notification(self, input: SendNotificationInput) -> NotificationSent:
        if input.channel in self.hanging:
            await self.mended.wait()
        self.order.append(input.approver)
        return NotificationSent(provider="double", message_id=f"id-{len(self.order)}")

    @asynccontextmanager
    async def workers(self, many: int = 1, **per_second: float) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for _ in range(many):
                # As processes have it: one client has one worker for a queue.
                client = await self.server.client()
                one = working(client, self.queue, self.send_notification, per_second=per_second)
                await stack.enter_async_context(one)
            yield

    async def ask(self, approver: str, agent: str = "noisy", **request: Any) -> Asking:
        made = make_input(approver=f"{approver}@example.com", **request)
        asking = Asking(self.client, made.model_copy(update={"agent": agent}), self.queue)
        await asking.start()
        return asking

    async def ask_many(self, times: int, **request: Any) -> None:
        await asyncio.gather(*(self.ask(f"a{n}", **request) for n in range(times)))

    def position(self, approver: str) -> int:
        return self.order.index(f"{approver}@example.com")


@pytest.fixture
async def providers(dev_server: DevServer) -> Providers:
    return Providers(dev_server, await dev_server.client())


async def test_an_agent_with_hundreds_of_messages_delays_no_other(providers: Providers) -> None:
    """Where a queue has built up, another agent's one message goes out in its turn, and a critical
    one next, long before the last of those that were there before."""
    noisy = 200
    async with providers.workers(email=20):
        await providers.ask_many(noisy)
        await eventually(lambda: providers.order)
        await providers.ask("other", agent="quiet")
        await providers.ask("urgent", urgency="critical")
        before = len(providers.order)
        await eventually(lambda: len(providers.order) == noisy + 2, timeout=120)
    in_front = noisy - before
    assert in_front > 50
    assert providers.position("other") - before < in_front / 2
    assert providers.position("urgent") - before < in_front / 2


async def test_a_rate_holds_over_all_workers(providers: Providers) -> None:
    """Two workers with the same rate send no more in a second than one may, after the first."""
    rate, messages = 10, 60
    async with providers.workers(many=2, email=rate):
        began = time.monotonic()
        await providers.ask_many(messages)
        await eventually(lambda: len(providers.order) == messages, timeout=60)
    # The server lets through at once what one second may have.
    assert time.monotonic() - began > messages / rate - 2


async def test_a_provider_that_hangs_holds_up_no_other_channel(providers: Providers) -> None:
    """Also when it has taken all that a worker sends at once, and more waits."""
    providers.hanging.add(Channel.EMAIL)
    async with providers.workers():
        await providers.ask_many(CONCURRENCY[Channel.EMAIL] + 10)
        await providers.ask("slack", channel="slack")
        await providers.ask("webhook", channel="webhook")
        await eventually(lambda: len(providers.order) == 2)
        providers.mended.set()
        await eventually(
            lambda: len(providers.order) == CONCURRENCY[Channel.EMAIL] + 12, timeout=60
        )
    assert max(providers.position("slack"), providers.position("webhook")) < 2


async def test_a_message_waits_in_its_channels_queue_under_its_agents_name(
    providers: Providers,
) -> None:
    """The history says on which queue each message waited, how urgent it was and whose."""
    async with providers.workers():
        asking = await providers.ask("a", channel=["email", "slack"], urgency="high")
        await asking.happened(EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED, 2)
    scheduled = [
        event.activity_task_scheduled_event_attributes
        async for event in asking.handle.fetch_history_events()
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    ]
    assert {one.task_queue.name for one in scheduled} == {
        f"{providers.queue}-email",
        f"{providers.queue}-slack",
    }
    keys = [(one.priority.priority_key, one.priority.fairness_key) for one in scheduled]
    assert keys == [(2, "noisy")] * 2


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("urgency", "key"), [("critical", 1), ("high", 2), ("medium", 3), ("low", 4), ("unheard-of", 3)]
)
@pytest.mark.parametrize("message", ["decision-request", "escalation", "reminder"])
def test_the_urgent_goes_first(message: str, urgency: str, key: int) -> None:
    """One that a later version may know goes with the ordinary ones, and a question that has less
    than five minutes left with those of the next urgency."""

    def priority(left: timedelta) -> int | None:
        return options.priority(make_input(urgency=urgency), message, left).priority_key

    assert priority(HOUR) == priority(timedelta(minutes=5)) == key
    assert priority(timedelta(minutes=4, seconds=59)) == priority(-HOUR) == max(1, key - 1)


@pytest.mark.parametrize("message", ["settled", "receipt", "delivery-failure", "codes-used-up"])
def test_only_a_question_gets_more_urgent_as_its_time_runs_out(message: str) -> None:
    """What tells of the end is told whenever it comes."""
    low = make_input(urgency=Urgency.LOW)
    assert options.priority(low, message, timedelta(minutes=1)).priority_key == 4


def test_a_code_goes_first_whatever_it_is_for() -> None:
    """Its reader sits in front of the page."""
    low = make_input(urgency=Urgency.LOW)
    assert options.priority(low, CODE, HOUR).priority_key == 1


@pytest.mark.parametrize("agent", ["bot", "a" * 64, "a" * 65, "ü" * 40, "ü" * 200])
def test_every_agent_has_a_key_that_the_server_takes(agent: str) -> None:
    """64 bytes at most, and two agents with long names of one beginning are still two."""
    key = options.fairness_key(agent)
    assert 0 < len(key.encode()) <= 64
    assert key != options.fairness_key(agent + "2")
