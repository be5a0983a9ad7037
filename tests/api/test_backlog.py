"""Who is held back where messages are behind, and who is not."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from temporalio.api.taskqueue.v1 import TaskQueueStats
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, DescribeTaskQueueResponse
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from api.decisions import backlog
from api.decisions.backlog import Backlog, reading_of
from api.decisions.routing import channels_at_once
from api.problems.errors import TooMany
from handover.models import ChannelStep, DecisionRequest
from tests.api.agent import Agent, metric, no_worker, question
from tests.dev_server import DevServer
from tests.service import STARTED, RunningService
from tests.support import eventually

MOST = 2.0
EMAIL = {"email"}


class Queues:
    """Temporal, as far as it tells of task queues: seconds that the oldest waits, by priority."""

    def __init__(self) -> None:
        self.waits: dict[str, dict[int, float]] = {}
        self.asked: list[str] = []
        self.away = False
        self.hangs = False
        self.namespace = "default"
        self.workflow_service = self

    async def describe_task_queue(
        self, request: DescribeTaskQueueRequest
    ) -> DescribeTaskQueueResponse:
        self.asked.append(request.task_queue.name)
        if self.hangs:
            await asyncio.Event().wait()
        if self.away:
            raise RPCError("away", RPCStatusCode.UNAVAILABLE, b"")
        assert request.report_stats
        ages = self.waits.get(request.task_queue.name, {})
        return DescribeTaskQueueResponse(
            stats_by_priority_key={priority: stats(age) for priority, age in ages.items()}
        )


def stats(age: float, count: int = 3) -> TaskQueueStats:
    told = TaskQueueStats(approximate_backlog_count=count)
    told.approximate_backlog_age.FromTimedelta(timedelta(seconds=age))
    return told


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(backlog, "time", clock)
    return clock


@pytest.fixture
def queues() -> Queues:
    return Queues()


@pytest.fixture
def behind(queues: Queues, clock: Clock) -> Backlog:
    return Backlog(cast(Client, queues), "q", MOST)


def asked(urgency: str = "medium", minutes: float = 60) -> DecisionRequest:
    return DecisionRequest(
        action="a", approver="a@example.com", urgency=urgency, timeout_minutes=minutes
    )


async def admits(
    behind: Backlog, request: DecisionRequest, channels: set[str] = EMAIL, agent: str = "bot"
) -> bool:
    """Whether the question is taken, of an agent that has just asked another."""
    try:
        await behind.admit(agent, request, channels)
    except TooMany:
        return False
    return True


async def test_who_asks_faster_than_people_are_told_is_held_back(
    behind: Backlog, queues: Queues, clock: Clock
) -> None:
    """With 429, and when to come again; as soon as messages keep pace, everything is taken."""
    assert await admits(behind, asked())
    queues.waits = {"q-email": {3: 7.2}}
    clock.now += 1.1
    with pytest.raises(TooMany) as refused:
        await behind.admit("bot", asked(), EMAIL)
    assert refused.value.status == 429
    assert refused.value.problem.code == "messages_behind"
    assert refused.value.headers == {"Retry-After": "8"}
    assert "Messages are 7 s behind" in refused.value.error
    queues.waits = {"q-email": {3: 1.9}}
    clock.now += 1.1
    assert await admits(behind, asked())


@pytest.mark.parametrize(
    ("waits", "taken"),
    [
        ({"q-email": {3: 2.0}}, False),
        ({"q": {3: 2.0}}, False),  # no worker has begun them yet
        ({"q": {3: 1.2}, "q-email": {3: 1.2}}, False),
        ({"q-email": {1: 5.0}}, False),
        ({"q-email": {4: 5.0}}, True),  # what is less urgent is passed
        ({"q-slack": {1: 5.0}, "q-webhook": {1: 5.0}}, True),
        ({"q-email": {3: 90_000.0}}, False),
    ],
)
async def test_what_is_in_front_of_a_question_counts(
    behind: Backlog,
    queues: Queues,
    clock: Clock,
    waits: dict[str, dict[int, float]],
    *,
    taken: bool,
) -> None:
    """In the decisions' queue and in that of its channel, as urgent as itself or more."""
    assert await admits(behind, asked())
    queues.waits = waits
    clock.now += 1.1
    assert await admits(behind, asked()) == taken


async def test_the_urgent_and_the_short_are_in_front(
    behind: Backlog, queues: Queues, clock: Clock
) -> None:
    """A question with less than five minutes passes those of its urgency, as its message does."""
    assert await admits(behind, asked())
    queues.waits = {"q-email": {3: 9.0}}
    clock.now += 1.1
    assert not await admits(behind, asked())
    assert not await admits(behind, asked("low", minutes=4))
    for request in (asked("high"), asked("critical"), asked(minutes=4)):
        assert await admits(behind, request)


