"""What does not come to its end is not waited for without one: the protocol, on its own sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
from starlette.types import Receive, Scope, Send
from uvicorn import Config, Server

from api.protocol import MAX_HEAD, TOO_LARGE, TOO_SLOW, Bounded
from tests.support import eventually

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"


class Impatient(Bounded):
    head_seconds = 0.2
    pause_seconds = 0.2
    idle_seconds = 1


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the body; on `/early` before it is there; on `/late` once the protocol has lost
    its patience."""
    if scope["path"] == "/early":
        await answer(send, b"early")
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message["body"]
        if not message["more_body"]:
            break
    if scope["path"] == "/late":
        await asyncio.sleep(3 * Impatient.pause_seconds)
    if scope["path"] != "/early":
        await answer(send, body)


async def answer(send: Send, body: bytes) -> None:
    length = str(len(body)).encode()
    headers = [(b"content-length", length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def served() -> AsyncIterator[int]:
    """The port of a server that loses patience quickly."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        config = Config(echo, http=Impatient, lifespan="off", log_config=None)
        server = Server(config)
        running = asyncio.create_task(server.serve([listening]))
        try:
            yield listening.getsockname()[1]
        finally:
            await eventually(lambda: server.started)
            server.should_exit = True
            await running


async def exchanged(*parts: bytes) -> bytes:
    """All that comes on a connection to which these parts are sent, until the server closes it."""
    async with served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for part in parts:
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(30):
            came = await reader.read()
        writer.close()
    return came


@pytest.mark.parametrize(
    ("sent", "status", "sentence"),
    [
        (b"GET / HTT", 408, TOO_SLOW),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", 408, TOO_SLOW),
        (HEAD, 408, TOO_SLOW),
        (HEAD + b"12", 408, TOO_SLOW),
        (b"GET /?" + b"a" * MAX_HEAD, 431, TOO_LARGE),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * MAX_HEAD, 431, TOO_LARGE),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * MAX_HEAD + b"\r\n\r\n", 431, TOO_LARGE),
        (b"nonsense\r\n\r\n", 400, "Invalid HTTP request received."),
    ],
    ids=[
        *("a request line", "a head", "a body", "half a body"),
        *("a long line", "a long head", "a long head that ends", "no HTTP"),
    ],
)
async def test_what_does_not_come_to_its_end_is_refused(
    sent: bytes, status: int, sentence: str
) -> None:
    came = await exchanged(sent)
    head, _, body = came.partition(b"\r\n\r\n")
    assert int(head.split()[1]) == status
    assert b"connection: close" in head
    assert body.decode() == sentence


async def test_a_connection_on_which_nothing_comes_is_closed() -> None:
    assert await exchanged() == b""


async def test_an_idle_connection_is_closed_by_its_client_first() -> None:
    """A request that is sent into a connection which the service is closing would be lost."""
    given_up_after = httpx2.Limits().keepalive_expiry
    assert given_up_after
    assert Bounded.idle_seconds >= 2 * given_up_after
    began = asyncio.get_running_loop().time()
    assert (await exchanged(HEAD + b"1234")).endswith(b"1234")
    assert asyncio.get_running_loop().time() - began >= Impatient.idle_seconds


async def test_a_request_that_follows_another_has_its_own_time() -> None:
    """The first is answered, the half of a second one is told."""
    came = await exchanged(HEAD + b"1234", b"GET / HTTP/1.1\r\nHos")
    first, _, second = came.partition(b"1234")
    assert first.startswith(b"HTTP/1.1 200")
    assert second.startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize("path", [b"/early", b"/late"])
async def test_no_refusal_stands_within_an_answer(path: bytes) -> None:
    """One that was answered before its body came is closed, and one whose answer takes long is
    waited for: it is the server's turn."""
    sent = HEAD.replace(b" / ", b" %s " % path) + (b"12" if path == b"/early" else b"1234")
    came = await exchanged(sent)
    assert came.startswith(b"HTTP/1.1 200")
    assert came.count(b"HTTP/1.1") == 1
    assert came.endswith(b"early" if path == b"/early" else b"1234")
