"""The scene of the tests of sending."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.activities import samples
from tests.activities.scenes import Scene
from tests.dev_server import DevServer


@pytest.fixture
async def scene(dev_server: DevServer) -> Scene:
    return Scene(await dev_server.client())


@pytest.fixture(autouse=True)
def asked_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples are asked when their test begins: a run that began long after its decision was made
    is void, and hundreds of tests may lie between the import and this one."""
    monkeypatch.setattr(samples, "NOW", datetime.now(UTC).replace(microsecond=0))
