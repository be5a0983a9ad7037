"""Opening the store, and bringing its schema up to date."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from store.approvers import Approvers
from store.attachments import Attachments
from store.callbacks import CallbackSecrets
from store.codes import SentCodes
from store.contents import Contents
from store.deliveries import Deliveries
from store.events import DeliveryEvents
from store.executions import Executions
from store.held import Held
from store.idempotency import IdempotencyKeys
from store.images import Images
from store.keys import ApiKeys
from store.refused import RefusedResponses
from store.sealing import Seals
from store.usage import Usage
from store.webhooks import Webhooks

MIGRATION_LOCK = 0x48414E44
"""Number of the PostgreSQL advisory lock under which one process at a time migrates."""


class Store:
    """One database, and what it keeps."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self.keys = ApiKeys(engine)
        self.usage = Usage(engine)
        self.idempotency = IdempotencyKeys(engine)
        self.deliveries = Deliveries(engine)
        self.delivery_events = DeliveryEvents(engine)
        self.refused_responses = RefusedResponses(engine)
        self.contents = Contents(engine)
        self.attachments = Attachments(engine)
        self.images = Images(engine)
        self.approvers = Approvers(engine)
        self.held = Held(engine)
        self.codes = SentCodes(engine)
        self.executions = Executions(engine)

    def callback_secrets(self, keys: Sequence[str]) -> CallbackSecrets:
        """What callbacks are signed with, sealed in the store under these keys."""
        return CallbackSecrets(self._engine, Seals(keys))

    def webhooks(self, keys: Sequence[str]) -> Webhooks:
        """Where approvers' own systems are asked; secrets are sealed under these keys."""
        return Webhooks(self._engine, Seals(keys))

    async def ping(self) -> None:
        """Raise what the database raises when it is away."""
        async with self._engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        await self._engine.dispose()


async def open_store(url: str) -> Store:
    """Connect to the database of this SQLAlchemy URL and migrate it.

    `sqlite+aiosqlite:///…` or `postgresql+psycopg://…`.
    """
    is_file = make_url(url).get_backend_name() == "sqlite"
    # A server's connections may have died while they were idle; a file's don't.
    # Without the parameters in its errors, which are logged: people's words are among them.
    engine = create_async_engine(url, pool_pre_ping=not is_file, hide_parameters=True)
    if is_file:
        path = make_url(url).database or ""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        event.listen(engine.sync_engine, "connect", _set_pragmas)
        with await asyncio.to_thread(_locked, Path(path + ".lock")):
            await _upgrade(engine)
    else:
        await _upgrade(engine)
    return Store(engine)


async def _upgrade(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            lock = text("SELECT pg_advisory_xact_lock(:lock)")
            await connection.execute(lock, {"lock": MIGRATION_LOCK})
        await connection.run_sync(_run_migrations)


def _locked(path: Path) -> IO[str]:
    """The file, locked; closing it gives the lock back."""
    file = path.open("w")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def _run_migrations(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _set_pragmas(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    # Write-ahead logging lets the API read while the worker writes; a killed process loses nothing.
    cursor.execute("PRAGMA busy_timeout = 10000")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.close()
