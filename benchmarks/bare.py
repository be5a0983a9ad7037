"""The yardstick: the smallest approval on Temporal. `python -m benchmarks.bare ADDRESS FOLDER` is
its worker.

It asks (by a file, as the outbox does), waits with a timer and takes the first answer. Nothing is
proven, rendered, indexed, escalated or kept beside Temporal.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import PollerBehaviorAutoscaling, Worker

TASK_QUEUE = "bare-approvals"
LIFETIME = timedelta(hours=1)


@workflow.defn
class BareApproval:
    def __init__(self) -> None:
        self._answer: str | None = None

    @workflow.run
    async def run(self, approver: str) -> str:
        await workflow.execute_activity(
            "tell", approver, start_to_close_timeout=timedelta(seconds=60)
        )
        try:
            await workflow.wait_condition(lambda: self._answer is not None, timeout=LIFETIME)
        except TimeoutError:
            return "expire"
        return self._answer or ""

    @workflow.signal
    def answer(self, choice: str) -> None:
        self._answer = self._answer or choice


@dataclass(frozen=True)
class Teller:
    folder: Path

    @activity.defn
    async def tell(self, approver: str) -> None:
        """Write a file with the approver's name."""
        await asyncio.to_thread((self.folder / approver).touch)


async def work(address: str, folder: Path) -> None:
    """Work until SIGTERM, with the pollers of the product's worker."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with Worker(
        await Client.connect(address),
        task_queue=TASK_QUEUE,
        workflows=[BareApproval],
        activities=[Teller(folder).tell],
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
    ):
        await stopped.wait()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], Path(sys.argv[2])))
