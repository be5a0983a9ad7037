"""Settings of approvers, made by themselves or by an administrator."""

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
    """A time span of the day, which may end on the next day; never from a time to the same."""

    start: time
    end: time

    @classmethod
    def of(cls, told: dict[str, str]) -> Self:
        """Read `{"from": "20:00", "to": "07:00"}`. Raises `ValueError`."""
        return cls(time.fromisoformat(told["from"]), time.fromisoformat(told["to"]))

    def told(self) -> dict[str, str]:
        return {"from": f"{self.start:%H:%M}", "to": f"{self.end:%H:%M}"}

    def covers(self, clock: time) -> bool:
        """Return whether it is quiet when a clock on the wall shows this time."""
        if self.start < self.end:
            return self.start <= clock < self.end
        return clock >= self.start or clock < self.end


@dataclass(frozen=True, slots=True)
class Preferences:
    """An approver's settings. None means not set: then the service's default holds, or the
    browser's.

    `digest_minutes`: at most one mail of requests in so many minutes. `channels`: how they are
    asked, by urgency, if a decision doesn't say it itself.
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
        """Return this approver's settings."""
        found = await self.find_all([address])
        return found.get(one_form(address), Preferences())

    async def find_all(self, addresses: Collection[str]) -> dict[str, Preferences]:
        """Return the settings of these people by `one_form` of their address, without those who
        have none."""
        names = {one_form(address) for address in addresses}
        query = select(approvers.c.address, *COLUMNS).where(approvers.c.address.in_(names))
        return {row.address: _preferences(row) for row in await self._database.read(query)}

    async def without_webhook(self, addresses: Collection[str]) -> list[str]:
        """Return those of these people who have no webhook."""
        names = {one_form(address) for address in addresses}
        query = select(approvers.c.address).where(
            approvers.c.address.in_(names), approvers.c.webhook_url.is_not(None)
        )
        reached = {address for (address,) in await self._database.read(query)}
        return [address for address in addresses if one_form(address) not in reached]

    async def set(self, address: str, preferences: Preferences) -> None:
        """Replace the earlier settings with these."""
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
        """Remove the settings, and the approver's webhook with them."""
        async with self._database.begin() as connection:
            await connection.execute(
                delete(approvers).where(approvers.c.address == one_form(address))
            )

    async def _change(self, row: dict[str, Any]) -> bool:
        """Return whether there was a row to change."""
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
