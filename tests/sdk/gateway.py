"""A gateway before the service, with a limit for how long it lets a request be held."""

from __future__ import annotations

import asyncio
import re

from tests.listener import Listener


class Gateway(Listener):
    """On what is held for `limit` seconds it gives up: with a page of this status, or by dropping
    the connection where that is None."""

    def __init__(self, port: int, limit: float, status: int | None) -> None:
        super().__init__()
        self._service = port
        self._limit = limit
        self._status = status
        self.cuts = 0
        self.asked: list[str] = []
        """The first line of each request."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, asks = await asyncio.open_connection("127.0.0.1", self._service)
        try:
            while await self._pass_on(reader, writer, answers, asks):
                await writer.drain()
        finally:
            asks.close()

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
        asks: asyncio.StreamWriter,
    ) -> bool:
        """One request, and its answer. False where the connection is to be closed after it."""
        request = await _message(reader)
        self.asked.append(request.partition(b"\r\n")[0].decode())
        asks.write(request)
        try:
            async with asyncio.timeout(self._limit):
                writer.write(await _message(answers))
        except TimeoutError:
            self.cuts += 1
            if self._status:
                writer.write(_page(self._status))
                await writer.drain()
            return False
        return True


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)
    return head + (await reader.readexactly(int(length[1])) if length else b"")


def _page(status: int) -> bytes:
    body = b"<html>The gateway is tired of waiting.</html>"
    return (
        b"HTTP/1.1 %d Gateway\r\nContent-Type: text/html\r\nContent-Length: %d\r\n"
        b"Connection: close\r\n\r\n%s" % (status, len(body), body)
    )
