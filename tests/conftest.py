"""What all tests share: the servers, each started once, and the running service."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NoReturn

import pytest
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from api.indexing import Indexing
from embedded.errors import ProgramMissingError
from embedded.programs import get_dev_server, get_test_server
from tests.dev_server import DevServer
from tests.service import RunningService


def lacks(reason: str) -> NoReturn:
    """Skip a test that this machine cannot run, naming what is missing.

    With `REQUIRE_ALL=1`, as in CI, it fails instead.
    """
    if os.environ.get("REQUIRE_ALL"):
        pytest.fail(f"REQUIRE_ALL is set, but {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
async def dev_server_program() -> Path:
    try:
        return await get_dev_server()
    except ProgramMissingError as error:
        lacks(str(error))


@pytest.fixture(scope="session")
async def dev_server(
    dev_server_program: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[DevServer]:
    """A real Temporal server, with what `make run` would give it."""
    server = DevServer(dev_server_program, tmp_path_factory.mktemp("temporal"))
    await server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
async def time_skipping() -> AsyncIterator[WorkflowEnvironment]:
    """Temporal's test server, which skips time while a client waits for a result."""
    try:
        program = await get_test_server()
    except ProgramMissingError as error:
        lacks(str(error))
    environment = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(program), data_converter=pydantic_data_converter
    )
    async with environment:
        assert await Indexing(environment.client).available()
        yield environment


@pytest.fixture(scope="session")
async def service(
    dev_server: DevServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningService]:
    """API and worker as processes of their own, for tests that leave them running."""
    running = RunningService(dev_server.address, tmp_path_factory.mktemp("service"))
    await running.start()
    yield running
    running.stop()


@pytest.fixture
async def own_service(dev_server: DevServer, tmp_path: Path) -> AsyncIterator[RunningService]:
    """API and worker on a task queue of their own, for a test that stops or kills them."""
    running = RunningService(dev_server.address, tmp_path)
    await running.start()
    yield running
    running.stop()
