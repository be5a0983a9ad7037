"""The codes that were mailed to approvers, with the form that asked for each, and the tries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Row,
    and_,
    case,
    delete,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from store.database import Database
from store.tables import codes

HOLDS_FOR = timedelta(minutes=10)
MAX_TRIES = 5
"""Tries of the form that asked for the code."""
OTHERS_TRIES = 2
"""Tries of all other forms together. Somebody who pressed twice, or after a scanner, has that
code's mail."""


@dataclass(frozen=True, slots=True)
class SentCode:
    """A code that was mailed. `id` names it; the code itself is not here. `number` counts those of
    one approver, `tries` the entries by the `form` that asked for it, and `others` those by other
    forms."""

    id: str
    number: int
    form: str
    expires_at: datetime
    tries: int = 0
    others: int = 0

    @property
    def sent_at(self) -> datetime:
        return self.expires_at - HOLDS_FOR

    def tries_left(self, form: str, now: datetime) -> int:
        """Return how often this form may still try the code; 0 if it no longer holds."""
        if now >= self.expires_at:
            return 0
        if form == self.form:
            return max(0, MAX_TRIES - self.tries)
        return max(0, OTHERS_TRIES - self.others)


class SentCodes:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, decision_id: str, approver: str) -> list[SentCode]:
        """Return the codes of this approver, the oldest first."""
        query = select(codes).where(_of(decision_id, approver)).order_by(codes.c.number)
        return [_code(row) for row in await self._database.read(query)]

    async def add(self, decision_id: str, approver: str, code: SentCode) -> bool:
        """Keep a code that is about to be sent; False if somebody else just took its number."""
        values = {
            "decision_id": decision_id,
            "approver": approver,
            "number": code.number,
            "id": code.id,
            "form": code.form,
            "tries": code.tries,
            "others": code.others,
            "expires_at": code.expires_at,
        }
        try:
            async with self._database.begin() as connection:
                await connection.execute(insert(codes).values(values))
        except IntegrityError:
            return False
        return True

    async def remove(self, decision_id: str, approver: str, code_id: str) -> None:
        """Forget a code that was not sent."""
        which = and_(_of(decision_id, approver), codes.c.id == code_id)
        async with self._database.begin() as connection:
            await connection.execute(delete(codes).where(which))

    async def spend_try(
        self, decision_id: str, approver: str, form: str, now: datetime
    ) -> list[SentCode]:
        """Count one try of this form, before the typed code is checked, and return the codes with
        which it may be compared.

        One statement does this, so that a hundred tries at once are a hundred tries.
        """
        # In one order, or two tries at once would each wait for what the other has.
        same = codes.alias()
        in_order = (
            select(same.c.number)
            .where(_may_try(same, decision_id, approver, form, now))
            .order_by(same.c.number)
            .with_for_update()
        )
        is_own = codes.c.form == form
        tried = (
            update(codes)
            .where(_may_try(codes, decision_id, approver, form, now))
            .where(codes.c.number.in_(in_order))
            .values(
                tries=codes.c.tries + case((is_own, 1), else_=0),
                others=codes.c.others + case((is_own, 0), else_=1),
            )
            .returning(codes)
        )
        async with self._database.begin() as connection:
            return [_code(row) for row in await connection.execute(tried)]


def _code(row: Row[tuple[object, ...]]) -> SentCode:
    return SentCode(
        id=row.id,
        number=row.number,
        form=row.form,
        expires_at=row.expires_at,
        tries=row.tries,
        others=row.others,
    )


def _of(decision_id: str, approver: str, table: FromClause = codes) -> ColumnElement[bool]:
    return and_(table.c.decision_id == decision_id, table.c.approver == approver)


def _may_try(
    table: FromClause, decision_id: str, approver: str, form: str, now: datetime
) -> ColumnElement[bool]:
    """Return the SQL of the rule in `SentCode.tries_left`."""
    is_own = table.c.form == form
    return and_(
        _of(decision_id, approver, table),
        table.c.expires_at > now,
        or_(
            and_(is_own, table.c.tries < MAX_TRIES),
            and_(~is_own, table.c.others < OTHERS_TRIES),
        ),
    )
