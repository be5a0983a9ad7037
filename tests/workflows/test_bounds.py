"""What operators do to activities by hand, and what others answer in their place: nothing of it
wedges a decision, and the end waits for nothing without a bound."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.failure.v1 import ApplicationFailureInfo, CanceledFailureInfo, Failure
from temporalio.api.workflowservice.v1 import (
    PauseActivityRequest,
    RespondActivityTaskCompletedByIdRequest,
    RespondActivityTaskFailedByIdRequest,
)
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from handover.models import Status
from histories.decision import as_json, read_decision
from histories.encryption import Encryption
from tests.support import eventually
from tests.workflows.harness import ALICE, BOB, Asking
from workflows import options
from workflows.messages import GIVE_UP_CALLBACK, RETRY_CALLBACK

URL = "https://agent.example.com/hook"
JSON = {"encoding": b"json/plain"}
FOREIGN = {
    "an object": Payload(metadata=JSON, data=b'{"sent": "by hand"}'),
    "ours but for its types": Payload(
        metadata=JSON, data=b'{"provider": {"x": NaN}, "message_id": [1], "attempts": -1e400}'
    ),
    "a number": Payload(metadata=JSON, data=b"7"),
    "no JSON": Payload(metadata=JSON, data=b"{sent"),
    "nothing": Payload(metadata={"encoding": b"binary/null"}),
    "another encoding": Payload(metadata={"encoding": b"of/another"}, data=b"\xff\x00"),
    "no encoding": Payload(data=b"sent"),
}
SHORT = timedelta(seconds=2)


class Hand:
    """An operator, or whatever else reaches Temporal."""

    def __init__(self, asking: Asking) -> None:
        self._service = asking.client.workflow_service
        self._about: dict[str, Any] = {
            "namespace": asking.client.namespace,
            "workflow_id": asking.input.id,
        }

    async def complete(self, activity_id: str, result: Payload) -> None:
        await self._service.respond_activity_task_completed_by_id(
            RespondActivityTaskCompletedByIdRequest(
                **self._about, activity_id=activity_id, result=Payloads(payloads=[result])
            )
        )

    async def fail(self, activity_id: str, failure: Failure) -> None:
        await self._service.respond_activity_task_failed_by_id(
            RespondActivityTaskFailedByIdRequest(
                **self._about, activity_id=activity_id, failure=failure
            )
        )

    async def pause(self, activity_id: str) -> None:
        execution = WorkflowExecution(workflow_id=self._about["workflow_id"])
        await self._service.pause_activity(
            PauseActivityRequest(
                namespace=self._about["namespace"], execution=execution, id=activity_id
            )
        )


def failures(details: Payload) -> Iterator[Failure]:
    """Of each kind that an attempt can end with."""
    told = Payloads(payloads=[details])
    info = ApplicationFailureInfo(type="x", non_retryable=True, details=told)
    yield Failure(message="by hand", application_failure_info=info)
    cause = Failure(message="inner", canceled_failure_info=CanceledFailureInfo(details=told))
    info = ApplicationFailureInfo(non_retryable=True)
    yield Failure(message="by hand", application_failure_info=info, cause=cause)


def several(client: Client, number: int, **request: Any) -> list[Asking]:
    """Decisions with one worker for all."""
    first = Asking.of(client, **request)
    others = [Asking.of(client, **request) for _ in range(number - 1)]
    for each in others:
        each.task_queue, each.mailroom = first.task_queue, first.mailroom
    return [first, *others]


async def attempted(asking: Asking, times: int) -> None:
    await eventually(lambda: asking.mailroom.attempts >= times)


async def test_a_message_that_was_sent_by_hand(dev_client: Client) -> None:
    """Whatever is said of it, it counts as sent; signals are heard, and the record can be read."""
    asked = several(dev_client, len(FOREIGN))
    busy = ApplicationError("busy", next_retry_delay=timedelta(minutes=10))
    asked[0].mailroom.fail[ALICE] = busy
    async with asked[0].worker():
        await asyncio.gather(*(each.start() for each in asked))
        await attempted(asked[0], len(asked))
        for each, result in zip(asked, FOREIGN.values(), strict=True):
            await Hand(each).complete("1", result)
            await each.respond("approve")
        outcomes = await asyncio.gather(*(each.result() for each in asked))
    assert {outcome.status for outcome in outcomes} == {Status.APPROVED}
    for each in asked:
        reading = await each.reading()
        [told] = as_json(read_decision(reading, each.input.created_at))["notifications"]
        assert (told["result"], told["provider_message_id"]) == ("sent", None)


async def test_a_callback_that_was_delivered_by_hand(dev_client: Client) -> None:
    """The workflow ends, and the record says that it was."""
    asked = several(dev_client, len(FOREIGN), callback_url=URL)
    asked[0].mailroom.callbacks += [ApplicationError("down", next_retry_delay=timedelta(hours=1))]
    asked[0].mailroom.callbacks *= len(asked)
    async with asked[0].worker():
        await asyncio.gather(*(each.start() for each in asked))
        for each in asked:
            await each.recorded("notification.sent")
            await each.respond("approve")
        await eventually(lambda: asked[0].mailroom.delivered == len(asked))
        for each, result in zip(asked, FOREIGN.values(), strict=True):
            await Hand(each).complete("2", result)
        await asyncio.gather(*(each.result() for each in asked))
    for each in asked:
        assert await each.recorded("callback.delivered") == [{}]


async def test_a_failure_by_hand(dev_client: Client) -> None:
    """Whatever is said of it, the next approvers are asked."""
    kinds = [each for details in FOREIGN.values() for each in failures(details)]
    converter = Encryption().converter
    client = Client(**{**dev_client.config(), "data_converter": converter})
    later = [{"after_minutes": 30, "approvers": [BOB]}]
    asked = several(client, len(kinds), escalation=later)
    asked[0].mailroom.lost = "decision-request"
    async with asked[0].worker():
        await asyncio.gather(*(each.start() for each in asked))
        await attempted(asked[0], len(asked))
        for each, failure in zip(asked, kinds, strict=True):
            await Hand(each).fail("1", failure)
        await asyncio.gather(*(each.recorded("notification.sent") for each in asked))
        for each in asked:
            await each.respond("approve", BOB)
        outcomes = await asyncio.gather(*(each.result() for each in asked))
    assert {outcome.by for outcome in outcomes} == {BOB}


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds of seconds."""
    for name in ("CANCELLING", "CLOSING_TIMEOUT", "CALLBACK_TIMEOUT"):
        monkeypatch.setattr(options, name, SHORT)


