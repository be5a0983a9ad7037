"""Responses that came when the decision was settled: they count for nothing and are not lost."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from store.tables import late_responses

MOST = 100
"""Rows kept for one decision, so that the holder of one link cannot fill the store."""


@dataclass(frozen=True, slots=True)
class LateResponse:
    approver: str
    choice: str
    notes: str | None
    data: dict[str, Any] | None
    reason: str
    received_at: datetime


class LateResponses:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, decision_id: str, late: LateResponse) -> None:
        values = {"decision_id": decision_id, **asdict(late)}
        of_decision = late_responses.c.decision_id == decision_id
        count = select(func.count()).where(of_decision)
        async with self._engine.begin() as connection:
            if (await connection.execute(count)).scalar_one() < MOST:
                await connection.execute(insert(late_responses).values(values))

    async def of(self, decision_id: str) -> list[LateResponse]:
        """All of a decision, in order of time."""
        columns = late_responses.c
        shown = (columns[each.name] for each in fields(LateResponse))
        query = (
            select(*shown)
            .where(columns.decision_id == decision_id)
            .order_by(columns.received_at, columns.id)
        )
        async with self._engine.connect() as connection:
            return [LateResponse(*row) for row in await connection.execute(query)]
