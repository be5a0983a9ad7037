"""Providers' later reports about messages: delivered, bounced, and so on.

`DeliveryReport` is an event of a message that we sent; our own record of deliveries says whose
it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from itertools import islice

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import Database
from store.tables import deliveries, delivery_events

BATCH = 500
"""Values in one statement, since databases take a limited number."""


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message as we recorded it when its provider took it."""

    provider_message_id: str
    decision_id: str
    message: str
    approver: str
    channel: str


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """A report. `id` is the provider's name of this event, `at` its time."""

    provider: str
    id: str
    provider_message_id: str
    decision_id: str
    message: str
    approver: str
    channel: str
    event: str
    reason: str | None
    at: datetime


class DeliveryEvents:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def sent(
        self, provider: str, message_ids: Collection[str]
    ) -> dict[str, list[SentMessage]]:
        """Return the messages that we sent by this provider under these ids; one mail may have been
        several."""
        shown = [deliveries.c[each.name] for each in fields(SentMessage)]
        ids = deliveries.c.provider_message_id
        query = (
            select(*shown)
            .where(deliveries.c.provider == provider, deliveries.c.result == "sent")
            .order_by(deliveries.c.id)
        )
        found: dict[str, list[SentMessage]] = {}
        async with self._database.connect() as connection:
            for some in _portions(message_ids):
                rows = await connection.execute(query.where(ids.in_(some)))
                for row in rows:
                    found.setdefault(row.provider_message_id, []).append(SentMessage(*row))
        return found

    async def known(self, provider: str, ids: Collection[str]) -> set[str]:
        """Return those of these events that are already kept."""
        query = select(delivery_events.c.id).where(delivery_events.c.provider == provider)
        found: set[str] = set()
        async with self._database.connect() as connection:
            for some in _portions(ids):
                rows = await connection.execute(query.where(delivery_events.c.id.in_(some)))
                found |= set(rows.scalars())
        return found

    async def keep(self, told: Iterable[DeliveryReport]) -> None:
        """Keep these events, each once, however often they are reported."""
        rows = [asdict(each) for each in told]
        if not rows:
            return
        async with self._database.begin() as connection:
            await connection.execute(_insert_new(connection), rows)

    async def of(self, decision_id: str) -> list[DeliveryReport]:
        """Return all events of a decision, in order of time."""
        shown = [delivery_events.c[each.name] for each in fields(DeliveryReport)]
        query = (
            select(*shown)
            .where(delivery_events.c.decision_id == decision_id)
            .order_by(delivery_events.c.at, delivery_events.c.id)
        )
        return [DeliveryReport(*row) for row in await self._database.read(query)]


def _insert_new(connection: AsyncConnection) -> postgresql.Insert | sqlite.Insert:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(delivery_events).on_conflict_do_nothing()


def _portions(values: Collection[str]) -> Iterator[list[str]]:
    rest = iter(values)
    while some := list(islice(rest, BATCH)):
        yield some
