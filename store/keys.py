"""API keys: their format, their rights, and the table that has only their SHA-256.

A key is `ho_`, 43 random characters (256 bits, which nobody guesses) and 6 of a checksum. A scanner
for leaked secrets finds it by `\\bho_[0-9A-Za-z]{49}\\b`, and recognises a real one by the
checksum.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from handover.addresses import is_among
from store.database import Database
from store.tables import api_keys

PREFIX = "ho_"
DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM, CHECKSUM = 43, 6
FORMAT = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{RANDOM + CHECKSUM}}}")
HINT = len(PREFIX) + 4
"""Characters of a key that lists show, enough to recognise it."""

CREATE = "decisions:create"
READ = "decisions:read"
RESOLVE = "decisions:resolve"
AUDIT = "audit:read"
ADMIN = "keys:admin"
SCOPES = frozenset({CREATE, READ, RESOLVE, AUDIT, ADMIN})
AGENT_SCOPES = frozenset({CREATE, READ})
"""The rights of an agent's key: ask, read and withdraw its own. It resolves nothing."""

NOT_A_KEY = "oidc:"
"""Prefix of the names of people whom an OpenID provider vouches for. No key's name has it."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """The key that asks or answers. `name` is the agent: keys of one name are one agent's, so that
    a key can be replaced while its decisions are pending.

    `approvers`: addresses and `@domain`s, None for everybody. `rate`: requests a minute, None for
    the setting's. `quota`: decisions a month, None for any number. `step_up`: answers to its
    questions count only with a mailed code, as critical decisions do with every key.
    """

    id: str
    name: str
    scopes: frozenset[str] = AGENT_SCOPES
    expires_at: datetime | None = None
    approvers: tuple[str, ...] | None = None
    rate: int | None = None
    quota: int | None = None
    step_up: bool = False

    @property
    def sees_all(self) -> bool:
        """Return whether the key reads the decisions of every agent."""
        return bool(self.scopes & {RESOLVE, AUDIT})

    def may_ask(self, address: str) -> bool:
        return self.approvers is None or is_among(address, self.approvers)

    def is_over(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key as administrators see it: never the key itself; `hint` is its beginning."""

    key: ApiKey
    hint: str | None
    created_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


def new_key() -> str:
    """Make a fresh key, which nobody has stored."""
    random = "".join(secrets.choice(DIGITS) for _ in range(RANDOM))
    return PREFIX + random + _checksum(random)


def is_well_formed(key: str) -> bool:
    """Return whether this can be a key at all: a typing error is recognised without the store."""
    if not FORMAT.fullmatch(key):
        return False
    return key[-CHECKSUM:] == _checksum(key[len(PREFIX) : -CHECKSUM])


def is_name(name: str) -> bool:
    """Return whether a key may have this name, which approvers and records read on one line."""
    return (
        1 <= len(name) <= 200
        and name == name.strip()
        and name.isprintable()
        and not name.casefold().startswith(NOT_A_KEY)
    )


# Built once: each request has them looked up, and building takes as long as reading.
BY_HASH = select(api_keys).where(api_keys.c.hash == bindparam("hash"))
LIVE = select(api_keys.c.id, api_keys.c.expires_at).where(
    api_keys.c.id.in_(bindparam("ids", expanding=True)), api_keys.c.revoked_at.is_(None)
)


class ApiKeys:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, key: str) -> ApiKey | None:
        """Return the key of this text; None if it is no key, unknown, revoked or expired."""
        if not is_well_formed(key):
            return None
        digest = _hash(key)
        [row] = await self._database.recall(BY_HASH, hash=digest) or [None]
        if row is None or not hmac.compare_digest(row.hash, digest) or row.revoked_at:
            return None
        found = _key(row)
        return None if found.is_over(datetime.now(UTC)) else found

    async def ensure(
        self,
        key: str,
        name: str,
        scopes: frozenset[str] = AGENT_SCOPES,
        *,
        expires_at: datetime | None = None,
        approvers: Collection[str] | None = None,
        rate: int | None = None,
        quota: int | None = None,
        step_up: bool = False,
    ) -> ApiKey:
        """Make this key known, unless it is. A known key stays as it is."""
        digest = _hash(key)
        made = ApiKey(
            id=f"key_{digest[:16]}",
            name=name,
            scopes=scopes,
            expires_at=expires_at,
            approvers=None if approvers is None else tuple(approvers),
            rate=rate,
            quota=quota,
            step_up=step_up,
        )
        values: dict[str, Any] = {
            "id": made.id,
            "name": name,
            "hash": digest,
            "hint": key[:HINT],
            "scopes": sorted(scopes),
            "created_at": datetime.now(UTC),
            "expires_at": expires_at,
            "approvers": None if approvers is None else list(approvers),
            "rate": rate,
            "quota": quota,
            "step_up": step_up,
        }
        try:
            async with self._database.begin() as connection:
                await connection.execute(insert(api_keys).values(values))
        except IntegrityError:
            return await self.find(key) or made
        return made

    async def all(self) -> list[KeyRecord]:
        """Return every key that is or was, the newest first."""
        query = select(api_keys).order_by(api_keys.c.created_at.desc(), api_keys.c.id)
        return [_record(row) for row in await self._database.read(query)]

    async def get(self, key_id: str) -> KeyRecord | None:
        query = select(api_keys).where(api_keys.c.id == key_id)
        row = await self._database.read_one(query)
        return _record(row) if row else None

    async def live(self, key_ids: Collection[str]) -> set[str]:
        """Return those of these keys that are neither revoked nor expired."""
        now = datetime.now(UTC)
        rows = await self._database.recall(LIVE, ids=tuple(sorted(key_ids)))
        return {row.id for row in rows if row.expires_at is None or row.expires_at > now}

    async def revoke(self, key_id: str) -> bool:
        """End a key, for good and at once; return whether there is one of this id."""
        ended = (
            update(api_keys)
            .where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
            .values(revoked_at=datetime.now(UTC))
        )
        async with self._database.begin() as connection:
            await connection.execute(ended)
        return await self.get(key_id) is not None

    async def used(self, key_id: str, at: datetime) -> None:
        """Note the time of a key's last use."""
        noted = update(api_keys).where(api_keys.c.id == key_id).values(last_used_at=at)
        async with self._database.begin() as connection:
            await connection.execute(noted)


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        scopes=frozenset(row.scopes),
        expires_at=row.expires_at,
        approvers=None if row.approvers is None else tuple(row.approvers),
        rate=row.rate,
        quota=row.quota,
        step_up=row.step_up,
    )


def _record(row: Row[Any]) -> KeyRecord:
    return KeyRecord(
        key=_key(row),
        hint=row.hint,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )


def _checksum(random: str) -> str:
    """Return the CRC-32 in six digits to the base of 62."""
    number = zlib.crc32(random.encode())
    digits = ""
    for _ in range(CHECKSUM):
        number, digit = divmod(number, len(DIGITS))
        digits = DIGITS[digit] + digits
    return digits


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
