"""The servers that a workflow's test runs on."""

from __future__ import annotations

from typing import cast

import pytest
from temporalio.client import Client

from tests.dev_server import DevServer


@pytest.fixture(scope="session")
async def dev_client(dev_server: DevServer) -> Client:
    return await dev_server.client()


@pytest.fixture(params=["dev server", "time-skipping"])
def client(request: pytest.FixtureRequest) -> Client:
    """Every test that needs no skipping runs on both servers."""
    if request.param == "dev server":
        return cast(Client, request.getfixturevalue("dev_client"))
    return cast(Client, request.getfixturevalue("test_server_client"))
