"""The scene of the tests of sending."""

from __future__ import annotations

import pytest

from tests.activities.scenes import Scene
from tests.dev_server import DevServer


@pytest.fixture
async def scene(dev_server: DevServer) -> Scene:
    return Scene(await dev_server.client())
