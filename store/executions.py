"""Executions: who runs what a decision permits, and how that ended.

A row is a claim, and later also its maker's report. The API signs both, so a reader recognises a
row that somebody else wrote.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from store.database import Database
from store.tables import executions


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """A signed claim. `number` counts the claims of a decision from 0; `claim_key` names the key
    that signed it."""

    decision_id: str
    number: int
    run_id: str
    request_digest: str
    agent: str
    claim_id: str
    worker: str | None
    claimed_at: datetime
    claim_key: str
    claim_signature: str


@dataclass(frozen=True, slots=True)
class ReportRow:
    status: str
    result: str | None
    finished_at: datetime
    report_key: str
    report_signature: str


class Executions:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, row: ClaimRow) -> bool:
        """Keep this claim; False if there is one of this number, whoever came first."""
        try:
            async with self._database.begin() as connection:
                await connection.execute(insert(executions).values(asdict(row)))
        except IntegrityError:
            return False
        return True

    async def report(self, decision_id: str, number: int, report: ReportRow) -> bool:
        """Keep the report on this claim's run; False if there already is one."""
        columns = executions.c
        unreported = (
            update(executions)
            .where(columns.decision_id == decision_id, columns.number == number)
            .where(columns.status.is_(None))
            .values(asdict(report))
        )
        async with self._database.begin() as connection:
            return (await connection.execute(unreported)).rowcount == 1

    async def of(self, decision_id: str) -> list[tuple[ClaimRow, ReportRow | None]]:
        """Return all claims of a decision, in their order."""
        columns = executions.c
        query = select(executions).where(columns.decision_id == decision_id)
        rows = [row._mapping for row in await self._database.read(query.order_by(columns.number))]
        return [
            (
                ClaimRow(**{each.name: row[each.name] for each in fields(ClaimRow)}),
                None
                if row["status"] is None
                else ReportRow(**{each.name: row[each.name] for each in fields(ReportRow)}),
            )
            for row in rows
        ]
