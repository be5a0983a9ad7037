"""What all tests share: the servers, each started once, and the running service."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from embedded.errors import ProgramMissingError
from embedded.programs import get_dev_server, get_test_server
from tests.dev_server import DevServer
from tests.leftovers import end_leftovers, mark_children
from tests.nginx import Behind, Nginx, find_nginx
from tests.postgres import PostgresServer, find_pg_ctl
from tests.service import RunningService
from workflows.options import SEARCH_ATTRIBUTES

STATUS = pytest.StashKey[int]()
TESTS = Path(__file__).parent

# A machine that does ten other things is no slower code.
settings.register_profile("tests", parent=settings(), deadline=None)
settings.load_profile("tests")

mark_children()

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell's background jobs ignore Ctrl-C, and so would every program that the tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)


SLOW = ("e2e", "benchmarks", "browser", "embedded", "deploy", "docs", "clients", "examples", "sdk")
"""Folders with modules of few and long tests, then `api`; the others are short."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long modules first, so that no process is left alone with one at the end."""
    order = {name: place for place, name in enumerate((*SLOW, "api"))}
    items.sort(key=lambda item: order.get(item.path.relative_to(TESTS).parts[0], len(order)))


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
async def time_skipping_program() -> Path:
    try:
        return await get_test_server()
    except ProgramMissingError as error:
        lacks(str(error))


@pytest.fixture
async def time_skipping(time_skipping_program: Path) -> AsyncIterator[WorkflowEnvironment]:
    """Temporal's test server, which skips time while a client waits for a result.

    A fresh one for each test: its clock never comes back to ours.
    """
    async with await start_test_server(time_skipping_program) as environment:
        yield environment


@pytest.fixture(scope="session")
async def test_server_client(time_skipping_program: Path) -> AsyncIterator[Client]:
    """A client of Temporal's test server that skips no time, so that all tests can share it."""
    async with await start_test_server(time_skipping_program) as environment:
        yield await environment.connect_client(data_converter=pydantic_data_converter)


async def start_test_server(program: Path) -> WorkflowEnvironment:
    environment = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(program),
        test_server_startup_timeout=timedelta(minutes=1),
        data_converter=pydantic_data_converter,
    )
    await register_search_attributes(environment.client)
    return environment


async def register_search_attributes(client: Client) -> None:
    """The test server cannot list them, which the API would do first."""
    types = {k.name: IndexedValueType.ValueType(k.indexed_value_type) for k in SEARCH_ATTRIBUTES}
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(namespace=client.namespace, search_attributes=types)
    )


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server of the tests' own."""
    pg_ctl = find_pg_ctl()
    if pg_ctl is None:
        lacks("PostgreSQL's server is not installed (Debian: postgresql)")
    server = PostgresServer(pg_ctl)
    server.start()
    yield server
    server.stop()


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


@pytest.fixture
async def behind(service: RunningService, tmp_path: Path) -> AsyncIterator[Behind]:
    """Starts an nginx in front of the service."""
    if (program := find_nginx()) is None:
        lacks("nginx is not installed (Debian: nginx-light)")
    started: list[Nginx] = []

    async def start(**changes: str) -> Nginx:
        started.append(proxy := Nginx(program, tmp_path, service.port, **changes))
        await proxy.start()
        return proxy

    yield start
    for proxy in started:
        await asyncio.to_thread(proxy.stop)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """End with the tests' own status.

    Temporal's native threads can abort a Python 3.11 interpreter that is winding up (status 134);
    by now everything is reported and closed.
    """
    if isinstance(status := config.stash.get(STATUS, None), int):
        sys.stdout.flush()
        sys.stderr.flush()
        end_leftovers()
        os._exit(status)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[STATUS] = int(exitstatus)
