"""The database: writing, reading, and the errors that prevent it."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, cast

from sqlalchemy import Connection, Executable, Row, StaticPool, create_engine, event
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

BUSY = "PRAGMA busy_timeout = 1000"
"""Milliseconds for which a read waits, and everything else with it. A read of a file with a
write-ahead log waits for no writer, but for a process that recovers the log or takes the whole
file."""

MOST_RECALLED = 1_000
"""Answers that are remembered at once."""


class StoreError(Exception):
    """The database refused or failed. The text is the database's own."""


class StoreAway(StoreError):  # noqa: N818 - what it is, and not whose fault
    """The database cannot be reached, or has no room; later it may."""


class Database:
    """Writes in transactions, by `engine`. It reads a file in the event loop's own thread, because
    asking another thread takes ten times as long as the read."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._file: Connection | None = None
        self._is_file = engine.dialect.name == "sqlite"
        self._version: int | None = None
        self._recalled: dict[tuple[Executable, tuple[object, ...]], Sequence[Row[Any]]] = {}

    @asynccontextmanager
    async def begin(self) -> AsyncGenerator[AsyncConnection]:
        """Begin a transaction that is committed at the end of its block. Raises `StoreError`, and
        `IntegrityError` for a row that is already there, as all methods do."""
        with _naming_errors():
            async with self._engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def connect(self) -> AsyncGenerator[AsyncConnection]:
        """Begin a transaction that its caller commits."""
        with _naming_errors():
            async with self._engine.connect() as connection:
                yield connection

    async def read(self, query: Executable, **values: object) -> Sequence[Row[Any]]:
        """Return all rows, as they are now; `values` are those of its `bindparam`s."""
        if self._is_file:
            with _naming_errors():
                return self._reader().execute(query, values).all()
        async with self.connect() as connection:
            return (await connection.execute(query, values)).all()

    async def recall(self, query: Executable, **values: object) -> Sequence[Row[Any]]:
        """As `read`, and of a file from memory while nobody, in whatever process, has written to
        it: for a statement that is built once and asked with each request."""
        version = self._file_version()
        if version is None:
            return await self.read(query, **values)
        if version != self._version or len(self._recalled) >= MOST_RECALLED:
            self._version, self._recalled = version, {}
        asked = (query, tuple(values.values()))
        if asked not in self._recalled:
            # What is written in between is seen by the next who asks for the version.
            self._recalled[asked] = await self.read(query, **values)
        return self._recalled[asked]

    async def read_one(self, query: Executable, **values: object) -> Row[Any] | None:
        """Return the only row, if there is one."""
        rows = await self.read(query, **values)
        return rows[0] if rows else None

    async def read_value(self, query: Executable) -> Any:
        """Return the first column of that row, or None."""
        row = await self.read_one(query)
        return row[0] if row else None

    async def close(self) -> None:
        if self._file:
            self._file.close()
            self._file.engine.dispose()
            self._file = self._version = None
        await self._engine.dispose()

    def _file_version(self) -> int | None:
        """Another one whenever another connection has written; None where nothing tells."""
        if not self._is_file:
            return None
        with _naming_errors():
            file = cast(sqlite3.Connection, self._reader().connection.driver_connection)
        try:  # past SQLAlchemy, which takes twenty times as long as this
            return file.execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.Error:
            return None  # and the read says why

    def _reader(self) -> Connection:
        if self._file is None:
            engine = create_engine(
                self._engine.url.set(drivername="sqlite"),
                hide_parameters=True,
                poolclass=StaticPool,
                # Each statement by itself: it sees what was committed before it.
                isolation_level="AUTOCOMMIT",
                connect_args={"check_same_thread": False},
            )
            event.listen(engine, "connect", lambda connection, _: connection.execute(BUSY))
            self._file = engine.connect()
        return self._file


@contextmanager
def _naming_errors() -> Generator[None]:
    try:
        yield
    except IntegrityError:
        raise
    except (OperationalError, InterfaceError, PoolTimeoutError) as error:
        raise StoreAway(str(error)) from error
    except SQLAlchemyError as error:
        raise StoreError(str(error)) from error
