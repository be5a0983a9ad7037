"""How held waits poll: few at once, none for nobody, and not all at one moment. Temporal's double
says what it is asked."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any, cast

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import History, HistoryEvent
from temporalio.api.history.v1 import WorkflowExecutionStartedEventAttributes as Started
from temporalio.api.workflowservice.v1 import (
    GetWorkflowExecutionHistoryRequest,
    GetWorkflowExecutionHistoryResponse,
)
from temporalio.converter import DataConverter
from temporalio.service import RPCError, RPCStatusCode

from api.decisions import waiting
from api.decisions.waiting import Waiting
from api.problems.errors import Unavailable
from histories.loading import Histories
from histories.reading import Reading
from tests.support import eventually
from tests.workflows.harness import make_input, signer


class Serving:
    """Each has its first event, and no other: a poll for more is held until `news`."""

    def __init__(self) -> None:
        self.namespace = "default"
        self.data_converter = DataConverter.default
        self.workflow_service = self
        self.read: Counter[str] = Counter()
        self.polls: list[tuple[str, float]] = []
        self.held = 0
        self.reading = 0
        self.most_read_at_once = 0
        self.slow = asyncio.Event()
        self.slow.set()
        self.ends: RPCStatusCode | None = None

    def waiting(self, most: int = 100) -> Waiting:
        return Waiting(cast(Any, self), Histories(cast(Any, self), signer.keyring), most)

    async def get_workflow_execution_history(
        self, request: GetWorkflowExecutionHistoryRequest, **how: Any
    ) -> GetWorkflowExecutionHistoryResponse:
        decision, seconds = request.execution.workflow_id, how["timeout"].total_seconds()
        if request.next_page_token:
            return await self._hold(decision, seconds)
        self.read[decision] += 1
        self.reading += 1
        self.most_read_at_once = max(self.most_read_at_once, self.reading)
        try:
            await self.slow.wait()
        finally:
            self.reading -= 1
        history = History(events=[started(decision)])
        return GetWorkflowExecutionHistoryResponse(history=history, next_page_token=b"more")

    async def _hold(self, decision: str, seconds: float) -> GetWorkflowExecutionHistoryResponse:
        self.polls.append((decision, seconds))
        if self.ends:
            raise RPCError("", self.ends, b"")
        self.held += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.held -= 1
        raise AssertionError


def started(decision_id: str) -> HistoryEvent:
    input = signer.seal(make_input(decision_id))
    at = Timestamp()
    at.FromDatetime(input.created_at)
    payloads = Payloads(payloads=[Payload(data=input.model_dump_json().encode())])
    return HistoryEvent(
        event_id=1,
        event_type=EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
        event_time=at,
        workflow_execution_started_event_attributes=Started(
            input=payloads, original_execution_run_id="run_1"
        ),
    )


def never(_: Reading) -> bool:
    return False


@pytest.fixture
def serving() -> Serving:
    return Serving()


async def test_waits_that_begin_together_do_not_end_together(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long ones, at random, up to a quarter early, or up to some seconds; a short one is as long as
    was asked."""

    async def timed(decision: str) -> float:
        await waits.until(decision, 0.8, never)
        return time.monotonic() - began

    waits, began = serving.waiting(), time.monotonic()
    assert min(await asyncio.gather(*(timed(f"dec_{n}") for n in range(20)))) >= 0.8
    monkeypatch.setattr(waiting, "LONG", 0.5)
    waits, began = serving.waiting(), time.monotonic()
    took = sorted(await asyncio.gather(*(timed(f"dec_{n}") for n in range(50))))
    assert took[0] >= 0.8 * 0.75
    assert took[-1] - took[0] > 0.8 * 0.1
    monkeypatch.setattr(waiting, "MOST_SPREAD", 0.02)
    waits, began = serving.waiting(), time.monotonic()
    assert min(await asyncio.gather(*(timed(f"dec_{n}") for n in range(20)))) >= 0.78


async def test_what_ends_without_news_ends_with_others() -> None:
    """At one of a few moments a second, and not before its time."""
    loop = asyncio.get_running_loop()
    for seconds in (0.1, 12.3, 29.99, 110):
        before, until, after = loop.time(), waiting._together(seconds), loop.time()
        assert seconds <= until <= seconds + waiting.TOGETHER
        moment = round((before + until) / waiting.TOGETHER) * waiting.TOGETHER
        assert before + until - 1e-6 <= moment <= after + until + 1e-6


async def test_who_asks_again_finds_the_decision_followed(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The history is read once, and what a wait has followed is known when it ends."""
    monkeypatch.setattr(waiting, "LINGER", 0.3)
    waits = serving.waiting()
    for _ in range(3):
        assert await waits.until("dec_1", 0.1, never) is None
        known = waits.glance("dec_1")
        assert known
    assert serving.read == {"dec_1": 1}
    await eventually(lambda: serving.held == 0, timeout=10)
    assert waits.glance("dec_1") is None


async def test_what_is_followed_for_nobody_makes_room(serving: Serving) -> None:
    """With room for one poll, the next decision takes it at once."""
    waits = serving.waiting(most=1)
    assert await waits.until("dec_1", 0.1, never) is None
    assert await waits.until("dec_2", 0.1, never) is None
    assert serving.read == {"dec_1": 1, "dec_2": 1}
    assert waits.glance("dec_1") is None
    await eventually(lambda: serving.held == 1)


async def test_a_poll_that_ends_without_news_is_followed_by_another(serving: Serving) -> None:
    """Also where Temporal is too slow to say so itself; nobody who waits hears of it. Each is of
    another length, the first a short one, so that those of many decisions part; and each ends at
    one of the moments at which others do, whose cost they share."""
    serving.ends = RPCStatusCode.DEADLINE_EXCEEDED
    waits = serving.waiting()
    assert await waits.until("dec_1", 0.5, never) is None
    first, *later = [seconds for _, seconds in serving.polls]
    assert waiting.FIRST_POLL[0] <= first <= waiting.FIRST_POLL[1] + waiting.TOGETHER
    assert len({round(seconds) for seconds in later}) > 1
    least, most = waiting.POLL
    assert all(least <= seconds <= most + waiting.TOGETHER for seconds in later)


async def test_a_poll_that_fails_is_told_and_forgotten(serving: Serving) -> None:
    """Who asks again is not told of the failure of before."""
    serving.ends = RPCStatusCode.UNAVAILABLE
    waits = serving.waiting()
    with pytest.raises(Unavailable):
        await waits.until("dec_1", 5, never)
    assert waits.glance("dec_1") is None
    serving.ends = None
    assert await waits.until("dec_1", 0.1, never) is None
    assert serving.read == {"dec_1": 2}


async def test_a_thousand_that_come_together_are_read_in_turn(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a person's own answer stands behind none of them."""
    monkeypatch.setattr(waiting, "LINGER", 0.3)
    serving.slow.clear()
    waits = serving.waiting(most=1000)
    many = [asyncio.create_task(waits.until(f"dec_{n}", 5, never)) for n in range(100)]
    await eventually(lambda: serving.reading == waiting.FIRST_READS)
    person = asyncio.create_task(waits.until("dec_p", 5, lambda _: True, reserve=True))
    await eventually(lambda: person.done() or serving.read["dec_p"])
    serving.slow.set()
    await person
    await eventually(lambda: serving.held == 100, timeout=30)
    assert serving.most_read_at_once <= waiting.FIRST_READS + 1
    waits.close()
    assert set(await asyncio.gather(*many)) == {None}
