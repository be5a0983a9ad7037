"""Compares this machine's clock with Temporal's, which acts on the deadlines that it stamps.

No call to Temporal asks for the time. But the server keeps when a task queue was polled last, by
its own clock, so this polls one that nobody else knows, and looks when that was. From there on the
steady clock of this machine tells Temporal's time, so that what sets the other one is noticed too.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic

from temporalio.api.enums.v1 import TaskQueueKind, TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    PollWorkflowTaskQueueRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError

from api.problems.errors import NeedsOperator, Unavailable
from api.problems.temporal import asking_temporal

log = logging.getLogger(__name__)

TOLERANCE = timedelta(seconds=30)
"""Difference of clocks up to which they are accepted: beyond it, a decision of a minute would lose
half of its time."""

LOOK_AGAIN = 60.0
TRY_AGAIN = 1.0
"""Seconds between two comparisons; while none has come off they grow from one to the other."""

POLL = timedelta(seconds=20)
"""Longest time for a poll, which is called away before: the server complains of a shorter one."""

BREATH = 0.02
"""Seconds between two looks for the poll."""


class ClockDiffers(NeedsOperator):
    """The clocks differ, and nothing is stamped with a time that Temporal takes for another."""

    def __init__(self, ahead: timedelta) -> None:
        way = "ahead of" if ahead > timedelta() else "behind"
        super().__init__(
            f"The clock of this process is {_told(abs(ahead))} {way} Temporal's, so the deadlines"
            " that it sets would be wrong, and it takes nothing. An operator has to set the clocks"
            " of both machines right, and keep them so (NTP)."
        )


@dataclass(frozen=True, slots=True)
class Measured:
    """Temporal's time at one moment of the steady clock."""

    temporal: datetime
    steady: float


class Clock:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._queue = TaskQueue(
            name=f"handover-clock-{secrets.token_hex(8)}",
            kind=TaskQueueKind.TASK_QUEUE_KIND_STICKY,  # has one part, so that this looks at it
            normal_name="handover-clock",
        )
        self._measured: Measured | None = None
        self._comparing: asyncio.Task[None] | None = None
        self._tried = False

    @property
    def temporal(self) -> datetime | None:
        """Temporal's time; None while nobody knows."""
        if self._measured is None:
            return None
        return self._measured.temporal + timedelta(seconds=monotonic() - self._measured.steady)

    @property
    def ahead(self) -> timedelta | None:
        """The lead of this machine's clock over Temporal's; None while nobody knows."""
        return now() - self.temporal if self.temporal else None

    async def now(self) -> datetime:
        """Return this moment, to be signed or sealed. Raises `ClockDiffers`."""
        moment = now()
        await self.check()
        return moment

    async def check(self) -> None:
        """Raise `ClockDiffers` if the clocks differ by more than `TOLERANCE`. If Temporal does not
        tell, no clock is blamed."""
        if not self._tried or self._differs():
            await self.compare()  # it may have been set right since
        if self._differs():
            raise ClockDiffers(self.ahead or timedelta())

    async def watch(self) -> None:
        """Compare every minute, for as long as this process runs."""
        pause = TRY_AGAIN
        while True:
            await self.compare()
            pause = LOOK_AGAIN if self._measured else min(2 * pause, LOOK_AGAIN)
            await asyncio.sleep(pause)

    async def compare(self) -> None:
        """Ask Temporal for its time, once for all who want to know it now."""
        if self._comparing is None or self._comparing.done():
            self._comparing = asyncio.create_task(self._compare())
        await asyncio.shield(self._comparing)

    async def _compare(self) -> None:
        """Measure the difference. If Temporal does not tell, the earlier measurement stays."""
        identity = secrets.token_hex(8)
        polling = asyncio.create_task(self._poll(identity))
        begun = monotonic()
        try:
            async with asking_temporal():
                polled = await self._polled(identity)
            # It was somewhere between the two.
            self._measured = Measured(polled, (begun + monotonic()) / 2)
        except (Unavailable, RPCError) as error:
            log.warning("Temporal's time is not known: %s", error)
        finally:
            self._tried = True
            polling.cancel()

    def _differs(self) -> bool:
        ahead = self.ahead
        return ahead is not None and abs(ahead) > TOLERANCE

    async def _poll(self, identity: str) -> None:
        request = PollWorkflowTaskQueueRequest(
            namespace=self._client.namespace, task_queue=self._queue, identity=identity
        )
        with suppress(RPCError, RuntimeError):  # the other call tells what is wrong
            await self._client.workflow_service.poll_workflow_task_queue(request, timeout=POLL)

    async def _polled(self, identity: str) -> datetime:
        """Return when the server had the poll of this name."""
        request = DescribeTaskQueueRequest(
            namespace=self._client.namespace,
            task_queue=self._queue,
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
        while True:
            described = await self._client.workflow_service.describe_task_queue(request)
            for poller in described.pollers:
                if poller.identity == identity:
                    return poller.last_access_time.ToDatetime(UTC)
            await asyncio.sleep(BREATH)


def now() -> datetime:
    return datetime.now(UTC)


def _told(difference: timedelta) -> str:
    """Return the difference as `1:02:03`, without the parts of a second."""
    return str(timedelta(seconds=round(difference.total_seconds())))
