"""HTTP as uvicorn speaks it, bounded: `--http api.protocol:Bounded`.

uvicorn's fast parser takes a request line, headers and trailers of any length and keeps all of it
in memory before the application hears of the request. It also waits for the rest for ever, with an
open file of the process for each request.
"""

from __future__ import annotations

import asyncio
from typing import Literal

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

MAX_HEAD = 64 * 1024
"""Bytes of a request line with its headers, and of the data between two pieces of a body."""

TOO_LARGE = "The head of this request is too large."
TOO_SLOW = "This request did not come to its end in time."


class Bounded(HttpToolsProtocol):
    """Answers 431 and closes the connection beyond `MAX_HEAD`, give or take one read. Answers 408
    and closes it if a request begins and its rest does not come."""

    head_seconds = 20.0
    """Seconds from the connection, or from the first byte of a further request, to the end of the
    head."""
    pause_seconds = 60.0
    """Seconds between two pieces of a body."""
    idle_seconds = 15
    """Seconds after an answer. Clients keep a connection for about five seconds (httpx) and should
    close it first; otherwise they send a request into a connection that is just closing here."""

    _no_body = 0
    """Bytes read since the last piece of a body, or since the last message ended."""
    _arriving: Literal["head", "body"] | None = None
    """The part of a request whose end has not come."""
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.timeout_keep_alive = self.idle_seconds
        self._wait(self.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._no_body += len(data)
        super().data_received(data)
        if self._no_body > MAX_HEAD and not self.transport.is_closing():
            self._refuse(431, TOO_LARGE)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._arriving = "head"
        if not self._patience:
            self._wait(self.head_seconds)

    def on_headers_complete(self) -> None:
        self._arriving = "body"
        self._wait(self.pause_seconds)
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > MAX_HEAD:  # it came in one read
            self._no_body = size
            raise ValueError(TOO_LARGE)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._no_body = 0
        self._wait(self.pause_seconds)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._no_body = 0
        self._arriving = None
        self._wait_no_more()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Send uvicorn's answer to a request that its parser refuses, which is also our refusal."""
        if self._no_body > MAX_HEAD:
            self._refuse(431, TOO_LARGE)
        else:
            self._refuse(400, msg)

    def _wait(self, seconds: float) -> None:
        self._wait_no_more()
        self._patience = self.loop.call_later(seconds, self._give_up, seconds)

    def _wait_no_more(self) -> None:
        if self._patience:
            self._patience.cancel()
        self._patience = None

    def _give_up(self, seconds: float) -> None:
        if self.flow.read_paused:  # the rest may have come, and it is we who do not read it
            self._wait(seconds)
        elif self._arriving and not self._is_answering():
            self._refuse(408, TOO_SLOW)
        else:
            self.transport.close()

    def _is_answering(self) -> bool:
        """Return whether a further answer would be read as part of ours, or as a second one."""
        if not self.cycle:
            return False
        if self._arriving == "head":  # of the request that follows the one that is answered
            return not self.cycle.response_complete
        return self.cycle.response_started

    def _refuse(self, status: int, sentence: str) -> None:
        self._wait_no_more()
        fields = [
            *self.server_state.default_headers,
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(sentence)),
            (b"connection", b"close"),
        ]
        head = b"".join(b"%s: %s\r\n" % field for field in fields)
        self.transport.write(STATUS_LINE[status] + head + b"\r\n" + sentence.encode("ascii"))
        self.transport.close()
