"""Opening the store, and bringing its schema up to date."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from store.approvers import Approvers
from store.attachments import Attachments
from store.callbacks import CallbackSecrets
from store.channels import Channels
from store.codes import SentCodes
from store.contents import Contents
from store.database import Database
from store.deliveries import Deliveries
from store.events import DeliveryEvents
from store.executions import Executions
from store.held import Held
from store.idempotency import IdempotencyKeys
from store.images import Images
from store.keys import ApiKeys
from store.refused import RefusedResponses
from store.sealing import Seals
from store.tables import metadata
from store.usage import Usage
from store.webhooks import Webhooks

SQLITE, POSTGRES = "sqlite+aiosqlite", "postgresql+psycopg"
"""The drivers, in SQLAlchemy's spelling."""

RIGHTS = """
SELECT name FROM unnest(CAST(:tables AS text[])) AS name
WHERE NOT (
  has_table_privilege(name, 'SELECT') AND has_table_privilege(name, 'INSERT')
  AND has_table_privilege(name, 'UPDATE') AND has_table_privilege(name, 'DELETE')
) OR EXISTS (
  SELECT FROM pg_attribute, LATERAL pg_get_serial_sequence(name, attname) AS sequence
  WHERE attrelid = CAST(name AS regclass) AND attnum > 0 AND NOT attisdropped
  AND sequence IS NOT NULL AND NOT has_sequence_privilege(sequence, 'USAGE')
)
"""
"""The query for tables on which the role lacks a right that we use."""

MIGRATION_LOCK = 0x48414E44
"""Number of the PostgreSQL advisory lock under which one process at a time migrates."""


class Store:
    """One database with all its tables."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.keys = ApiKeys(database)
        self.usage = Usage(database)
        self.idempotency = IdempotencyKeys(database)
        self.deliveries = Deliveries(database)
        self.delivery_events = DeliveryEvents(database)
        self.refused_responses = RefusedResponses(database)
        self.contents = Contents(database)
        self.attachments = Attachments(database)
        self.images = Images(database)
        self.approvers = Approvers(database)
        self.channels = Channels(database)
        self.held = Held(database)
        self.codes = SentCodes(database)
        self.executions = Executions(database)

    def callback_secrets(self, keys: Sequence[str]) -> CallbackSecrets:
        """Return the secrets of callbacks, which these keys seal in the store."""
        return CallbackSecrets(self._database, Seals(keys))

    def webhooks(self, keys: Sequence[str]) -> Webhooks:
        """Return the approvers' webhooks, whose secrets these keys seal."""
        return Webhooks(self._database, Seals(keys))

    async def ping(self) -> None:
        """Raise the database's error if it is away."""
        await self._database.read(text("SELECT 1"))

    async def close(self) -> None:
        await self._database.close()


class UnusableStoreError(Exception):
    """The database cannot be used; the message says why, and, if we know it, what to do."""


async def open_store(place: str | Path) -> Store:
    """Connect to the database of this URL, or to this SQLite file, and migrate it.

    The URL is `postgresql://…` or `sqlite:///…`, whatever SQLAlchemy calls the drivers. Raises
    `UnusableStoreError`.
    """
    engine = _engine(_url(place))
    try:
        if engine.dialect.name == "sqlite":
            await _open_file(engine)
        else:
            await _open_server(engine)
    except BaseException as error:
        await engine.dispose()
        if isinstance(error, DBAPIError | CommandError | OSError):
            raise UnusableStoreError(_why(error, engine.url)) from error
        raise
    return Store(Database(engine))


def _url(place: str | Path) -> URL:
    if isinstance(place, Path):
        return URL.create(SQLITE, database=str(place))
    try:
        url = make_url(place)
    except (ArgumentError, ValueError) as error:
        raise UnusableStoreError("this is no URL of a database.") from error
    return url.set(drivername=SQLITE if url.drivername.startswith("sqlite") else POSTGRES)


def _engine(url: URL) -> AsyncEngine:
    # A server's connections may have died while they were idle; a file's don't. A statement that is
    # prepared belongs to one of them, and a pooler in between gives each transaction another.
    of_server: dict[str, Any] = {
        "pool_pre_ping": True,
        "connect_args": {"prepare_threshold": None},
    }
    # Without the parameters in its errors, which are logged: people's words are among them.
    options = {"hide_parameters": True} | ({} if url.drivername == SQLITE else of_server)
    return create_async_engine(url, **options)


async def _open_file(engine: AsyncEngine) -> None:
    path = engine.url.database or ""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    event.listen(engine.sync_engine, "connect", _set_pragmas)
    with await asyncio.to_thread(_locked, Path(f"{path}.lock")):
        await _upgrade(engine)


async def _open_server(engine: AsyncEngine) -> None:
    await _upgrade(engine)
    async with engine.connect() as connection:
        is_read_only = await connection.scalar(text("SHOW transaction_read_only")) == "on"
        lacking = (await connection.scalars(text(RIGHTS), {"tables": list(metadata.tables)})).all()
    if is_read_only:
        raise UnusableStoreError("the database can only be read; name the server that is written.")
    if lacking:
        raise UnusableStoreError(
            f"the role {engine.url.username} lacks rights to the table {', '.join(lacking)}: GRANT"
            " SELECT, INSERT, UPDATE, DELETE on it, and USAGE on its sequences."
        )


def _why(error: DBAPIError | CommandError | OSError, url: URL) -> str:
    """Return the reason in one sentence, which never has the password."""
    cause = getattr(error, "orig", None) or error
    whole = getattr(getattr(cause, "diag", None), "message_primary", None) or str(cause)
    said = " ".join(whole.split()).rstrip(".") or type(cause).__name__
    if isinstance(cause, CommandError):
        return f"a newer version of Handover has migrated the database ({said}): run that one."
    if getattr(cause, "sqlstate", None) == "42501":
        return (
            f"the role {url.username} lacks a right ({said}): let it own the database, or GRANT"
            f" CREATE, USAGE ON SCHEMA public TO {url.username}."
        )
    return f"the database cannot be used: {said}."


async def _upgrade(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            lock = text("SELECT pg_advisory_xact_lock(:lock)")
            await connection.execute(lock, {"lock": MIGRATION_LOCK})
        await connection.run_sync(_run_migrations)


def _locked(path: Path) -> IO[str]:
    """Lock the file and return it; closing it releases the lock."""
    file = path.open("w")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def _run_migrations(connection: Connection) -> None:
    config = Config()
    # A configuration file's own sign for variables, which may stand in a path.
    folder = str(Path(__file__).parent / "migrations").replace("%", "%%")
    config.set_main_option("script_location", folder)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _set_pragmas(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    # Write-ahead logging lets the API read while the worker writes; a killed process loses nothing.
    cursor.execute("PRAGMA busy_timeout = 10000")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.close()
