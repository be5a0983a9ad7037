"""Graphs, and both kinds of client and runner behind one face."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol
from uuid import uuid4

import pytest

from handover.integrations.langgraph import ApprovalRunner, AsyncApprovalRunner
from handover.testing import FakeHandover

APPROVER = "approver@example.com"


class Start(Protocol):
    def __call__(self, graph: Any, **settings: Any) -> Callable[..., Awaitable[Any]]: ...


@pytest.fixture
def fake() -> FakeHandover:
    return FakeHandover()


@pytest.fixture
def config() -> dict[str, Any]:
    return {"configurable": {"thread_id": uuid4().hex}}


@pytest.fixture(params=["blocking", "asynchronous"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def bridge(kind: str, fake: FakeHandover) -> Start:
    """`await bridge(graph, …)(method, …)` calls a method of a runner, whichever kind."""

    def blocking(graph: Any, **settings: Any) -> Callable[..., Awaitable[Any]]:
        settings = {"approver": APPROVER, **settings}
        runner = ApprovalRunner(graph, fake.client(), **settings)
        return lambda method, *args: asyncio.to_thread(getattr(runner, method), *args)

    def asynchronous(graph: Any, **settings: Any) -> Callable[..., Awaitable[Any]]:
        settings = {"approver": APPROVER, **settings}
        runner = AsyncApprovalRunner(graph, fake.async_client(), **settings)
        return lambda method, *args: getattr(runner, method)(*args)

    return blocking if kind == "blocking" else asynchronous


@pytest.fixture
def client(kind: str, fake: FakeHandover) -> Any:
    return fake.client() if kind == "blocking" else fake.async_client()


@pytest.fixture
def invoke(kind: str) -> Callable[..., Awaitable[Any]]:
    """`await invoke(graph, input, config)`, as the client of this kind needs it."""
    if kind == "blocking":
        return lambda graph, *args: asyncio.to_thread(graph.invoke, *args)
    return lambda graph, *args: graph.ainvoke(*args)
