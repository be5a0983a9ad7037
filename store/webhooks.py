"""Approvers' own systems: where each is asked, and the secrets that sign its requests.

An administrator sets the address, because an agent that could name it would answer itself.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.exc import IntegrityError

from handover.addresses import one_form
from store.callbacks import OVERLAP, new_secret
from store.database import Database
from store.sealing import Seals, UnreadableError
from store.tables import approvers

logger = logging.getLogger(__name__)

NONE = {
    "webhook_url": None,
    "webhook_secret": None,
    "webhook_secret_before": None,
    "webhook_rotated_at": None,
}


@dataclass(frozen=True, slots=True)
class Webhook:
    """An approver's webhook. `secrets` are those that sign a request, the newest first."""

    url: str
    secrets: list[str] = field(repr=False)


class Webhooks:
    def __init__(self, database: Database, seals: Seals) -> None:
        self._database = database
        self._seals = seals

    async def find(self, address: str) -> Webhook | None:
        """Return the approver's webhook. Raises `UnreadableError` if there is one and no secret of
        it can be opened."""
        columns = approvers.c
        query = select(
            columns.webhook_url,
            columns.webhook_secret,
            columns.webhook_secret_before,
            columns.webhook_rotated_at,
        ).where(columns.address == one_form(address))
        row = await self._database.read_one(query)
        if row is None or row.webhook_url is None:
            return None
        live = [row.webhook_secret]
        if row.webhook_rotated_at and row.webhook_rotated_at + OVERLAP > datetime.now(UTC):
            live.append(row.webhook_secret_before)
        opened = [text for sealed in live if sealed and (text := self._opened(address, sealed))]
        if not opened:
            raise UnreadableError(address)
        return Webhook(row.webhook_url, opened)

    async def url(self, address: str) -> str | None:
        """Return the URL, or None if none is set."""
        query = select(approvers.c.webhook_url).where(approvers.c.address == one_form(address))
        return await self._database.read_value(query)

    async def set(self, address: str, url: str) -> str | None:
        """Set the URL of this approver's system. The first time, make a secret for it and return it
        this once; later return None."""
        secret = new_secret()
        new = {"webhook_url": url, "webhook_secret": self._seals.seal(secret)}
        if await self._change(address, new, approvers.c.webhook_secret.is_(None)):
            return secret
        if await self._change(address, {"webhook_url": url}):
            return None
        row = {**new, "address": one_form(address), "changed_at": datetime.now(UTC)}
        try:
            async with self._database.begin() as connection:
                await connection.execute(insert(approvers).values(row))
        except IntegrityError:  # somebody else was first
            return await self.set(address, url)
        return secret

    async def rotate(self, address: str) -> str | None:
        """Make a new secret and return it this once; None if no URL is set. The previous one stays
        live for `OVERLAP`."""
        secret = new_secret()
        new = {
            "webhook_secret": self._seals.seal(secret),
            "webhook_secret_before": approvers.c.webhook_secret,
            "webhook_rotated_at": datetime.now(UTC),
        }
        is_set = approvers.c.webhook_url.is_not(None)
        return secret if await self._change(address, new, is_set) else None

    async def remove(self, address: str) -> None:
        """Remove the URL and its secrets."""
        await self._change(address, NONE)

    async def reseal(self) -> None:
        """Have the newest key seal all, so that older keys can be retired."""
        columns = approvers.c
        for column in (columns.webhook_secret, columns.webhook_secret_before):
            query = select(columns.address, column).where(column.is_not(None))
            async with self._database.begin() as connection:
                for address, sealed in (await connection.execute(query)).all():
                    if self._seals.is_newest(sealed):
                        continue
                    if text := self._opened(address, sealed):
                        # Not over a secret that was made in between.
                        of_it = update(approvers).where(
                            columns.address == address, column == sealed
                        )
                        await connection.execute(of_it.values({column: self._seals.seal(text)}))

    async def _change(
        self, address: str, values: dict[str, Any], *where: ColumnElement[bool]
    ) -> bool:
        """Return whether there was a row to change."""
        change = update(approvers).where(approvers.c.address == one_form(address), *where)
        async with self._database.begin() as connection:
            return (await connection.execute(change.values(values))).rowcount > 0

    def _opened(self, address: str, sealed: str) -> str | None:
        try:
            return self._seals.open(sealed)
        except UnreadableError:
            logger.error(  # noqa: TRY400 - the trace says nothing more
                "a webhook secret of %r was sealed with a link key that is no longer set; make a"
                " new one with POST /approvers/%s/webhook-secret",
                address,
                address,
            )
            return None
