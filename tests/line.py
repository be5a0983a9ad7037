"""The line between the service and Temporal: a test keeps back what Temporal answers, cuts the line
in the middle of a call, and mends it."""

from __future__ import annotations

import asyncio

from tests.support import eventually, free_port

HEAD = 9
"""Bytes before the content of each frame of HTTP/2: its length, type, flags, and which call's."""
HEADERS = 1
END_STREAM = 1


class Answers:
    """Counts the answers that are whole in what a server sends."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> int:
        self._rest += data
        found = 0
        while len(self._rest) >= HEAD:
            end = HEAD + int.from_bytes(self._rest[:3])
            if len(self._rest) < end:
                break
            kind, flags = self._rest[3], self._rest[4]
            found += kind == HEADERS and bool(flags & END_STREAM)
            self._rest = self._rest[end:]
        return found


class Line:
    """Leads from `address` to the server. `answered` are the calls whose answers it keeps back."""

    def __init__(self, server: str) -> None:
        self._there = server.rsplit(":", 1)
        self._port = free_port()
        self.address = f"127.0.0.1:{self._port}"
        self.answered = 0
        self._kept: list[tuple[asyncio.StreamWriter, bytes]] | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._listening: asyncio.Server | None = None

    async def mend(self) -> None:
        """Lead there, and keep nothing back."""
        self._kept = None
        self._listening = await asyncio.start_server(self._connect, "127.0.0.1", self._port)

    def keep_back(self) -> None:
        """What is asked goes on; what is answered waits here."""
        self._kept, self.answered = [], 0

    async def has_answers(self, number: int) -> None:
        """Wait until so many calls are answered, as far as this line."""
        await eventually(lambda: self.answered >= number)

    def pass_on(self) -> None:
        """The answers that have come; those that come now wait."""
        for client, data in self._kept or ():
            client.write(data)
        self.keep_back()

    async def cut(self, *, losing: bool) -> None:
        """Nobody gets through any more. The answers that have come are passed on, or lost."""
        assert self._listening
        self._listening.close()
        if not losing:
            self.pass_on()
        for end in list(self._ends):
            if losing:
                end.transport.abort()
            else:
                end.close()
        await eventually(lambda: not self._ends)

    async def _connect(self, asking: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        answering, server = await asyncio.open_connection(*self._there)
        self._ends |= {client, server}
        ways = self._forth(asking, server), self._back(answering, client)
        try:
            await asyncio.gather(*ways)
        except ConnectionError:
            pass  # it was cut, or one of them is gone
        finally:
            for end in (client, server):
                end.close()
                self._ends.discard(end)

    async def _forth(self, asking: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        while data := await asking.read(65_536):
            server.write(data)
        server.close()

    async def _back(self, answering: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        answers = Answers()
        while data := await answering.read(65_536):
            self.answered += answers.feed(data)
            if self._kept is None:
                client.write(data)
            else:
                self._kept.append((client, data))
        client.close()
