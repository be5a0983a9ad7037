"""Messages that are held back until one mail has them all.

Each waits in an activity of its own, and they wake at the same moment. The one that claims them
sends the mail; if it dies, its claim goes stale and another takes them.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from handover.addresses import one_form
from store.database import Database
from store.tables import deliveries, held

STALE = timedelta(minutes=1)
"""Age at which a claim is stale; longer than an attempt may take."""

MOST = 30
"""Messages in one mail; further ones are in another."""


@dataclass(frozen=True, slots=True)
class HeldMessage:
    """One message to one approver; `key` is that of its delivery."""

    key: str
    approver: str
    decision_id: str
    message: str
    number: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """Messages that nobody else sends until the claim is stale."""

    id: str
    messages: list[HeldMessage]


class Held:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, message: HeldMessage) -> None:
        """Hold this message until its time; a repeated call changes the time."""
        async with self._database.begin() as connection:
            adding = _inserting(connection, message)
            moved = {"due_at": adding.excluded.due_at}
            await connection.execute(adding.on_conflict_do_update(index_elements=KEY, set_=moved))

    async def claim(self, own: HeldMessage, now: datetime) -> Claim | None:
        """Claim this message, and all others that are due to its approver, unsent and unclaimed; or
        nothing, if this one is claimed or sent."""
        columns, claim_id = held.c, secrets.token_hex(12)
        sent = select(deliveries.c.key).where(
            deliveries.c.key == columns.key, deliveries.c.result == "sent"
        )
        is_free = or_(columns.claimed_at.is_(None), columns.claimed_at < now - STALE)
        theirs = columns.name == one_form(own.approver)
        # Its own activity is awake, so its time has come, whatever was known when it was kept.
        is_due = or_(columns.due_at <= now, columns.key == own.key)
        due = (
            select(columns.key)
            .where(theirs, is_due, is_free, ~sent.exists())
            .order_by(columns.key)
            .limit(MOST)
            .with_for_update()  # in this order, so that no two lock each other out
        )
        taking = (
            update(held)
            .where(columns.key.in_(due), is_free)
            .values(claim=claim_id, claimed_at=now)
            .returning(held)
        )
        async with self._database.connect() as connection:
            # It is there, unless the store was away when it was held back.
            adding = _inserting(connection, own)
            await connection.execute(adding.on_conflict_do_nothing(index_elements=KEY))
            rows = (await connection.execute(taking)).all()
            messages = [HeldMessage(*(getattr(row, name) for name in FIELDS)) for row in rows]
            if not any(each.key == own.key for each in messages):
                return None
            await connection.commit()
        return Claim(claim_id, sorted(messages, key=lambda each: (each.due_at, each.key)))

    async def give_back(self, claim: Claim) -> None:
        """Let others send the rest of the claim."""
        freeing = update(held).where(held.c.claim == claim.id)
        async with self._database.begin() as connection:
            await connection.execute(freeing.values(claim=None, claimed_at=None))

    async def remove(self, keys: Collection[str]) -> None:
        """Remove messages that are sent, or will never be."""
        async with self._database.begin() as connection:
            await connection.execute(delete(held).where(held.c.key.in_(keys)))


FIELDS = tuple(HeldMessage.__dataclass_fields__)
KEY = (held.c.key,)


def _inserting(
    connection: AsyncConnection, message: HeldMessage
) -> postgresql.Insert | sqlite.Insert:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    row = asdict(message) | {"name": one_form(message.approver)}
    return dialect.insert(held).values(row)
