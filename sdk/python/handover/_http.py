"""Turns calls into HTTP: the only module that knows the HTTP library."""

from __future__ import annotations

import asyncio
import os
import platform
import time
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import httpx2

from ._base import Answer, Call, Steps
from ._clients import Clients, LoopClients
from ._environment import (
    check_environment,
    with_bad_proxy,
    without_certificates,
    without_proxy_library,
)
from ._options import Options, bad_base_url
from ._urls import is_loopback
from ._version import __version__
from .exceptions import APIConnectionError

if TYPE_CHECKING:
    from ssl import SSLContext

HTTPClient = httpx2.Client
AsyncHTTPClient = httpx2.AsyncClient
T = TypeVar("T")
H = TypeVar("H", HTTPClient, AsyncHTTPClient)

CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables that name other certificates than the system's."""
USER_AGENT = f"handover-sdk/{__version__} python/{platform.python_version()}"


class Exchange(Protocol):
    def send(self, call: Call) -> Answer: ...
    def close(self) -> None: ...
    def with_options(self, options: Options) -> Exchange:
        """Return the same connections with other options; this exchange still closes them."""
        ...


class AsyncExchange(Protocol):
    async def send(self, call: Call) -> Answer: ...
    async def close(self) -> None: ...
    def with_options(self, options: Options) -> AsyncExchange:
        """Return the same connections with other options; this exchange still closes them."""
        ...


def run(exchange: Exchange, steps: Steps[T]) -> T:
    """Carry out the steps, blocking."""
    try:
        call = next(steps)
        while True:
            try:
                if call.after:
                    time.sleep(call.after)
                answer = exchange.send(call)
            except BaseException as error:
                call = steps.throw(error)
            else:
                call = steps.send(answer)
    except StopIteration as stop:
        return stop.value


async def run_async(exchange: AsyncExchange, steps: Steps[T]) -> T:
    """Carry out the steps in an event loop."""
    try:
        call = next(steps)
        while True:
            try:
                if call.after:
                    await asyncio.sleep(call.after)
                answer = await exchange.send(call)
            except BaseException as error:
                call = steps.throw(error)
            else:
                call = steps.send(answer)
    except StopIteration as stop:
        return stop.value


class HTTPExchange:
    """Calls over connections of this process."""

    def __init__(
        self, options: Options, clients: Clients[HTTPClient], *, owned: bool = True
    ) -> None:
        self._options = options
        self._clients = clients
        self._owned = owned

    def send(self, call: Call) -> Answer:
        http = self._clients.here()
        began = time.monotonic()
        try:
            response = http.request(**_request(self._options, call))
        except httpx2.RequestError as error:
            raise _connection_error(self._options, error, time.monotonic() - began) from error
        return _answer(response, time.monotonic() - began)

    def close(self) -> None:
        if self._owned:
            self._clients.close()

    def with_options(self, options: Options) -> HTTPExchange:
        return HTTPExchange(options, self._clients, owned=False)


class AsyncHTTPExchange:
    """Calls over connections of the event loop that runs."""

    def __init__(
        self, options: Options, clients: LoopClients[AsyncHTTPClient], *, owned: bool = True
    ) -> None:
        self._options = options
        self._clients = clients
        self._owned = owned

    async def send(self, call: Call) -> Answer:
        http = await self._clients.here()
        began = time.monotonic()
        try:
            response = await http.request(**_request(self._options, call))
        except httpx2.RequestError as error:
            raise _connection_error(self._options, error, time.monotonic() - began) from error
        return _answer(response, time.monotonic() - began)

    async def close(self) -> None:
        if self._owned:
            await self._clients.close()

    def with_options(self, options: Options) -> AsyncHTTPExchange:
        return AsyncHTTPExchange(options, self._clients, owned=False)


def open_http(options: Options, lent: HTTPClient | None) -> HTTPExchange:
    """Open connections. Raises `ConfigurationError` if the options and the environment can reach
    nothing."""
    _check_url(options.base_url)
    return HTTPExchange(options, Clients(partial(_opened, httpx2.Client, options), lent))


def open_async_http(options: Options, lent: AsyncHTTPClient | None) -> AsyncHTTPExchange:
    """Open asynchronous connections, as `open_http` does."""
    _check_url(options.base_url)
    make = partial(_opened, httpx2.AsyncClient, options)
    return AsyncHTTPExchange(options, LoopClients(make, lent))


def _check_url(url: str) -> None:
    try:
        httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise bad_base_url(url, error) from error


def _opened(kind: type[H], options: Options) -> H:
    # No proxy from the environment can reach this machine's own loopback address.
    trusts = not is_loopback(options.base_url)
    if trusts:
        check_environment()
    # Each waiting agent holds a connection: a limit would make them wait for one another.
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=20)
    try:
        trusted = _trusted(*(os.environ.get(name) for name in CERTIFICATES if trusts))
        return kind(limits=limits, trust_env=trusts, verify=trusted)
    except ImportError as error:
        raise without_proxy_library() from error
    except OSError as error:
        raise without_certificates(error) from error
    except httpx2.InvalidURL as error:
        raise with_bad_proxy(error) from error


@cache
def _trusted(*certificates: str | None) -> SSLContext:
    """Return the certificates to trust: those named here, or, without any, the system's, with no
    look at a variable.

    A process has one of each: reading a system's certificates takes 30 ms, and each event loop gets
    a client. Raises `OSError`.
    """
    return httpx2.create_ssl_context(trust_env=bool(certificates))


def _request(options: Options, call: Call) -> dict[str, Any]:
    headers = {
        "authorization": f"Bearer {options.api_key}",
        "accept": "application/json",
        "user-agent": USER_AGENT,
        **({"content-type": "application/json"} if call.content else {}),
        **call.headers,
    }
    return {
        "method": call.method,
        "url": options.base_url + call.path,
        "params": call.params or None,
        "headers": headers,
        "content": call.content,
        "files": {"file": call.file} if call.file else None,
        "timeout": httpx2.Timeout(options.timeout, read=call.read_within or options.timeout),
        "follow_redirects": False,  # the API key is for the service at base_url and no other
    }


def _answer(response: httpx2.Response, took: float) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status_code, headers, response.content, took)


def _connection_error(
    options: Options, error: httpx2.RequestError, took: float
) -> APIConnectionError:
    dropped = isinstance(error, httpx2.ReadError | httpx2.RemoteProtocolError)
    told = str(error) or type(error).__name__
    mapped = APIConnectionError(
        f"Handover at {options.base_url} {'dropped the connection' if dropped else 'not reached'}:"
        f" {told}",
        took if dropped else 0.0,
    )
    if isinstance(error, httpx2.ReadTimeout):
        mapped.cut_after = took
    return mapped
