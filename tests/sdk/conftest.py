"""A scripted service, and both clients behind one face."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from operator import attrgetter
from typing import Any, Protocol

import pytest

from handover import AsyncHandoverClient, HandoverClient
from tests.sdk.service import Behaviour, Service


class Connect(Protocol):
    def __call__(
        self, url: str, key: str = "ho_key", **options: Any
    ) -> Callable[..., Awaitable[Any]]: ...


@pytest.fixture
def serve() -> Iterator[Callable[..., Service]]:
    """Start services with a script of behaviours, one per request."""
    started: list[Service] = []

    def start(*script: Behaviour) -> Service:
        started.append(Service(*script))
        return started[-1]

    yield start
    for service in started:
        service.stop()


@pytest.fixture(params=["blocking", "asynchronous"])
async def connect(request: pytest.FixtureRequest) -> AsyncIterator[Connect]:
    """`await connect(url)(method, …)` calls `client.<method>(…)` or, where there is none,
    `client.decisions.<method>(…)`, of either client."""
    async with AsyncExitStack() as opened:

        def blocking(
            url: str, key: str = "ho_key", **options: Any
        ) -> Callable[..., Awaitable[Any]]:
            client = opened.enter_context(HandoverClient(key, url, **options))

            def call(method: str, *args: Any, **fields: Any) -> Awaitable[Any]:
                return asyncio.to_thread(method_of(client, method), *args, **fields)

            return call

        def asynchronous(
            url: str, key: str = "ho_key", **options: Any
        ) -> Callable[..., Awaitable[Any]]:
            client = AsyncHandoverClient(key, url, **options)
            opened.push_async_callback(client.close)

            def call(method: str, *args: Any, **fields: Any) -> Awaitable[Any]:
                return method_of(client, method)(*args, **fields)

            return call

        yield blocking if request.param == "blocking" else asynchronous


def method_of(client: HandoverClient | AsyncHandoverClient, name: str) -> Callable[..., Any]:
    owner = client if hasattr(client, name.split(".")[0]) else client.decisions
    return attrgetter(name)(owner)


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HANDOVER_API_KEY", raising=False)
    monkeypatch.delenv("HANDOVER_BASE_URL", raising=False)
