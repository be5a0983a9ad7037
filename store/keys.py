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

CREATE = "decisions:create"
READ = "decisions:read"
RESOLVE = "decisions:resolve"
SCOPES = frozenset({CREATE, READ, RESOLVE})
AGENT_SCOPES = frozenset({CREATE, READ})
"""What an agent's key may do: ask, read and withdraw its own. It resolves nothing."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Who asks or answers. `name` is the agent: keys of one name are one agent's, so that a key can
    be replaced while its decisions are pending."""

    id: str
    name: str
    scopes: frozenset[str] = AGENT_SCOPES


def new_key() -> str:
    """A fresh key, which nobody has stored."""
    return PREFIX + secrets.token_urlsafe(32)


class ApiKeys:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def find(self, key: str) -> ApiKey | None:
        columns = (api_keys.c.id, api_keys.c.name, api_keys.c.scopes)
        query = select(*columns).where(api_keys.c.hash == _hash(key))
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        return ApiKey(row.id, row.name, frozenset(row.scopes)) if row else None

    async def ensure(self, key: str, name: str, scopes: frozenset[str] = AGENT_SCOPES) -> ApiKey:
        """Make this key known, unless it is."""
        digest = _hash(key)
        made = ApiKey(f"key_{digest[:16]}", name, scopes)
        values = {
            "id": made.id,
            "name": name,
            "hash": digest,
            "scopes": sorted(scopes),
            "created_at": datetime.now(UTC),
        }
        try:
            async with self._engine.begin() as connection:
                await connection.execute(insert(api_keys).values(values))
        except IntegrityError:
            return await self.find(key) or made
        return made


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
