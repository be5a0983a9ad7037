"""HTTP as uvicorn speaks it, with a bound on what is no body: `--http api.protocol:Bounded`.

uvicorn's fast parser takes a request line, headers and trailers of any length and keeps all of it
in memory before the application hears of the request.
"""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 64 * 1024
"""Bytes of a request line with its headers, and of what may stand between two pieces of a body."""

TOO_LARGE = "The head of this request is too large."


class Bounded(HttpToolsProtocol):
    """Answers 400 and closes the connection beyond `MAX_HEAD`, give or take one read."""

    _no_body = 0
    """Bytes read since the last piece of a body, or since the last message ended."""

    def data_received(self, data: bytes) -> None:
        self._no_body += len(data)
        super().data_received(data)
        if self._no_body > MAX_HEAD and not self.transport.is_closing():
            self.send_400_response(TOO_LARGE)

    def on_headers_complete(self) -> None:
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > MAX_HEAD:  # it came in one read
            raise ValueError(TOO_LARGE)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._no_body = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._no_body = 0
        super().on_message_complete()
