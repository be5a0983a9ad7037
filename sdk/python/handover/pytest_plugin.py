"""The pytest fixture `handover`: a `FakeHandover` for each test.

pytest loads this module in every run, so it imports nothing else before the fixture is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .testing import FakeHandover


@pytest.fixture
def handover(monkeypatch: pytest.MonkeyPatch) -> FakeHandover:
    """A Handover service in memory, which clients that the code under test makes without
    arguments use. See `handover.testing`."""
    from .testing import FakeHandover

    fake = FakeHandover()
    monkeypatch.setenv("HANDOVER_BASE_URL", fake.base_url)
    monkeypatch.setenv("HANDOVER_API_KEY", fake.api_key)
    return fake
