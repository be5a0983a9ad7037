"""What is too large for a decision's history, kept once under the SHA-256 of its JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from store.tables import contents


class Contents:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def put(self, bodies: Mapping[str, str]) -> None:
        """Keep canonical JSON by its digest. What is there already is the same."""
        for digest, body in bodies.items():
            values = {"digest": digest, "body": body, "created_at": datetime.now(UTC)}
            try:
                async with self._engine.begin() as connection:
                    await connection.execute(insert(contents).values(values))
            except IntegrityError:
                continue

    async def get(self, digests: Collection[str]) -> dict[str, str]:
        """Those that are there, and are what their digest says."""
        if not digests:
            return {}
        query = select(contents.c.digest, contents.c.body).where(contents.c.digest.in_(digests))
        async with self._engine.connect() as connection:
            found = {row.digest: row.body for row in await connection.execute(query)}
        return {digest: body for digest, body in found.items() if _digest(body) == digest}


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()
