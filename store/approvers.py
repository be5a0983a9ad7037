"""What approvers have set for themselves, or an administrator for them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from store.tables import approvers


@dataclass(frozen=True, slots=True)
class Preferences:
    """None where nothing was set: then the service's default holds, or what their browser says."""

    language: str | None = None
    time_zone: str | None = None


class Approvers:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def find(self, address: str) -> Preferences:
        """What this approver has set."""
        query = select(approvers.c.language, approvers.c.time_zone).where(
            approvers.c.address == name_of(address)
        )
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        return Preferences(*row) if row else Preferences()

    async def without_webhook(self, addresses: Collection[str]) -> list[str]:
        """Those of these people for whom none is set."""
        names = {name_of(address) for address in addresses}
        query = select(approvers.c.address).where(
            approvers.c.address.in_(names), approvers.c.webhook_url.is_not(None)
        )
        async with self._engine.connect() as connection:
            reached = set((await connection.execute(query)).scalars())
        return [address for address in addresses if name_of(address) not in reached]

    async def set(self, address: str, preferences: Preferences) -> None:
        """Put these in the place of what was set before."""
        row = {
            "address": name_of(address),
            "language": preferences.language,
            "time_zone": preferences.time_zone,
            "changed_at": datetime.now(UTC),
        }
        if await self._change(row):
            return
        try:
            async with self._engine.begin() as connection:
                await connection.execute(insert(approvers).values(row))
        except IntegrityError:  # somebody else was first
            await self._change(row)

    async def forget(self, address: str) -> None:
        """Take back what was set, also where their system is asked."""
        async with self._engine.begin() as connection:
            await connection.execute(
                delete(approvers).where(approvers.c.address == name_of(address))
            )

    async def _change(self, row: dict[str, Any]) -> bool:
        """Whether there was something to change."""
        change = update(approvers).where(approvers.c.address == row["address"]).values(row)
        async with self._engine.begin() as connection:
            return (await connection.execute(change)).rowcount > 0


def name_of(address: str) -> str:
    """One person, however their address is spelled."""
    return address.casefold()
