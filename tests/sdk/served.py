"""A `FakeHandover` behind a real port, for programs that run in processes of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qsl, urlsplit

from handover import HandoverClient
from handover._base import Call
from handover.testing import FakeHandover


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fake: FakeHandover

    def handle_request(self) -> None:
        content = self.rfile.read(int(self.headers.get("content-length", 0)))
        address = urlsplit(self.path)
        call = Call(
            method=self.command,
            path=address.path,
            params=dict(parse_qsl(address.query)),
            headers={name.lower(): value for name, value in self.headers.items()},
            content=content or None,
        )
        key = self.headers.get("authorization", "").removeprefix("Bearer ")
        answer = HandoverClient(key, self.fake.base_url)._exchange.send(call)
        self.send_response(answer.status)
        for name, value in {**answer.headers, "content-length": len(answer.content)}.items():
            if name != "date":
                self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(answer.content)

    do_GET = do_POST = handle_request  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: object) -> None:
        """Tests read `fake.decisions` instead."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed has hung up."""


@contextmanager
def served(fake: FakeHandover) -> Iterator[dict[str, str]]:
    """The environment in which a client finds this service."""
    server = Server(("127.0.0.1", 0), type("ThisHandler", (Handler,), {"fake": fake}))
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield {
            "HANDOVER_API_KEY": fake.api_key,
            "HANDOVER_BASE_URL": f"http://127.0.0.1:{server.server_port}",
        }
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
