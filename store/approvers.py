"""What approvers have set for themselves, or an administrator for them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time
from typing import Any, Self, TypedDict

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from handover.addresses import one_form
from store.database import Database
from store.tables import approvers


class Use(TypedDict):
    """A channel, and how long after the question it is used."""

    channel: str
    after_minutes: float


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From one time of the day to another, which may be that of the next day; never the same."""

    start: time
    end: time

    @classmethod
    def of(cls, told: dict[str, str]) -> Self:
        """`{"from": "20:00", "to": "07:00"}`. Raises `ValueError`."""
        return cls(time.fromisoformat(told["from"]), time.fromisoformat(told["to"]))

    def told(self) -> dict[str, str]:
        return {"from": f"{self.start:%H:%M}", "to": f"{self.end:%H:%M}"}

    def covers(self, clock: time) -> bool:
        """Whether it is quiet when a clock on the wall shows this."""
        if self.start < self.end:
            return self.start <= clock < self.end
        return clock >= self.start or clock < self.end


@dataclass(frozen=True, slots=True)
class Preferences:
    """None where nothing was set: then the service's default holds, or what their browser says.

    `digest_minutes`: no more than one mail of requests in so many. `channels`: by urgency, how they
    are asked by decisions that don't say it themselves.
    """

    language: str | None = None
    time_zone: str | None = None
    quiet_hours: QuietHours | None = None
    digest_minutes: int | None = None
    channels: dict[str, list[Use]] | None = None


COLUMNS = (
    *(approvers.c.language, approvers.c.time_zone),
    *(approvers.c.quiet_hours, approvers.c.digest_minutes, approvers.c.channels),
)


class Approvers:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, address: str) -> Preferences:
        """What this approver has set."""
        found = await self.find_all([address])
        return found.get(one_form(address), Preferences())

    async def find_all(self, addresses: Collection[str]) -> dict[str, Preferences]:
        """What these people have set, by `one_form` of their address; without those who have
        not."""
        names = {one_form(address) for address in addresses}
        query = select(approvers.c.address, *COLUMNS).where(approvers.c.address.in_(names))
        return {row.address: _preferences(row) for row in await self._database.read(query)}

    async def without_webhook(self, addresses: Collection[str]) -> list[str]:
        """Those of these people for whom none is set."""
        names = {one_form(address) for address in addresses}
        query = select(approvers.c.address).where(
            approvers.c.address.in_(names), approvers.c.webhook_url.is_not(None)
        )
        reached = {address for (address,) in await self._database.read(query)}
        return [address for address in addresses if one_form(address) not in reached]

    async def set(self, address: str, preferences: Preferences) -> None:
        """Put these in the place of what was set before."""
        quiet_hours = preferences.quiet_hours
        row = asdict(preferences) | {
            "address": one_form(address),
            "quiet_hours": quiet_hours.told() if quiet_hours else None,
            "changed_at": datetime.now(UTC),
        }
        if await self._change(row):
            return
        try:
            async with self._database.begin() as connection:
                await connection.execute(insert(approvers).values(row))
        except IntegrityError:  # somebody else was first
            await self._change(row)

    async def forget(self, address: str) -> None:
        """Take back what was set, also where their system is asked."""
        async with self._database.begin() as connection:
            await connection.execute(
                delete(approvers).where(approvers.c.address == one_form(address))
            )

    async def _change(self, row: dict[str, Any]) -> bool:
        """Whether there was something to change."""
        change = update(approvers).where(approvers.c.address == row["address"]).values(row)
        async with self._database.begin() as connection:
            return (await connection.execute(change)).rowcount > 0


def _preferences(row: Row[*tuple[Any, ...]]) -> Preferences:
    return Preferences(
        language=row.language,
        time_zone=row.time_zone,
        quiet_hours=QuietHours.of(row.quiet_hours) if row.quiet_hours else None,
        digest_minutes=row.digest_minutes,
        channels=row.channels,
    )
