"""Contents too large for a decision's history, kept once under the SHA-256 of their JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from store.database import Database
from store.tables import contents


class Contents:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, bodies: Mapping[str, str]) -> None:
        """Keep canonical JSON by its digest. A row that is already there is the same."""
        for digest, body in bodies.items():
            values = {"digest": digest, "body": body, "created_at": datetime.now(UTC)}
            try:
                async with self._database.begin() as connection:
                    await connection.execute(insert(contents).values(values))
            except IntegrityError:
                continue

    async def get(self, digests: Collection[str]) -> dict[str, str]:
        """Return the contents that are there and match their digest."""
        if not digests:
            return {}
        query = select(contents.c.digest, contents.c.body).where(contents.c.digest.in_(digests))
        found = {row.digest: row.body for row in await self._database.read(query)}
        return {digest: body for digest, body in found.items() if _digest(body) == digest}


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()
