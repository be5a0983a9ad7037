"""API keys. The store has their SHA-256 alone: they are 256 random bits, which nobody guesses."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from store.tables import api_keys

PREFIX = "ho_"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Who asks: approvers are told `name`."""

    id: str
    name: str


def new_key() -> str:
    """A fresh key, which nobody has stored."""
    return PREFIX + secrets.token_urlsafe(32)


class ApiKeys:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def find(self, key: str) -> ApiKey | None:
        query = select(api_keys.c.id, api_keys.c.name).where(api_keys.c.hash == _hash(key))
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        return ApiKey(row.id, row.name) if row else None

    async def ensure(self, key: str, name: str) -> ApiKey:
        """Make this key known, unless it is."""
        digest = _hash(key)
        made = ApiKey(f"key_{digest[:16]}", name)
        values = {"id": made.id, "name": name, "hash": digest, "created_at": datetime.now(UTC)}
        try:
            async with self._engine.begin() as connection:
                await connection.execute(insert(api_keys).values(values))
        except IntegrityError:
            return await self.find(key) or made
        return made


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
