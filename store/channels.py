"""Channels that can send nothing, as workers have found.

Each has one row. Of several workers the last one to look is believed; one that cannot send looks
again soon.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from store.database import Database
from store.tables import failing_channels

KNOWN_FOR = timedelta(minutes=15)
"""Age beyond which a finding is ignored. A worker looks again more often, so an older one is from a
worker that is gone."""


@dataclass(frozen=True, slots=True)
class FailingChannel:
    """A channel that fails. `worker` is the host that found it so, and has found it so `since`
    then."""

    channel: str
    reason: str
    worker: str
    since: datetime


class Channels:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def failed(self, channel: str, reason: str, worker: str) -> None:
        """Note a failure, with the time of the first of several in a row."""
        found = {"reason": reason, "worker": worker, "tried_at": datetime.now(UTC)}
        async with self._database.begin() as connection:
            dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
            adding = dialect.insert(failing_channels).values(
                channel=channel, since=found["tried_at"], **found
            )
            await connection.execute(
                adding.on_conflict_do_update(index_elements=["channel"], set_=found)
            )

    async def works(self, channel: str) -> None:
        async with self._database.begin() as connection:
            await connection.execute(
                delete(failing_channels).where(failing_channels.c.channel == channel)
            )

    async def failing(self) -> list[FailingChannel]:
        """Return the channels that were found failing lately."""
        row = failing_channels.c
        query = (
            select(row.channel, row.reason, row.worker, row.since)
            .where(row.tried_at > datetime.now(UTC) - KNOWN_FOR)
            .order_by(row.channel)
        )
        return [FailingChannel(*each) for each in await self._database.read(query)]
