"""Responses that did not count, because they came too late or could not be taken: they are not
lost."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select

from store.database import Database
from store.tables import refused_responses

MOST = 100
"""Rows kept for one decision, so that the holder of one link cannot fill the store."""


@dataclass(frozen=True, slots=True)
class RefusedResponse:
    """A response that did not count. `reason` is a stable word, `message` a sentence; `approver`
    may be the name of a key."""

    approver: str
    choice: str
    notes: str | None
    data: dict[str, Any] | None
    reason: str
    message: str
    received_at: datetime


class RefusedResponses:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, decision_id: str, refused: RefusedResponse) -> None:
        values = {"decision_id": decision_id, **asdict(refused)}
        of_decision = refused_responses.c.decision_id == decision_id
        count = select(func.count()).where(of_decision)
        async with self._database.begin() as connection:
            if (await connection.execute(count)).scalar_one() < MOST:
                await connection.execute(insert(refused_responses).values(values))

    async def of(self, decision_id: str) -> list[RefusedResponse]:
        """Return all refused responses of a decision, in order of time."""
        columns = refused_responses.c
        shown = (columns[each.name] for each in fields(RefusedResponse))
        query = (
            select(*shown)
            .where(columns.decision_id == decision_id)
            .order_by(columns.received_at, columns.id)
        )
        return [RefusedResponse(*row) for row in await self._database.read(query)]