async def with_paused(asking: Asking, message: str, activity_id: str) -> None:
    """Let an attempt at this be under way whose worker will never be heard of again, and paused."""
    asking.mailroom.lost = message
    await asking.start()
    if message != "decision-request":
        await asking.recorded("notification.sent")
        await asking.respond("approve")
    await eventually(lambda: asking.mailroom.forgotten == [message])
    await Hand(asking).pause(activity_id)


@pytest.mark.usefixtures("short")
async def test_a_question_that_is_paused_holds_up_nothing(dev_client: Client) -> None:
    """The callback leaves at once, who was asked is told, and the workflow ends."""
    asking = Asking.of(dev_client, approver=[ALICE, BOB], callback_url=URL)
    asking.mailroom.only_lost_for = ALICE
    async with asking.worker():
        await with_paused(asking, "decision-request", "1")
        await asking.recorded("notification.sent")
        await asking.respond("deny")
        await asking.recorded("callback.delivered")
        assert (await asking.result()).status == Status.DENIED
    assert asking.mailroom.told("settled") == [BOB]


@pytest.mark.usefixtures("short")
async def test_a_receipt_that_is_paused(dev_client: Client) -> None:
    """Is waited for as long as one may take that is not."""
    asking = Asking.of(dev_client, callback_url=URL)
    asking.input.receipts = True
    async with asking.worker():
        await with_paused(asking, "receipt", "3")
        assert (await asking.result()).status == Status.APPROVED
    assert asking.mailroom.delivered == 1


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize(
    ("order", "attempts"), [(None, 1), (GIVE_UP_CALLBACK, 1), (RETRY_CALLBACK, 2)]
)
async def test_a_callback_that_is_paused(
    dev_client: Client, order: str | None, attempts: int
) -> None:
    """Ends with its time, or when an operator says so; another attempt is another activity."""
    asking = Asking.of(dev_client, callback_url=URL)
    async with asking.worker():
        await with_paused(asking, "callback", "2")
        asking.mailroom.lost = ""
        if order:
            await asking.handle.signal(order)
        assert (await asking.result()).status == Status.APPROVED
    assert asking.mailroom.delivered == attempts


async def test_bounds_cost_nothing(dev_client: Client) -> None:
    """The timer of the question goes on meanwhile: there is no other."""
    asking = Asking.of(dev_client, approver=[ALICE, BOB])
    asking.input.receipts = True
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent", times=2)
        await asking.respond("approve")
        await asking.result()
    kinds = [event.event_type async for event in asking.handle.fetch_history_events()]
    assert kinds.count(EventType.EVENT_TYPE_TIMER_STARTED) == 1
    assert kinds.count(EventType.EVENT_TYPE_TIMER_CANCELED) == 1
