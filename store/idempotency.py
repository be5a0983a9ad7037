"""Idempotency keys, kept so that they outlive the decision's history and Temporal's retention."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from store.database import Database
from store.tables import idempotency_keys


@dataclass(frozen=True, slots=True)
class Remembered:
    """The decision that a key made, and the digest of the request that it came with."""

    decision_id: str
    fingerprint: str


class IdempotencyKeys:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, agent: str, key: str) -> Remembered | None:
        columns = idempotency_keys.c
        query = select(columns.decision_id, columns.fingerprint).where(
            columns.agent == agent, columns.key == key
        )
        row = await self._database.read_one(query)
        return Remembered(row.decision_id, row.fingerprint) if row else None

    async def remember(self, agent: str, key: str, made: Remembered) -> None:
        """Keep the key. A key that is already there stays as it is."""
        values = {
            "agent": agent,
            "key": key,
            "fingerprint": made.fingerprint,
            "decision_id": made.decision_id,
            "created_at": datetime.now(UTC),
        }
        try:
            async with self._database.begin() as connection:
                await connection.execute(insert(idempotency_keys).values(values))
        except IntegrityError:
            return
