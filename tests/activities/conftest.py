"""The scene of the tests of sending."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.activities import samples
from tests.activities.scenes import Scene
from tests.dev_server import DevServer


@pytest.fixture
async def scene(dev_server: DevServer) -> Scene:
    return Scene(await dev_server.client())


@pytest.fixture(autouse=True, scope="module")
def asked_now() -> Iterator[None]:
    """Samples are asked when their module begins: a run that began long after its decision was made
    is void, and thousands of tests may lie between the import and this one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(samples, "NOW", datetime.now(UTC).replace(microsecond=0))
        yield
