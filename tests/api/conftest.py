"""Agents of the running service."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from store.keys import AGENT_SCOPES, RESOLVE
from tests.api.agent import Agent
from tests.dev_server import DevServer
from tests.service import RunningService


@pytest.fixture(scope="session")
async def agent(service: RunningService) -> AsyncIterator[Agent]:
    """The agent whose key the service made at its first start."""
    async with Agent.of(service) as agent:
        yield agent


@pytest.fixture
async def another_agent(service: RunningService) -> AsyncIterator[Agent]:
    """An agent with a key and a name of its own, fresh for each test."""
    async with await Agent.with_new_key(service) as agent:
        yield agent


@pytest.fixture(scope="session")
async def operator(service: RunningService) -> AsyncIterator[Agent]:
    """Holds a key that may resolve decisions."""
    scopes = AGENT_SCOPES | {RESOLVE}
    async with await Agent.with_new_key(service, "operations", scopes) as operator:
        yield operator


@pytest.fixture(scope="session")
async def temporal(dev_server: DevServer) -> Client:
    return await dev_server.client()


@pytest.fixture(scope="session")
async def spare_service(
    dev_server: DevServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningService]:
    """A second service, which tests stop in part and start again; it polls for one decision."""
    running = RunningService(
        dev_server.address, tmp_path_factory.mktemp("spare"), HANDOVER_MAX_WAITS="1"
    )
    await running.start()
    yield running
    running.stop()


@pytest.fixture
async def spare(spare_service: RunningService) -> AsyncIterator[Agent]:
    """An agent of the second service."""
    async with Agent.of(spare_service) as agent:
        yield agent
