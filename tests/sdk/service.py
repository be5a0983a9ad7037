"""A small HTTP server that plays the service, faults included, and a player for steps without I/O.

It is a real server on a real port, because what the client must survive happens to connections.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat
from threading import Event, Thread
from typing import Any, TypeVar

from handover._base import Answer, Call
from handover._options import Options
from handover.exceptions import APIConnectionError

T = TypeVar("T")
DECISION_ID = "dec_one"
ASKED = {"action": "Refund order 1142", "approver": "approver@example.com", "payload": None}
"""What decisions are about, unless a script or a request says otherwise."""


class DeliveryReport(dict[str, Any]):
    """A decision as the service writes it; `given` are the fields of which a script says what they
    are, and the others are as they were asked."""

    given: frozenset[str]


def decision(status: str = "pending", **fields: Any) -> DeliveryReport:
    told = DeliveryReport(
        id=DECISION_ID,
        status=status,
        approved=status == "approved",
        **ASKED,
        created_at="2026-01-05T10:00:00Z",
        expires_at="2026-01-05T10:30:00Z",
    )
    told.update(fields)
    told.given = frozenset(fields)
    return told


def as_asked(body: object, asked: Mapping[str, Any]) -> object:
    """The body of an answer, a decision in it with what was asked."""
    if not isinstance(body, DeliveryReport):
        return body
    return body | {name: asked[name] for name in asked.keys() - body.given}


def asked_by(body: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
    """What a request to ask has, as the decision tells it."""
    told = {name: body[name] for name in ASKED if name in body}
    return {**told, "idempotency_key": headers.get("idempotency-key")}


def problem(status: int, code: str, **fields: Any) -> dict[str, Any]:
    return {"type": "about:blank", "title": "T", "status": status, "code": code, **fields}


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any] | None
    """Of JSON; None for what is none."""
    content: bytes = b""
    connection: Any = None
    """Where it came from."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: Service
    asked: dict[str, Any]

    def handle_request(self) -> None:
        # By the order of heads: a body may never come, while another request is answered.
        behave = next(self.service.script, SCRIPT_OVER)
        content = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        is_json = headers.get("content-type") == "application/json"
        body = json.loads(content) if is_json else None
        self.service.connections.add(self.client_address)
        request = Request(self.command, self.path, headers, body, content, self.client_address)
        self.service.requests.append(request)
        if self.command == "POST" and self.path.partition("?")[0] == "/decisions":
            self.service.asked = asked_by(body or {}, headers)
        self.asked = self.service.asked
        behave(self)

    do_GET = do_POST = handle_request  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: Any) -> None:
        """Tests read `service.requests` instead."""


Behaviour = Callable[[Handler], None]


def replies(body: object, status: int = 200, **headers: str) -> Behaviour:
    """Answer, with headers given by their names in snake case."""

    def behave(handler: Handler) -> None:
        told = as_asked(body, handler.asked)
        content = told if isinstance(told, bytes) else json.dumps(told).encode()
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return behave


def drops(handler: Handler) -> None:
    """Take the request and close the connection without an answer."""
    handler.close_connection = True


SCRIPT_OVER = replies(problem(400, "script_over"), 400)


@dataclass
class Holds:
    """Hold the request until told what to do with it."""

    then: Behaviour
    reached: Event = field(default_factory=Event)
    go_on: Event = field(default_factory=Event)

    def __call__(self, handler: Handler) -> None:
        self.reached.set()
        if self.go_on.wait(30):
            self.then(handler)
        else:
            drops(handler)


class Service:
    """Answers each request with the next behaviour of its script."""

    def __init__(self, *script: Behaviour) -> None:
        self.requests: list[Request] = []
        self.asked: dict[str, Any] = {}
        """The last question, as its decision tells it."""
        self.connections: set[Any] = set()
        """Addresses from which requests came."""
        self.script = iter(script)
        self._start(0)
        self.port = self._server.server_port

    def _start(self, port: int) -> None:
        handler = type("ThisHandler", (Handler,), {"service": self})
        self._server = Server(("127.0.0.1", port), handler)
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def open(self) -> int:
        """How many connections are open."""
        return len(self._server.connections)

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.drop_all()
        self._server.server_close()

    def start_again(self) -> None:
        """On the same port, as after a restart."""
        self._start(self.port)


class Server(ThreadingHTTPServer):
    daemon_threads = False  # server_close() waits for its threads: none outlives a test

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.connections: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the play."""

    def drop_all(self) -> None:
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Comes:
    """An answer that comes `took` seconds after its request; None: held for as long as asked."""

    body: object
    status: int = 200
    took: float | None = 0.01
    headers: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Fails:
    """No answer: the connection is refused, drops after it was held for `held` seconds, or is given
    up after `cut_after` without a word."""

    held: float = 0.0
    cut_after: float = 0.0


@dataclass
class Play:
    """Carries steps out against a script, in no time: pauses and held requests move its clock."""

    script: Iterable[Comes | Fails]
    clock: Clock = field(default_factory=Clock)
    calls: list[Call] = field(default_factory=list[Call])
    asked: dict[str, Any] = field(default_factory=dict[str, Any])

    def options(self, retry_for: float = 60) -> Options:
        return Options(
            api_key="ho_key",
            base_url="http://127.0.0.1:1",
            dev_mode=False,
            timeout=15,
            retry_for=retry_for,
            clock=self.clock,
        )

    def run(self, steps: Generator[Call, Answer, T]) -> T:
        script = chain(self.script, repeat(Comes(problem(400, "script_over"), 400)))
        try:
            call = next(steps)
            while True:
                self.calls.append(call)
                self.clock.now += call.after
                call = self._next(steps, call, next(script))
        except StopIteration as stop:
            return stop.value

    def _next(
        self, steps: Generator[Call, Answer, object], call: Call, comes: Comes | Fails
    ) -> Call:
        if isinstance(comes, Fails):
            self.clock.now += comes.held + comes.cut_after
            error = APIConnectionError("no connection", comes.held)
            error.cut_after = comes.held + comes.cut_after
            return steps.throw(error)
        took = float(call.params.get("wait", 0.01)) if comes.took is None else comes.took
        self.clock.now += took
        if call.path == "/decisions":
            self.asked = asked_by(json.loads(call.content or b"{}"), call.headers)
        body = as_asked(comes.body, self.asked)
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return steps.send(Answer(comes.status, comes.headers, content, took))
