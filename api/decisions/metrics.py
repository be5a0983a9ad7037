"""Prometheus metrics of one API process, and what the whole system's store and index tell."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest
from temporalio.client import Client
from temporalio.service import RPCError

from api.decisions.backlog import Backlog
from api.problems.errors import ApiError
from api.problems.temporal import asking_temporal
from handover.models import Channel, Status
from store import Store, StoreError
from workflows.messages import STATUS_ATTRIBUTE, WORKFLOW

FRESH = 10.0
"""Seconds for which counts from Temporal's index are shown again: it is slow and limits its use."""

ANSWER_BUCKETS = (1, 5, 15, 60, 300, 900, 3_600, 14_400, 86_400, 604_800)


class Metrics:
    def __init__(self, client: Client, store: Store, backlog: Backlog) -> None:
        self._client = client
        self._store = store
        self._backlog = backlog
        self._counted_at = -FRESH
        self.registry = CollectorRegistry()
        self._decisions = Gauge(
            "handover_decisions",
            "Decisions by status, within Temporal's retention.",
            ["status"],
            registry=self.registry,
        )
        self._notifications = Gauge(
            "handover_notifications",
            "Messages to approvers, and callbacks, by channel, message and result.",
            ["channel", "message", "result"],
            registry=self.registry,
        )
        self._waiting = Gauge(
            "handover_messages_waiting",
            "Messages that no worker has begun, by channel.",
            ["channel"],
            registry=self.registry,
        )
        self._lag = Gauge(
            "handover_message_lag_seconds",
            "For how long the oldest of them waits.",
            ["channel"],
            registry=self.registry,
        )
        self._told_late = Gauge(
            "handover_told_late",
            "Decisions of which people were first told with less than half of the time left.",
            registry=self.registry,
        )
        self._failing_callbacks = Gauge(
            "handover_callbacks_failing",
            "Callbacks that failed and are tried again.",
            registry=self.registry,
        )
        self._failing_channels = Gauge(
            "handover_channel_failing",
            "1 for each channel by which a worker can send nothing.",
            ["channel"],
            registry=self.registry,
        )
        self.waiting = Gauge(
            "handover_waiting_agents", "Requests held open by this process.", registry=self.registry
        )
        self.time_to_answer = Histogram(
            "handover_time_to_answer_seconds",
            "From the creation of a decision to the answer of a person, heard by this process.",
            buckets=ANSWER_BUCKETS,
            registry=self.registry,
        )

    async def render(self) -> bytes:
        """Render the page for Prometheus. Values that cannot be fetched stay as they were."""
        await self._count_decisions()
        for channel, (count, seconds) in (await self._backlog.channels()).items():
            self._waiting.labels(channel).set(count)
            self._lag.labels(channel).set(seconds)
        with suppress(StoreError):
            for channel, message, result, count in await self._store.deliveries.counts():
                self._notifications.labels(channel, message, result).set(count)
            self._told_late.set(await self._store.deliveries.told_late())
            self._failing_callbacks.set(await self._store.deliveries.failing_callbacks())
            failing = {each.channel for each in await self._store.channels.failing()}
            for channel in Channel:
                self._failing_channels.labels(channel.value).set(channel in failing)
        return generate_latest(self.registry)

    async def _count_decisions(self) -> None:
        if time.monotonic() - self._counted_at < FRESH:
            return
        self._counted_at = time.monotonic()
        try:
            counts = await asyncio.gather(*(self._count(status) for status in Status))
        except (ApiError, RPCError):
            return
        for status, count in zip(Status, counts, strict=True):
            self._decisions.labels(status.value).set(count)

    async def _count(self, status: Status) -> int:
        query = f"WorkflowType = '{WORKFLOW}' AND {STATUS_ATTRIBUTE} = '{status}'"
        async with asking_temporal():
            return (await self._client.count_workflows(query)).count
