"""Which code an approver was sent last, for how long it holds, and how often one was typed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Row, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from store.tables import codes

HOLDS_FOR = timedelta(minutes=10)
MAX_TRIES = 5


@dataclass(frozen=True, slots=True)
class SentCode:
    """`id` names it; the code itself is not here. `tries` is how often one was typed for it."""

    id: str
    tries: int
    sent: int
    expires_at: datetime

    def holds(self, now: datetime) -> bool:
        return now < self.expires_at and self.tries < MAX_TRIES

    @property
    def sent_at(self) -> datetime:
        return self.expires_at - HOLDS_FOR


class SentCodes:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def find(self, decision_id: str, approver: str) -> SentCode | None:
        """The last one of this approver."""
        query = select(codes).where(_of(decision_id, approver))
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        return _code(row) if row else None

    async def replace(
        self, decision_id: str, approver: str, last: SentCode | None, new_id: str, now: datetime
    ) -> bool:
        """Put a new code in the place of the last; False where somebody else just did."""
        fresh = {"id": new_id, "tries": 0, "expires_at": now + HOLDS_FOR}
        try:
            async with self._engine.begin() as connection:
                if last is None:
                    whose = {"decision_id": decision_id, "approver": approver}
                    await connection.execute(insert(codes).values(whose | fresh | {"sent": 1}))
                    return True
                done = await connection.execute(
                    update(codes)
                    .where(_of(decision_id, approver), codes.c.id == last.id)
                    .values(**fresh, sent=codes.c.sent + 1)
                )
                return done.rowcount == 1
        except IntegrityError:
            return False

    async def end(self, decision_id: str, approver: str, code_id: str) -> None:
        """This code holds no longer."""
        which = _of(decision_id, approver) & (codes.c.id == code_id)
        async with self._engine.begin() as connection:
            await connection.execute(update(codes).where(which).values(tries=MAX_TRIES))

    async def spend_try(self, decision_id: str, approver: str, now: datetime) -> SentCode | None:
        """Count one try, before what was typed is looked at; None where no code holds.

        In one statement, so that a hundred tries at once are a hundred tries.
        """
        tried = (
            update(codes)
            .where(_of(decision_id, approver), codes.c.tries < MAX_TRIES, codes.c.expires_at > now)
            .values(tries=codes.c.tries + 1)
            .returning(codes)
        )
        async with self._engine.begin() as connection:
            row = (await connection.execute(tried)).one_or_none()
        return _code(row) if row else None


def _code(row: Row[tuple[object, ...]]) -> SentCode:
    return SentCode(id=row.id, tries=row.tries, sent=row.sent, expires_at=row.expires_at)


def _of(decision_id: str, approver: str) -> ColumnElement[bool]:
    return (codes.c.decision_id == decision_id) & (codes.c.approver == approver)
