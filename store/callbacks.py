"""The secrets that sign callbacks: each agent has its own, and at most two are live."""

from __future__ import annotations

import base64
import logging
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import Database
from store.sealing import Seals, UnreadableError
from store.tables import callback_secrets

logger = logging.getLogger(__name__)

PREFIX = "whsec_"
OVERLAP = timedelta(hours=24)
"""How long the previous secret stays live beside a new one."""


@dataclass(frozen=True, slots=True)
class CallbackSecret:
    """The public part of a secret. `expires_at` is None for the newest."""

    id: str
    created_at: datetime
    expires_at: datetime | None


class CallbackSecrets:
    def __init__(self, database: Database, seals: Seals) -> None:
        self._database = database
        self._seals = seals

    async def live(self, agent: str) -> list[CallbackSecret]:
        """Return the live secrets of this agent, the newest first."""
        async with self._database.connect() as connection:
            return [secret for secret, _ in await _live(connection, agent)]

    async def signing(self, agent: str) -> list[str]:
        """Return the texts of the live secrets, the newest first; if there is none, make the first.

        Raises `UnreadableError` if no live one can be opened.
        """
        async with self._database.begin() as connection:
            live = await _live(connection, agent)
            if not live:
                return [(await self._add(connection, agent))[1]]
        opened = [text for _, sealed in live if (text := self._opened(agent, sealed))]
        if not opened:
            raise UnreadableError(agent)
        return opened

    async def rotate(self, agent: str) -> tuple[CallbackSecret, str]:
        """Make a new secret, and return its text this once. The previous one stays live for
        `OVERLAP`, and any older one ends now."""
        async with self._database.begin() as connection:
            previous = [secret.id for secret, _ in (await _live(connection, agent))[:1]]
            await connection.execute(
                delete(callback_secrets).where(
                    callback_secrets.c.agent == agent, callback_secrets.c.id.not_in(previous)
                )
            )
            await connection.execute(
                update(callback_secrets)
                .where(callback_secrets.c.id.in_(previous))
                .values(expires_at=datetime.now(UTC) + OVERLAP)
            )
            return await self._add(connection, agent)

    async def reseal(self) -> None:
        """Have the newest key seal all, so that older keys can be retired."""
        columns = callback_secrets.c
        async with self._database.begin() as connection:
            rows = await connection.execute(select(columns.id, columns.agent, columns.sealed))
            for row in rows.all():
                if self._seals.is_newest(row.sealed):
                    continue
                if text := self._opened(row.agent, row.sealed):
                    changed = update(callback_secrets).where(columns.id == row.id)
                    await connection.execute(changed.values(sealed=self._seals.seal(text)))

    async def _add(self, connection: AsyncConnection, agent: str) -> tuple[CallbackSecret, str]:
        text = new_secret()
        made = CallbackSecret(f"whs_{secrets.token_hex(12)}", datetime.now(UTC), None)
        values = {
            "id": made.id,
            "agent": agent,
            "sealed": self._seals.seal(text),
            "created_at": made.created_at,
        }
        await connection.execute(insert(callback_secrets).values(values))
        return made, text

    def _opened(self, agent: str, sealed: str) -> str | None:
        try:
            return self._seals.open(sealed)
        except UnreadableError:
            logger.error(  # noqa: TRY400 - the trace says nothing more
                "a callback secret of %r was sealed with a link key that is no longer set; make a"
                " new one with POST /auth/callback-secret",
                agent,
            )
            return None


def new_secret() -> str:
    """Return a secret in the form of the libraries for Standard Webhooks."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


async def _live(connection: AsyncConnection, agent: str) -> list[tuple[CallbackSecret, str]]:
    columns = callback_secrets.c
    is_live = or_(columns.expires_at.is_(None), columns.expires_at > datetime.now(UTC))
    query = (
        select(callback_secrets)
        .where(columns.agent == agent, is_live)
        .order_by(columns.created_at.desc(), columns.id)
        .limit(2)
    )
    rows = (await connection.execute(query)).all()
    return [(CallbackSecret(r.id, r.created_at, r.expires_at), r.sealed) for r in rows]
