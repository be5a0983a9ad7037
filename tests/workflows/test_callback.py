"""The agent's own URL is told in the closing phase, and operators have a say when that fails."""

from __future__ import annotations

from temporalio.api.enums.v1 import EventType
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from handover.models import Status
from tests.support import eventually
from tests.workflows.harness import Asking
from workflows.messages import CALLBACK_FAILED, GAVE_UP, GIVE_UP_CALLBACK, RETRY_CALLBACK

URL = "https://agent.example.com/hook"
SCHEDULED = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED


async def details(asking: Asking) -> str:
    metadata = await asking.handle.query(
        "__temporal_workflow_metadata", result_type=WorkflowMetadata
    )
    return metadata.current_details


async def answered(asking: Asking) -> None:
    await asking.start()
    await asking.recorded("notification.sent")
    await asking.respond("approve")


async def test_it_is_delivered_before_the_workflow_ends(client: Client) -> None:
    """Once, and the record says what the agent's server answered."""
    asking = Asking.of(client, callback_url=URL)
    async with asking.worker():
        await answered(asking)
        assert (await asking.result()).status == Status.APPROVED
    [delivered] = await asking.recorded("callback.delivered")
    assert delivered["status_code"] == 200
    assert asking.mailroom.delivered == 1


async def test_without_a_url_nothing_is_called(dev_client: Client) -> None:
    """A plain decision costs no Action more."""
    asking = Asking.of(dev_client)
    async with asking.worker():
        await answered(asking)
        await asking.result()
    assert asking.mailroom.delivered == 0


async def test_the_agents_answer_does_not_wait_for_it(dev_client: Client) -> None:
    """It is settled while the callback fails, and operators read why it is still running."""
    asking = Asking.of(dev_client, callback_url=URL)
    asking.mailroom.callbacks = ["the server answered 500"]
    async with asking.worker():
        await answered(asking)
        [failed] = await asking.recorded("callback.failed")
        reading = await asking.reading()
        assert reading.settled
        assert not reading.closed
        assert (failed["attempt"], failed["reason"]) == (1, "the server answered 500")
        told = await details(asking)
        for words in ("Approved", "agent.example.com", "the server answered 500", RETRY_CALLBACK):
            assert words in told
        await asking.handle.signal(RETRY_CALLBACK)
        await asking.result()
    entries = [entry.type for entry in (await asking.reading()).entries]
    assert entries.index("callback.retried") < entries.index("callback.delivered")
    assert asking.mailroom.delivered == 2


async def test_operators_can_give_it_up(dev_client: Client) -> None:
    """The workflow ends, the outcome stands, and the record says that nobody was told."""
    asking = Asking.of(dev_client, callback_url=URL)
    asking.mailroom.callbacks = ["no such host"]
    async with asking.worker():
        await answered(asking)
        await asking.recorded("callback.failed")
        await asking.handle.signal(GIVE_UP_CALLBACK)
        assert (await asking.result()).status == Status.APPROVED
    entries = [entry.type for entry in (await asking.reading()).entries]
    assert "callback.given_up" in entries
    assert "callback.delivered" not in entries


async def test_what_no_retry_helps_ends_it(client: Client) -> None:
    """410, or three days: the decision is over all the same."""
    asking = Asking.of(client, callback_url=URL)
    asking.mailroom.callbacks = [ApplicationError("410 Gone", type=GAVE_UP, non_retryable=True)]
    async with asking.worker():
        await answered(asking)
        assert (await asking.result()).status == Status.APPROVED
    [undelivered] = await asking.recorded("callback.undelivered")
    assert undelivered["reason"] == "410 Gone"


async def test_orders_before_the_end_and_noise_are_no_harm(dev_client: Client) -> None:
    """Signals about a callback that nobody sends yet, or that make no sense, change nothing."""
    asking = Asking.of(dev_client, callback_url=URL)
    async with asking.worker():
        await asking.start()
        await asking.handle.signal(GIVE_UP_CALLBACK)
        await asking.handle.signal(RETRY_CALLBACK, "now")
        await asking.handle.signal(CALLBACK_FAILED, {"attempt": "many"})
        await asking.recorded("response.refused")
        await asking.respond("deny")
        assert (await asking.result()).status == Status.DENIED
    assert asking.mailroom.delivered == 1


async def test_a_callback_survives_its_worker(dev_client: Client) -> None:
    """The next worker goes on where the last one stopped."""
    asking = Asking.of(dev_client, callback_url=URL)
    asking.mailroom.callbacks = ["away"]
    async with asking.worker():
        await answered(asking)
        await asking.recorded("callback.failed")
    await asking.handle.signal(RETRY_CALLBACK)
    async with asking.worker():
        await asking.result()
    assert await eventually(lambda: asking.mailroom.delivered) == 2
