"""The lag of messages, and the refusal of those who ask more meanwhile.

A question passes the task queue of the decisions, where a worker begins it, and that of the channel
by which it is asked. Temporal says how long the oldest has waited in each, by urgency. Whoever asks
faster than people can be told is refused, and asks again: else the last would be told when it is
too late to answer.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue, TaskQueueStats
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from api.problems.errors import ApiError, TooMany
from api.problems.temporal import asking_temporal
from handover.models import Channel, DecisionRequest
from workflows import options

FRESH = 1.0
"""Seconds for which what Temporal said is taken for true."""

PATIENCE = 0.5
"""Seconds that Temporal has to say so. Nobody is refused because that is not known."""

LONGEST_PAUSE = 30
"""Seconds after which whoever was refused may ask again, at most."""

DECISIONS = "decisions"
QUEUES = (DECISIONS, *Channel)


@dataclass(frozen=True, slots=True)
class Reading:
    """Messages waiting in one task queue, by priority: how many, and the oldest's seconds."""

    waiting: Mapping[int, int] = field(default_factory=dict[int, int])
    seconds: Mapping[int, float] = field(default_factory=dict[int, float])

    def lag(self, priority: int) -> float:
        """Return the seconds that the oldest waits of what a message of this priority does not
        pass."""
        return max((age for each, age in self.seconds.items() if each <= priority), default=0.0)


class Backlog:
    """Holds agents back while messages are behind: while the oldest has waited for `most` seconds;
    0 for any time. At the end of a burst the last one has waited for some times as long, by how
    much faster it was asked than told."""

    def __init__(self, client: Client, task_queue: str, most: float) -> None:
        self._client = client
        self._task_queue = task_queue
        self._most = most
        self._readings: dict[str, Reading] = {}
        self._read_at = -math.inf
        self._reading: asyncio.Task[None] | None = None
        self._asked_at: dict[str, float] = {}

    async def admit(self, agent: str, request: DecisionRequest, channels: Collection[str]) -> None:
        """Count this agent's question. Raises `TooMany` where messages are behind.

        An agent that has nothing in line is let through all the same: others' questions are not in
        front of its own, since each agent has its turn.
        """
        if not self._most:
            return
        now = time.monotonic()
        lag = self._lag(await self._read(), request, channels)
        if lag >= self._most and now - self._asked_at.get(agent, -math.inf) < lag:
            seconds = min(math.ceil(lag), LONGEST_PAUSE)
            raise TooMany(
                f"Messages are {lag:.0f} s behind: more is asked than people can be told. Nobody"
                f" was asked; send the same request again in {seconds} s.",
                code="messages_behind",
                retry_after=seconds,
            )
        self._asked_at[agent] = now

    async def channels(self) -> dict[str, tuple[int, float]]:
        """Return for each channel how many messages wait, and for how many seconds the oldest."""
        readings = await self._read()
        return {
            channel: (
                sum(readings[channel].waiting.values()),
                max(readings[channel].seconds.values(), default=0.0),
            )
            for channel in Channel
            if channel in readings
        }

    def _lag(
        self, readings: Mapping[str, Reading], request: DecisionRequest, channels: Collection[str]
    ) -> float:
        left = timedelta(minutes=request.timeout_minutes)
        priority = options.urgency_key(request.urgency, left)
        told = (readings[channel].lag(priority) for channel in channels if channel in readings)
        begun = readings[DECISIONS].lag(priority) if DECISIONS in readings else 0.0
        return begun + max(told, default=0.0)

    async def _read(self) -> Mapping[str, Reading]:
        """Return what Temporal last said, asked anew if that is not fresh: once for all who ask."""
        if time.monotonic() - self._read_at > FRESH:
            if self._reading is None or self._reading.done():
                self._reading = asyncio.create_task(self._ask())
            await asyncio.wait([self._reading], timeout=PATIENCE)
        return self._readings

    async def _ask(self) -> None:
        try:
            async with asking_temporal():
                found = await asyncio.gather(*(self._describe(name) for name in QUEUES))
        except (ApiError, RPCError):
            self._readings = {}
        else:
            self._readings = dict(zip(QUEUES, found, strict=True))
        self._read_at = time.monotonic()

    async def _describe(self, name: str) -> Reading:
        is_channel = name != DECISIONS
        queue = options.channel_queue(self._task_queue, name) if is_channel else self._task_queue
        of_activities, of_workflows = (
            TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
            TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
        request = DescribeTaskQueueRequest(
            namespace=self._client.namespace,
            task_queue=TaskQueue(name=queue),
            task_queue_type=of_activities if is_channel else of_workflows,
            report_stats=True,
        )
        answer = await self._client.workflow_service.describe_task_queue(request)
        return reading_of(answer.stats_by_priority_key or {1: answer.stats})


def reading_of(stats: Mapping[int, TaskQueueStats]) -> Reading:
    """Read what waits, by priority. An entry that is counted and has no age does not wait."""
    waiting = {
        key: each.approximate_backlog_count
        for key, each in stats.items()
        if each.approximate_backlog_count > 0
    }
    ages = {key: stats[key].approximate_backlog_age.ToTimedelta() for key in waiting}
    return Reading(waiting, {key: age.total_seconds() for key, age in ages.items()})
