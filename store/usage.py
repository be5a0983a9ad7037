"""The number of decisions that each key has made in a month, for keys that have a quota."""

from __future__ import annotations

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.exc import IntegrityError

from store.database import Database
from store.tables import key_usage


class Usage:
    """The count by month, written as `2026-01`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def spend(self, key_id: str, month: str, quota: int) -> int | None:
        """Count one more decision and return how many there are, or None beyond the quota."""
        while True:
            if (spent := await self._add(key_id, month, quota)) is not None:
                return spent
            if not await self._begin(key_id, month) and await self.spent(key_id, month) >= quota:
                return None

    async def give_back(self, key_id: str, month: str) -> None:
        """Count one decision less, because it was not made."""
        less = update(key_usage).where(_of(key_id, month))
        async with self._database.begin() as connection:
            await connection.execute(less.values(decisions=key_usage.c.decisions - 1))

    async def spent(self, key_id: str, month: str) -> int:
        query = select(key_usage.c.decisions).where(_of(key_id, month))
        return await self._database.read_value(query) or 0

    async def _add(self, key_id: str, month: str, quota: int) -> int | None:
        """Add in one statement, so that one of two requests for the last place gets it."""
        counted = key_usage.c.decisions
        more = (
            update(key_usage)
            .where(_of(key_id, month), counted < quota)
            .values(decisions=counted + 1)
            .returning(counted)
        )
        async with self._database.begin() as connection:
            return (await connection.execute(more)).scalar_one_or_none()

    async def _begin(self, key_id: str, month: str) -> bool:
        """Begin the month's count; return whether this is its first."""
        values = {"key_id": key_id, "month": month, "decisions": 0}
        try:
            async with self._database.begin() as connection:
                await connection.execute(insert(key_usage).values(values))
        except IntegrityError:
            return False
        return True


def _of(key_id: str, month: str) -> ColumnElement[bool]:
    return (key_usage.c.key_id == key_id) & (key_usage.c.month == month)
