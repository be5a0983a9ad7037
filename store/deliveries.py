"""The log of every message, so that no retry sends it twice, and so that it can be counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

from sqlalchemy import case, func, insert, select

from store.database import Database
from store.tables import deliveries

Result = Literal["sent", "failed", "deferred", "refused"]
"""Results of an attempt. `failed`: no retry helps; `deferred`: it is retried later; `refused`: the
provider refuses us."""


CALLBACK = "callback"
"""The channel name of callbacks to agents."""

LONGEST_WAIT = timedelta(hours=28)
"""Longest time to the next attempt at a callback that will be retried."""


class Deliveries:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, key: str) -> str | None:
        """Return the provider's id of the message of this key, if it was sent."""
        query = select(deliveries.c.provider_message_id).where(
            deliveries.c.key == key, deliveries.c.result == "sent"
        )
        return await self._database.read_value(query.limit(1))

    async def record(
        self,
        *,
        key: str,
        decision_id: str,
        message: str,
        approver: str,
        channel: str,
        result: Result,
        provider: str,
        provider_message_id: str | None = None,
        late: bool = False,
    ) -> None:
        """Record an attempt. `late` says that it was the first news of a decision, with less than
        half of its time left."""
        values = {
            "key": key,
            "decision_id": decision_id,
            "message": message,
            "approver": approver,
            "channel": channel,
            "result": result,
            "provider": provider,
            "provider_message_id": provider_message_id,
            "at": datetime.now(UTC),
            "late": late,
        }
        async with self._database.begin() as connection:
            await connection.execute(insert(deliveries).values(values))

    async def counts(self) -> list[tuple[str, str, str, int]]:
        """Count messages by channel, message and result."""
        columns = (deliveries.c.channel, deliveries.c.message, deliveries.c.result)
        query = select(*columns, func.count().label("times")).group_by(*columns)
        rows = await self._database.read(query)
        return [(row.channel, row.message, row.result, row.times) for row in rows]

    async def told_late(self) -> int:
        """Count decisions that people first heard of with less than half of the time left."""
        query = select(func.count(deliveries.c.decision_id.distinct())).where(deliveries.c.late)
        return await self._database.read_value(query)

    async def failing_callbacks(self) -> int:
        """Count callbacks whose newest attempt failed, and that will be retried."""
        is_deferred = case((deliveries.c.result == "deferred", deliveries.c.id))
        newest = func.max(deliveries.c.id)
        # One that an operator gave up has no further attempt: it drops out of the time.
        since = datetime.now(UTC) - LONGEST_WAIT
        failing = (
            select(deliveries.c.key)
            .where(deliveries.c.channel == CALLBACK, deliveries.c.at > since)
            .group_by(deliveries.c.key)
            .having(func.max(is_deferred) == newest)
        )
        query = select(func.count()).select_from(failing.subquery())
        return await self._database.read_value(query)
