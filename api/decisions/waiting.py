"""Waiting for a decision without asking again and again.

However many wait for one decision in this process, one long-poll follows its history, and goes on
for a moment when they leave: who asks again finds it. Beyond a bound on such polls a wait ends
early, and the caller asks again. What began at one moment is spread, so as not to end at one.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import timedelta
from typing import Any
from weakref import WeakSet

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from api.decisions.stalled import Stalled
from api.problems.temporal import TEMPORAL_LIMIT, asking_temporal, readable
from histories.loading import Histories
from histories.reading import Reading

EARLY_ANSWER = (1.0, 3.0)
"""Seconds (uniform) after which a wait that finds no free poll ends."""

RESERVE = 100
"""Polls beyond the bound for people who have just answered: an agent can ask again, a person wants
to see that their answer is recorded. Temporal's own limit is 1,200, that of `HANDOVER_MAX_WAITS`
1,000 unless both are raised."""

SPREAD = 0.25
MOST_SPREAD = 10.0
"""Part of a long wait by which it may be shorter than was asked, and the seconds at most: waits
that began together would end, and begin again, together."""
LONG = 10.0
"""Seconds from which on a wait is a long one."""

TOGETHER = 0.5
"""Seconds between two moments at which polls end: a few that end and begin again together cost half
of what it costs to be woken for each of them."""

LINGER = 20.0
"""Seconds for which a decision is still followed when nobody waits for it any more. A process in
which a thousand agents wait needs as many to ask again for all; what was dropped is read anew."""

FIRST_POLL = (2.0, 20.0)
POLL = (28.0, 30.0)
"""Seconds (uniform) after which a poll without news ends. The server holds none for longer than 30,
and none for longer than 20 unless its operator has raised `history.longPollExpirationInterval`."""

FIRST_READS = 32
"""Histories that are read at once because agents begin to wait: of a thousand that come together
none would be read in time, and nothing else."""

BREATH = 0.03
"""Seconds between two polls while the workflow has nothing to answer. Its life begins with a burst
of events that nobody waits for, and polling for each costs the server more than they do."""


class Watch:
    """One decision's history, followed for everybody who waits for it."""

    def __init__(
        self,
        client: Client,
        histories: Histories,
        decision_id: str,
        stalled: Stalled,
        turn: AbstractAsyncContextManager[Any],
    ) -> None:
        self.decision_id = decision_id
        self.reading: Reading | None = None
        """The decision as it stands; None until its first events are there."""
        self.waiters = 0
        self._client = client
        self._histories = histories
        self._fold = histories.fold(decision_id)
        self._stalled = stalled
        self._turn = turn
        self._news = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._follow())
        self._stopping: asyncio.TimerHandle | None = None

    @property
    def is_over(self) -> bool:
        """True if it follows nothing any more: the history ended, or could not be read."""
        return self._task.done()

    async def until(self, done: Callable[[Reading], bool]) -> Reading:
        self.keep()
        while self.reading is None or not done(self.reading):
            await asyncio.shield(self._news)
        return self.reading

    def keep(self) -> None:
        if self._stopping:
            self._stopping.cancel()

    def stop_later(self, stop: Callable[[], None]) -> None:
        self._stopping = asyncio.get_running_loop().call_later(LINGER, stop)

    def stop(self) -> None:
        self.keep()
        self._task.cancel()

    async def _follow(self) -> None:
        try:
            # The first page has to come as quickly as any answer; after that it waits for news.
            async with self._turn, asking_temporal():
                token = await self._poll(b"", TEMPORAL_LIMIT)
            seconds = random.uniform(*FIRST_POLL)  # noqa: S311 - spreads load, here and below
            async with asking_temporal(limit=None):
                while token:
                    if not self._fold.has_unheard:
                        await asyncio.sleep(BREATH)
                    token = await self._poll(token, _together(seconds))
                    seconds = random.uniform(*POLL)  # noqa: S311
        except Exception as error:
            self._news.set_exception(error)
            self._news.exception()  # nobody may be waiting any more

    async def _poll(self, token: bytes, seconds: float) -> bytes:
        """Take what is new, or nothing after so many seconds. Returns where to go on, or nothing at
        the end of the history."""
        request = GetWorkflowExecutionHistoryRequest(
            namespace=self._client.namespace,
            execution=WorkflowExecution(workflow_id=self.decision_id),
            wait_new_event=True,
            next_page_token=token,
        )
        try:
            # The server answers a second before.
            page = await self._client.workflow_service.get_workflow_execution_history(
                request, retry=True, timeout=timedelta(seconds=seconds)
            )
        except RPCError as error:
            if not token or error.status != RPCStatusCode.DEADLINE_EXCEEDED:
                raise
            return token
        if page.history.events:
            with readable(self.decision_id):
                for event in page.history.events:
                    self._fold.feed(await self._histories.decoded(event))
            self.reading = self._fold.reading
            self._stalled.note(self.reading)
            self._tell()
        return page.next_page_token

    def _tell(self) -> None:
        self._news.set_result(None)
        self._news = asyncio.get_running_loop().create_future()


