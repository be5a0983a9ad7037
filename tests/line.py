"""The line between the service and Temporal: a test keeps back what Temporal answers, cuts the line
in the middle of a call, and mends it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

from hpack import Decoder

from tests.support import eventually, free_port

READ = "GetWorkflowExecutionHistory"
SIGNAL = "SignalWorkflowExecution"

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD = 9
"""Bytes before the content of each frame of HTTP/2: its length, type, flags, and which call's."""
HEADERS = 1
END_STREAM = 1


class Frames:
    """The frames of HTTP/2 in what one end of a connection sends."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
        """Each frame that is whole now: its type, flags, stream and content."""
        self._rest = (self._rest + data).removeprefix(PREFACE)
        while len(self._rest) >= HEAD:
            end = HEAD + int.from_bytes(self._rest[:3])
            if len(self._rest) < end:
                break
            head, content = self._rest[:HEAD], self._rest[HEAD:end]
            self._rest = self._rest[end:]
            yield head[3], head[4], int.from_bytes(head[5:]), content


class Calls:
    """The calls of one connection: which method each stream is about, and which are answered.

    Temporal's client sends a request's headers in one frame, without padding or priority.
    """

    def __init__(self) -> None:
        self._asking, self._answering = Frames(), Frames()
        self._headers = Decoder()
        self._methods: dict[int, str] = {}

    def ask(self, data: bytes) -> None:
        for kind, _, stream, content in self._asking.feed(data):
            if kind == HEADERS:
                headers = dict(self._headers.decode(content, raw=True))
                self._methods[stream] = headers[b":path"].decode().rsplit("/", 1)[-1]

    def answer(self, data: bytes) -> Iterator[str]:
        """The methods of the calls whose answers are whole now."""
        for kind, flags, stream, _ in self._answering.feed(data):
            if kind == HEADERS and flags & END_STREAM:
                yield self._methods.pop(stream)


class Line:
    """Leads from `address` to the server. `answered` counts, by method, the calls whose answers it
    keeps back: the service reads Temporal's clock and queues besides, whenever it is time."""

    def __init__(self, server: str) -> None:
        self._there = server.rsplit(":", 1)
        self._port = free_port()
        self.address = f"127.0.0.1:{self._port}"
        self.answered = Counter[str]()
        self._kept: list[tuple[asyncio.StreamWriter, bytes]] | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._listening: asyncio.Server | None = None

    async def mend(self) -> None:
        """Lead there, and keep nothing back."""
        self._kept = None
        self._listening = await asyncio.start_server(self._connect, "127.0.0.1", self._port)

    def keep_back(self) -> None:
        """What is asked goes on; what is answered waits here."""
        self._kept, self.answered = [], Counter()

    async def has_answers(self, method: str, number: int) -> None:
        """Wait until so many calls of this method are answered, as far as this line."""
        await eventually(lambda: self.answered[method] >= number)

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
        calls = Calls()
        ways = self._forth(asking, server, calls), self._back(answering, client, calls)
        try:
            await asyncio.gather(*ways)
        except ConnectionError:
            pass  # it was cut, or one of them is gone
        finally:
            for end in (client, server):
                end.close()
                self._ends.discard(end)

    async def _forth(
        self, asking: asyncio.StreamReader, server: asyncio.StreamWriter, calls: Calls
    ) -> None:
        while data := await asking.read(65_536):
            calls.ask(data)
            server.write(data)
        server.close()

    async def _back(
        self, answering: asyncio.StreamReader, client: asyncio.StreamWriter, calls: Calls
    ) -> None:
        while data := await answering.read(65_536):
            answered = Counter(calls.answer(data))
            if self._kept is None:
                client.write(data)
            else:
                self._kept.append((client, data))
                self.answered += answered
        client.close()
