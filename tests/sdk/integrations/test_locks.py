"""One at a time runs a thread of a graph, whatever threads and event loops they come from."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from langgraph.types import interrupt

from handover.integrations._locks import SharedLock
from handover.integrations.langgraph import ApprovalRunner, AsyncApprovalRunner
from handover.testing import FakeHandover
from tests.sdk.integrations.conftest import APPROVER
from tests.sdk.integrations.graphs import URL, event, parallel
from tests.support import eventually


async def test_loops_and_threads_wait_for_each_other(fake: FakeHandover, config: Any) -> None:
    """Callbacks of one thread, in two event loops and in threads: each returns the thread as it
    stands when its turn has come, and the node has run once."""
    ran: list[Any] = []
    go_on = threading.Event()

    def node(_: Any) -> Any:
        answer = interrupt("Refund?")
        ran.append(answer)
        assert go_on.wait(30)
        return {"done": [answer]}

    fake.answers_by(lambda _: "stays_pending")
    graph = parallel(only=node)
    settings: dict[str, Any] = {"approver": APPROVER, "callback_url": URL}
    ApprovalRunner(graph, fake.client(), **settings).start({}, config)
    answered = event(fake.answer(fake.decisions[0].id))

    def in_a_loop() -> list[Any]:
        async def both() -> list[Any]:
            runner = AsyncApprovalRunner(graph, fake.async_client(), **settings)
            return await asyncio.gather(*(runner.handle_callback(answered) for _ in range(2)))

        return asyncio.run(both())

    def in_a_thread() -> list[Any]:
        return [ApprovalRunner(graph, fake.client(), **settings).handle_callback(answered)]

    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(call) for call in (in_a_loop, in_a_loop, in_a_thread, in_a_thread)]
        await eventually(lambda: ran)
        go_on.set()
        states = [state for call in calls for state in call.result(30)]
    assert [state["done"] for state in states] == [[True]] * 6
    assert ran == [True]


async def test_who_gives_up_holds_up_nobody() -> None:
    """Cancelled while it waited, or at the moment in which its turn came."""
    lock = SharedLock()

    async def wait() -> None:
        async with lock:
            pass

    async with lock:
        waiting = [asyncio.ensure_future(wait()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
    waiting[1].cancel()  # it has the lock, and does not know it yet
    came = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 30)
    assert [type(each) for each in came] == [asyncio.CancelledError] * 2 + [type(None)]
    with lock:
        pass
