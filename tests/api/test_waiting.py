"""`?wait=`: a request held until the decision is settled, and never for longer than asked."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import Any, cast

import pytest
from temporalio.client import Client

from api.decisions.waiting import Waiting
from histories.loading import Histories
from tests.api.agent import (
    Agent,
    keyring_of,
    link_to,
    metric,
    question,
    refused_fields,
    someone,
)
from tests.approver import press
from tests.service import RunningService
from tests.support import eventually


async def timed(request: Any) -> tuple[Any, float]:
    start = time.monotonic()
    return await request, time.monotonic() - start


async def held(agent: Agent, number: int) -> None:
    """Wait until so many requests are held open."""

    async def enough() -> bool:
        page = (await agent.http.get("/metrics")).text
        return metric(page, "handover_waiting_agents") == number

    await eventually(enough)


async def test_a_held_request_answers_when_the_decision_is_settled(
    agent: Agent, service: RunningService
) -> None:
    """Create and get both return at the click, long before the time is over."""
    approver = someone()
    creating = asyncio.create_task(agent.post(question(approver=approver), wait=60))
    link = await link_to(service, approver)
    assert not creating.done()
    _, took = await timed(press(link, "deny", notes="No."))
    created, waited = await timed(creating)
    assert created.status_code == 201
    decision = created.json()
    assert (decision["status"], decision["response_notes"]) == ("denied", "No.")
    assert took + waited < 30
    answer, took = await timed(agent.get(decision["id"], wait=60))
    assert answer == decision | {"notifications": answer["notifications"]}
    assert took < 30


async def test_a_wait_that_is_over_answers_pending(agent: Agent) -> None:
    """After the seconds that were asked for, the answer is as without waiting."""
    decision, took = await timed(agent.get((await agent.ask())["id"], wait=1.2))
    assert decision["status"] == "pending"
    assert took >= 1.2


async def test_a_poll_ends_with_the_last_who_waits(
    agent: Agent, temporal: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Temporal takes a limited number of them, and a decision may live for a year."""
    monkeypatch.setattr("api.decisions.waiting.LINGER", 0.5)
    decision = (await agent.ask())["id"]
    histories = Histories(temporal, keyring_of(agent.service))
    waiting, before = Waiting(temporal, histories, most=1), len(asyncio.all_tasks())
    await asyncio.gather(*(waiting.until(decision, 0.3, lambda _: False) for _ in range(2)))
    await eventually(lambda: len(asyncio.all_tasks()) <= before, timeout=5)


async def test_a_wait_ends_with_the_expiry(agent: Agent) -> None:
    """Nobody answers: whoever waits is told so, and nothing is approved."""
    decision = (await agent.post(question(timeout_minutes=0.01), wait=30)).json()
    assert (decision["status"], decision["origin"]) == ("expired", "timeout")
    assert decision["approved"] is False
    assert decision["resolved_at"] >= decision["expires_at"]


@pytest.mark.parametrize("wait", ["121", "-1", "nan", "inf", "-inf", "1e9", "soon", "", "1,5"])
async def test_a_wait_out_of_bounds_is_refused(agent: Agent, wait: str) -> None:
    """0 to 60 seconds: everything else is 422 and names `wait`."""
    assert refused_fields(await agent.post(question(), wait=wait)) == ["wait"]
    answer = await agent.http.get("/decisions/dec_none", params={"wait": wait})
    assert refused_fields(answer) == ["wait"]


async def test_many_waiters_share_one_poll_and_one_too_many_is_sent_away_early(
    spare: Agent,
) -> None:
    """With room for one poll, thirty wait on one decision; on another nobody is held for long."""
    approver = someone()
    decision, other = (await spare.ask(approver=approver))["id"], (await spare.ask())["id"]
    link = await link_to(spare.service, approver)
    waiters = [asyncio.create_task(spare.get(decision, wait=60)) for _ in range(30)]
    await held(spare, 30)

    early = await asyncio.gather(*(timed(spare.get(other, wait=60)) for _ in range(6)))
    assert {answer["status"] for answer, _ in early} == {"pending"}
    times = sorted(took for _, took in early)
    assert 0.9 < times[0] < times[-1] < 20
    assert times[-1] - times[0] > 0.1, "they would all come back at the same moment"

    assert not any(waiter.done() for waiter in waiters)
    await press(link, "approve")
    answers = await asyncio.gather(*waiters)
    assert {answer["status"] for answer in answers} == {"approved"}
    await held(spare, 0)


async def test_stopping_answers_open_waits_at_once(spare: Agent) -> None:
    """SIGTERM: whoever waits is told how things stand, and the process ends in time."""
    decision = (await spare.ask())["id"]
    waiters = [asyncio.create_task(spare.get(decision, wait=60)) for _ in range(5)]
    await held(spare, 5)
    status, took = await timed(asyncio.to_thread(spare.service.end, "api"))
    try:
        answers = await asyncio.gather(*waiters)
        assert {answer["status"] for answer in answers} == {"pending"}
        # uvicorn shuts down first and then ends by the signal that it was sent.
        assert status in (0, -signal.SIGTERM)
        assert "Application shutdown complete" in spare.service.log("api")
        assert took < 5
    finally:
        await spare.service.start_api()


async def test_stopping_answers_also_beside_a_wait_that_is_just_ending() -> None:
    """A wait whose time runs out at the very moment of the stop keeps nobody else waiting."""
    waiting = Waiting(cast(Any, None), cast(Any, None), most=0)
    ending = asyncio.create_task(waiting.until("dec_1", 0, lambda _: False))
    other = asyncio.create_task(waiting.until("dec_2", 60, lambda _: False))
    for _ in range(2):  # both begin; the first one's time is over, and it has not noticed yet
        await asyncio.sleep(0)
    assert not ending.done()
    waiting.close()
    assert await asyncio.wait_for(asyncio.gather(ending, other), timeout=0.9) == [None, None]
