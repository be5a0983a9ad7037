"""What servers have in common that speak over connections as badly as a test wants them to."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from types import TracebackType
from typing import Self

GONE = (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError)


class Listener:
    """Talks on each connection in a task of its own; all of them end with it."""

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self._given_port = port
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        return self._given_port or self._server.sockets[0].getsockname()[1]

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """What is done with a connection, until its client is gone."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._take, "127.0.0.1", self._given_port, ssl=self._tls
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        try:
            with suppress(*GONE):
                await self.talk(reader, writer)
        except asyncio.CancelledError:
            pass  # the test is over; asyncio would log it as an error of ours
        finally:
            self._tasks.discard(task)
            writer.close()
