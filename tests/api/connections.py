"""A client of the API that sends what it likes, and leaves when it likes."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

from tests.service import RunningService


class Connection:
    """One connection, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, service: RunningService) -> Connection:
        return cls(*await asyncio.open_connection("127.0.0.1", service.port))

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def status(self) -> int:
        return int((await self._reader.readuntil(b"\r\n")).split()[1])

    async def ends(self) -> None:
        """Read until the other side closes."""
        with suppress(ConnectionError):
            while await self._reader.read(65_536):
                pass

    async def close(self) -> None:
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


def request_of(service: RunningService, method: str, path: str, body: object = None) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    head = [
        *(f"{method} {path} HTTP/1.1", "Host: handover", "Content-Type: application/json"),
        *(f"{name}: {value}" for name, value in service.headers.items()),
        *(f"Content-Length: {len(content)}", "", ""),
    ]
    return "\r\n".join(head).encode() + content
