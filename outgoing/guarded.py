"""The client for URLs that customers named.

It resolves a name once for each request, checks all addresses that it resolves to, and connects to
one of just these. There is no second look-up between the check and the connection, no redirect, no
proxy, no connection that is used again.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Mapping,
    Sequence,
)
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import cast

import httpcore2
import httpx2

from outgoing.addresses import Address, is_public, read_address
from outgoing.errors import RefusedUrlError, TooMuchError, UnreachableError
from outgoing.exceptions import Exceptions
from outgoing.urls import Target, read_url

PORTS = (443, 8443)

CHECK_SECONDS = 5.0
"""Seconds for the early check, while somebody waits."""

DROPPED_BYTES = 4096
DROPPED_SECONDS = 1.0
"""Seconds for which an answer's body is read and thrown away, so that a small one arrives whole:
some servers take an earlier close for a failure of theirs."""

CONNECT_SECONDS = 5.0
"""Seconds for one address, since a host may have several."""

FAILURES = (
    OSError,
    UnicodeError,  # of a name that the system's resolver cannot write
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.TimeoutException,
)

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns all addresses of a host, as text. Raises `OSError` if there are none."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's answer. `body` is empty unless it was asked for."""

    status_code: int
    headers: httpx2.Headers
    body: bytes = b""


Take = Callable[[httpcore2.Response], Awaitable[bytes]]
"""Reads the body of an answer and returns the part to keep."""


class GuardedClient:
    """Makes the guarded requests. `exceptions` are allowed beyond the public addresses; `tls`
    verifies servers."""

    def __init__(
        self,
        exceptions: Exceptions | None = None,
        *,
        resolve: Resolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._exceptions = exceptions or Exceptions()
        self._resolve = resolve or SystemResolver()
        self._tls = tls or httpcore2.default_ssl_context()

    async def check(self, url: str, *, limit_seconds: float = CHECK_SECONDS) -> None:
        """Check whether a request to this URL would be made now. Raises `OutgoingError`."""
        target = read_url(url)
        with _mapped_errors(limit_seconds):
            async with asyncio.timeout(limit_seconds):
                await self._allowed(target)

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, limit_seconds: float
    ) -> Answer:
        """Send the body and return the answer, whatever its status. `limit_seconds` are for all of
        it. Raises `RefusedUrlError`, with nothing sent, and `UnreachableError`."""
        return await self._send(url, "POST", headers, body, _drop, limit_seconds)

    async def get(
        self, url: str, headers: Mapping[str, str], *, limit_seconds: float, most_bytes: int
    ) -> Answer:
        """Fetch, with the body as it was sent. Raises as `post` does, and `TooMuchError`."""

        async def take(answer: httpcore2.Response) -> bytes:
            return await _taken(answer, most_bytes)

        return await self._send(url, "GET", headers, None, take, limit_seconds)

    async def _send(
        self,
        url: str,
        method: str,
        headers: Mapping[str, str],
        body: bytes | None,
        take: Take,
        limit_seconds: float,
    ) -> Answer:
        target = read_url(url)
        with _mapped_errors(limit_seconds):
            async with asyncio.timeout(limit_seconds):
                dialer = _Dialer(target, await self._allowed(target))
                async with self._exchange(target, dialer, method, headers, body) as answer:
                    taken = await take(answer)
                    return Answer(answer.status, httpx2.Headers(answer.headers), taken)

    @asynccontextmanager
    async def _exchange(
        self,
        target: Target,
        dialer: _Dialer,
        method: str,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> AsyncGenerator[httpcore2.Response]:
        url = httpcore2.URL(
            scheme=target.scheme, host=target.host, port=target.port, target=target.path
        )
        lines = [("Host", target.authority), *headers.items()]
        async with (
            httpcore2.AsyncConnectionPool(self._tls, network_backend=dialer) as connections,
            connections.stream(method, url, headers=lines, content=body) as answer,
        ):
            yield answer

    async def _allowed(self, target: Target) -> list[Address]:
        """Return the addresses to connect to: all that the host has. Raises `RefusedUrlError`."""
        is_excepted = (target.host, target.port) in self._exceptions.places
        is_usual = target.scheme == "https" and target.port in PORTS
        if not (is_usual or is_excepted or self._exceptions.networks):
            raise RefusedUrlError(f"only https is called, at the ports {PORTS[0]} and {PORTS[1]}")
        addresses = await self._addresses(target)
        for address in addresses:
            if not (
                is_excepted or self._exceptions.has(address) or (is_usual and is_public(address))
            ):
                raise RefusedUrlError("its host does not lead to the public internet by https")
        return addresses

    async def _addresses(self, target: Target) -> list[Address]:
        if address := read_address(target.host):
            return [address]
        found = [read_address(text) for text in await self._resolve(target.host, target.port)]
        addresses = [address for address in found if address is not None]
        if not addresses or len(addresses) < len(found):
            raise UnreachableError("its host has no address")
        return addresses


class SystemResolver:
    """The system's resolver, in threads of its own.

    A name with a slow server holds a thread for seconds, and somebody who may name hosts could
    otherwise take all threads of the process.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(16, thread_name_prefix="resolver")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, look_up)
        return list(dict.fromkeys(str(address[0]) for *_, address in found))


class _Dialer(httpcore2.AsyncNetworkBackend):
    """Connects to the addresses that were checked, and to nothing else."""

    def __init__(self, target: Target, addresses: Sequence[Address]) -> None:
        self._target = target
        self._addresses = addresses
        self._network = cast(httpcore2.AsyncNetworkBackend, httpcore2.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        if (host, port) != (self._target.host, self._target.port):
            raise RefusedUrlError("the connection was about to go elsewhere")
        *others, last = (str(address) for address in self._addresses)
        for address in others:
            with suppress(httpcore2.ConnectError, httpcore2.ConnectTimeout):
                return await self._network.connect_tcp(address, port, CONNECT_SECONDS)
        return await self._network.connect_tcp(last, port)


async def _taken(answer: httpcore2.Response, most_bytes: int) -> bytes:
    """Read all of the body. Raises `TooMuchError` as soon as it is too large."""
    body = bytearray()
    async with aclosing(answer.aiter_stream()) as parts:
        async for part in parts:
            body += part
            if len(body) > most_bytes:
                raise TooMuchError(f"its answer is larger than {most_bytes} bytes")
    return bytes(body)


async def _drop(answer: httpcore2.Response) -> bytes:
    """Read what comes at once of a body. The status counts, whatever becomes of the body."""
    taken = 0
    with suppress(TimeoutError, *FAILURES):
        async with (
            asyncio.timeout(DROPPED_SECONDS),
            aclosing(answer.aiter_stream()) as parts,
        ):
            async for part in parts:
                taken += len(part)
                if taken > DROPPED_BYTES:
                    break
    return b""


@contextmanager
def _mapped_errors(limit_seconds: float) -> Generator[None]:
    try:
        yield
    except TimeoutError as error:
        raise UnreachableError(f"no answer within {limit_seconds:g} seconds") from error
    except socket.gaierror as error:
        raise UnreachableError("its host is not found") from error
    except FAILURES as error:
        raise UnreachableError(f"no answer: {error or type(error).__name__}") from error