class Waiting:
    """The shared polls of one process; `most` at once."""

    def __init__(self, client: Client, histories: Histories, most: int) -> None:
        self._client = client
        self._histories = histories
        self._most = most
        self._watches: dict[str, Watch] = {}
        self._first_reads = asyncio.Semaphore(FIRST_READS)
        self._held: dict[asyncio.Timeout, asyncio.Task[Any] | None] = {}
        self._released: WeakSet[asyncio.Task[Any]] = WeakSet()
        self._closed = False
        self.stalled = Stalled()

    @property
    def waiting(self) -> int:
        """The number of requests that are held right now."""
        return len(self._held)

    async def until(
        self,
        decision_id: str,
        seconds: float,
        done: Callable[[Reading], bool],
        *,
        reserve: bool = False,
    ) -> Reading | None:
        """Return the decision as soon as it is `done`; None when the time is over, of a long one
        some part of it, when this process stops or when the caller's task was released.

        `reserve` is for those who wait for their own answer to be heard: `RESERVE` polls beyond the
        bound are theirs. Raises `NotFound`, `Unavailable` and `Unreadable`.
        """
        most = self._most + (RESERVE if reserve else 0)
        if len(self._watches) >= most:
            self._make_room()
        free = decision_id in self._watches or len(self._watches) < most
        if seconds >= LONG:
            most_early = min(SPREAD * seconds, MOST_SPREAD)
            seconds -= random.uniform(0, most_early)  # noqa: S311 - spreads load
        if not free:
            seconds = min(seconds, random.uniform(*EARLY_ANSWER))  # noqa: S311 - jitter
        async with self._holding(seconds):
            if not free:
                await asyncio.Future()
            turn = nullcontext() if reserve else self._first_reads
            return await self._watch(decision_id, done, turn)
        return None

    async def pause(self, seconds: float) -> None:
        """Pause like a wait for a decision that nobody answers."""
        async with self._holding(seconds):
            await asyncio.Future()

    @asynccontextmanager
    async def _holding(self, seconds: float) -> AsyncGenerator[None]:
        """End the block when the time is over, when this process stops or when the caller's task
        was released."""
        waiter = asyncio.current_task()
        ended = self._closed or waiter in self._released
        hold = asyncio.timeout(0 if ended else seconds)
        self._held[hold] = waiter
        try:
            async with hold:
                yield
        except TimeoutError:
            pass
        finally:
            del self._held[hold]

    async def look(self, decision_id: str) -> Reading:
        """Return the decision as its history tells it now, without what the store keeps of it.

        Raises `NotFound`, `Unavailable` and `Unreadable`.
        """
        fold = self._histories.fold(decision_id)
        async with asking_temporal():
            async for event in self._histories.events(decision_id):
                with readable(decision_id):
                    fold.feed(event)
        reading = fold.reading
        self.stalled.note(reading)
        return reading

    async def has(self, decision_id: str, signature: str) -> bool:
        """Return whether a signal with this signature is in the history, heard or not.

        Raises `NotFound` and `Unavailable`.
        """
        async with asking_temporal():
            async for event in self._histories.events(decision_id):
                if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
                    signal = event.workflow_execution_signaled_event_attributes
                    if any(signature.encode() in each.data for each in signal.input.payloads):
                        return True
        return False

    def glance(self, decision_id: str) -> Reading | None:
        """Return the decision as somebody's wait knows it, some milliseconds old; else None."""
        watch = self._watches.get(decision_id)
        return watch.reading if watch and not watch.is_over else None

    def close(self) -> None:
        """Answer everybody who waits, now."""
        self._closed = True
        for hold in self._held:
            _end(hold)

    def release(self, waiter: asyncio.Task[Any]) -> None:
        """End the wait of this task, and every one that it begins after this."""
        self._released.add(waiter)
        for hold, holder in self._held.items():
            if holder is waiter:
                _end(hold)

    async def _watch(
        self,
        decision_id: str,
        done: Callable[[Reading], bool],
        turn: AbstractAsyncContextManager[Any],
    ) -> Reading:
        watch = self._watches.get(decision_id)
        if watch is None or watch.is_over:
            watch = Watch(self._client, self._histories, decision_id, self.stalled, turn)
            self._watches[decision_id] = watch
        watch.waiters += 1
        try:
            return await watch.until(done)
        finally:
            watch.waiters -= 1
            if watch.waiters == 0:
                if watch.is_over or (watch.reading and watch.reading.settled):
                    self._drop(watch)
                else:
                    watch.stop_later(lambda: self._drop(watch))

    def _make_room(self) -> None:
        """Stop following a decision that nobody waits for."""
        for watch in [each for each in self._watches.values() if each.waiters == 0]:
            self._drop(watch)

    def _drop(self, watch: Watch) -> None:
        watch.stop()
        if self._watches.get(watch.decision_id) is watch:
            del self._watches[watch.decision_id]


def _together(seconds: float) -> float:
    """Return so many seconds, or a little more: until a moment at which others end too."""
    return seconds + -(asyncio.get_running_loop().time() + seconds) % TOGETHER


def _end(hold: asyncio.Timeout) -> None:
    if not hold.expired():
        hold.reschedule(0)