async def test_whoever_has_nothing_in_line_is_not_held_back(
    behind: Backlog, queues: Queues, clock: Clock
) -> None:
    """Others' questions are not in front of theirs: each agent has its turn."""
    queues.waits = {"q-email": {3: 10.0}}
    assert await admits(behind, asked(), agent="noisy")
    assert not await admits(behind, asked(), agent="noisy")
    assert await admits(behind, asked(), agent="quiet")
    clock.now += 9.9
    assert not await admits(behind, asked(), agent="quiet")
    clock.now += 0.2
    assert await admits(behind, asked(), agent="quiet")


async def test_temporal_is_asked_once_a_second(
    behind: Backlog, queues: Queues, clock: Clock
) -> None:
    """For all who ask, and for the metrics."""
    await asyncio.gather(*(admits(behind, asked()) for _ in range(50)), behind.channels())
    assert sorted(queues.asked) == ["q", "q-email", "q-slack", "q-webhook"]
    clock.now += 0.9
    assert await admits(behind, asked())
    assert len(queues.asked) == 4
    clock.now += 0.2
    assert await admits(behind, asked())
    assert len(queues.asked) == 8


@pytest.mark.parametrize("how", ["away", "hangs"])
async def test_nobody_is_held_back_by_what_is_not_known(
    behind: Backlog, queues: Queues, clock: Clock, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Where Temporal does not say, the start of the decision says what is wrong."""
    monkeypatch.setattr(backlog, "PATIENCE", 0.01)
    setattr(queues, how, True)
    for _ in range(3):
        assert await admits(behind, asked())
        clock.now += 1.1


async def test_nobody_is_held_back_where_any_time_is_allowed(queues: Queues) -> None:
    """And Temporal is not asked."""
    anything = Backlog(cast(Client, queues), "q", 0)
    queues.waits = {"q-email": {1: math.pi * 1000}}
    assert [await admits(anything, asked()) for _ in range(3)] == [True] * 3
    assert queues.asked == []


def test_what_is_counted_and_has_nothing_waiting_does_not_wait() -> None:
    """Temporal's count is an estimate, and its age of an empty queue may be an old one."""
    told = reading_of({1: stats(9.0, count=0), 3: stats(0.0), 4: stats(1.5, count=-1)})
    assert (told.waiting, told.lag(4)) == ({3: 3}, 0.0)


def test_only_channels_that_are_used_at_once_count() -> None:
    """Of those who are asked first, as the request or they themselves have set it."""
    request = DecisionRequest(
        action="a",
        approver=["a@example.com", "b@example.com"],
        channel=["slack", ChannelStep(channel="email", after_minutes=5)],
    )
    assert channels_at_once(request, {}) == {"slack"}
    routes = {
        "a@example.com": [ChannelStep(channel="webhook")],
        "c@example.com": [ChannelStep(channel="email")],
    }
    assert channels_at_once(request, routes) == {"slack", "webhook"}


@pytest.fixture
async def pressed(dev_server: DevServer, tmp_path: Path) -> AsyncIterator[RunningService]:
    """A service that holds back."""
    service = RunningService(dev_server.address, tmp_path, HANDOVER_MAX_LAG="1")
    try:
        await service.start()
        yield service
    finally:
        service.stop()


async def test_agents_are_held_back_until_people_are_told(pressed: RunningService) -> None:
    """Over HTTP, on a real server: nothing is created, the same key may ask again after
    `Retry-After`, and metrics say how far messages are behind."""
    async with Agent.of(pressed) as agent:
        async with no_worker(pressed):
            await agent.ask()

            async def refused() -> Any:
                answer = await agent.post(question())
                return answer if answer.status_code == 429 else None

            answer = await eventually(refused, timeout=30)
            assert answer.json()["code"] == "messages_behind"
            assert int(answer.headers["Retry-After"]) >= 1
            assert (await agent.post(question(), key="again")).status_code == 429

        async def taken() -> Any:
            answer = await agent.post(question(), key="again")
            return answer if answer.status_code == 201 else None

        made = (await eventually(taken, timeout=STARTED)).json()["id"]
        await agent.audited(made, "notification.sent")

        async def keeps_pace() -> bool:
            page = (await agent.http.get("/metrics")).text
            lag = 'handover_message_lag_seconds{channel="email"}'
            return f"{lag} " in page and metric(page, lag) == 0

        await eventually(keeps_pace)
