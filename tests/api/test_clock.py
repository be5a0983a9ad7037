"""Clocks that differ: what an API would stamp wrong it refuses, and says by how much it is off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest
from temporalio.client import Client

import api.decisions.clock
from api.decisions.clock import TOLERANCE, Clock, ClockDiffers
from tests import web
from tests.api.agent import Agent, question
from tests.api.asked import Asked
from tests.service import RunningService
from tests.support import free_port

LITTLE = timedelta(seconds=5)


def set_clock(patch: pytest.MonkeyPatch, by: timedelta) -> None:
    """That of this process, as far as the API stamps with it."""
    patch.setattr(api.decisions.clock, "now", lambda: datetime.now(UTC) + by)


async def test_a_clock_is_compared_with_temporals(
    temporal: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both run on this machine, so they agree; again and again, for every comparison."""
    clock = Clock(temporal)
    for _ in range(3):
        await clock.compare()
        assert clock.ahead is not None
        assert abs(clock.ahead) < LITTLE
    assert abs(await clock.now() - datetime.now(UTC)) < LITTLE


@pytest.mark.parametrize(
    ("by", "told"),
    [
        (timedelta(hours=1), "1:00:00 ahead of Temporal's"),
        (timedelta(minutes=-9), "0:09:00 behind Temporal's"),
        (TOLERANCE + LITTLE, "0:00:35 ahead of"),
    ],
)
async def test_a_clock_that_is_set_wrong_is_noticed_at_once(
    temporal: Client, monkeypatch: pytest.MonkeyPatch, by: timedelta, told: str
) -> None:
    """Also between two comparisons; and that it is set right again, too."""
    clock = Clock(temporal)
    await clock.check()
    set_clock(monkeypatch, by)
    with pytest.raises(ClockDiffers, match=told) as raised:
        await clock.now()
    assert raised.value.takes_operator
    set_clock(monkeypatch, timedelta())
    await clock.check()


async def test_after_a_sleep_it_is_compared_anew(
    temporal: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that slept has a steady clock that stood still: nobody is refused for that."""
    clock = Clock(temporal)
    await clock.compare()
    awake = monotonic
    monkeypatch.setattr(api.decisions.clock, "monotonic", lambda: awake() - 3600)
    assert clock.ahead
    assert clock.ahead > TOLERANCE
    await clock.check()


async def test_a_little_does_no_harm(temporal: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """No two clocks are quite the same."""
    set_clock(monkeypatch, TOLERANCE - LITTLE)
    clock = Clock(temporal)
    await clock.check()
    assert clock.ahead
    assert TOLERANCE / 2 < clock.ahead <= TOLERANCE


async def test_nobody_is_blamed_where_temporal_does_not_tell() -> None:
    """What cannot be compared is taken: where Temporal is away, that is said otherwise."""
    nowhere = await Client.connect(f"127.0.0.1:{free_port()}", lazy=True)
    clock = Clock(nowhere)
    await clock.check()
    assert clock.ahead is None


async def test_an_api_whose_clock_is_an_hour_behind(agent: Agent, service: RunningService) -> None:
    """It asks nobody, and takes no answer, which another API takes; what it reads is right."""
    asked = await Asked.by(agent)
    port = free_port()
    await service.start_api("late", port, app="tests.api.late:app")
    headers = agent.http.headers
    late = f"http://127.0.0.1:{port}"
    async with web.client(base_url=late, headers=headers, timeout=60) as http:
        refused = await http.post("/decisions", json=question())
        press = await http.post(
            asked.link.removeprefix(service.base_url), data=asked.form | {"choice": "approve"}
        )
        ready = await http.get("/readyz")
        read = await http.get(f"/decisions/{asked.decision}")
    service.end("late")
    assert refused.status_code == press.status_code == ready.status_code == 503
    assert "1:00:00 behind Temporal" in refused.json()["detail"]
    assert "1:00:00 behind Temporal" in press.text
    checks = ready.json()["checks"]
    assert "NTP" in checks.pop("clock")
    assert set(checks.values()) == {"ok"}, "of nothing else"
    assert read.json()["status"] == "pending"
    assert (await asked.send(choice="approve")).status_code == 200
    assert (await agent.get(asked.decision, wait=30))["status"] == "approved"
