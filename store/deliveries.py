"""What became of each message: so that no retry sends it twice, and so that it can be counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

from sqlalchemy import case, func, insert, select

from store.database import Database
from store.tables import deliveries

Result = Literal["sent", "failed", "deferred", "refused"]
"""`failed`: no retry helps; `deferred`: tried again later; `refused`: the provider refuses us."""


CALLBACK = "callback"
"""The channel by which agents are told."""

LONGEST_WAIT = timedelta(hours=28)
"""A callback that will be tried again is, within this time."""


class Deliveries:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, key: str) -> str | None:
        """The provider's id of the message of this key, where it was sent."""
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
        """`late` says that it was the first to tell of a decision, with less than half of its time
        left."""
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
        """Messages by channel, message and result."""
        columns = (deliveries.c.channel, deliveries.c.message, deliveries.c.result)
        query = select(*columns, func.count().label("times")).group_by(*columns)
        rows = await self._database.read(query)
        return [(row.channel, row.message, row.result, row.times) for row in rows]

    async def told_late(self) -> int:
        """Decisions of which people were first told with less than half of the time left."""
        query = select(func.count(deliveries.c.decision_id.distinct())).where(deliveries.c.late)
        return await self._database.read_value(query)

    async def failing_callbacks(self) -> int:
        """Callbacks whose newest attempt failed, and that are tried again."""
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
