"""Waiting for a decision without asking again and again.

However many wait for one decision in this process, one long-poll follows its history. Beyond a
bound on such polls a wait ends early, with jitter, and the caller asks again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection
from typing import Any
from weakref import WeakSet

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistoryEventAsyncIterator

from api.errors import asking_temporal, reading
from api.stalled import Stalled
from encryption import decoded
from workflows import proof
from workflows.reading import Fold

EARLY_ANSWER = (1.0, 3.0)
"""Seconds (uniform) after which a wait that finds no free poll ends."""

RESERVE = 100
"""Polls beyond the bound for people who have just answered: an agent can ask again, a person wants
to see that their answer is recorded. Temporal's own limit is 1,200, that of `HANDOVER_MAX_WAITS`
1,000 unless both are raised."""

BREATH = 0.03
"""Seconds between two polls while the workflow has nothing to answer. Its life begins with a burst
of events that nobody waits for, and polling for each costs the server more than they do."""


class Watch:
    """One decision's history, followed for everybody who waits for it."""

    def __init__(self, client: Client, fold: Fold, stalled: Stalled) -> None:
        self.fold = fold
        self._stalled = stalled
        self.waiters = 0
        self._handle = client.get_workflow_handle(fold.decision_id)
        self._codec = client.data_converter.payload_codec
        self._news = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._follow())

    async def until(self, done: Callable[[Fold], bool]) -> None:
        while not done(self.fold):
            await asyncio.shield(self._news)

    def stop(self) -> None:
        self._task.cancel()

    async def _follow(self) -> None:
        pages = self._handle.fetch_history_events(wait_new_event=True)
        try:
            # The first page has to come as quickly as any answer; after that it waits for news.
            async with asking_temporal():
                await self._take(pages)
            async with asking_temporal(limit=None):
                while pages.next_page_token:
                    if not self.fold.has_unheard:
                        await asyncio.sleep(BREATH)
                    await self._take(pages)
        except Exception as error:
            self._news.set_exception(error)
            self._news.exception()  # nobody may be waiting any more

    async def _take(self, pages: WorkflowHistoryEventAsyncIterator) -> None:
        await pages.fetch_next_page()
        with reading(self.fold.decision_id):
            for event in pages.current_page or ():
                self.fold.feed(await decoded(event, self._codec))
        self._stalled.note(self.fold)
        self._tell()

    def _tell(self) -> None:
        self._news.set_result(None)
        self._news = asyncio.get_running_loop().create_future()


class Waiting:
    """The shared polls of one process; `most` at once."""

    def __init__(
        self,
        client: Client,
        keyring: proof.Keyring,
        most: int,
        revoked: Collection[str] = (),
    ) -> None:
        self._client = client
        self._keyring = keyring
        self._revoked = revoked
        self._most = most
        self._watches: dict[str, Watch] = {}
        self._held: dict[asyncio.Timeout, asyncio.Task[Any] | None] = {}
        self._released: WeakSet[asyncio.Task[Any]] = WeakSet()
        self._closed = False
        self.stalled = Stalled()

    @property
    def waiting(self) -> int:
        """How many requests are held right now."""
        return len(self._held)

    async def until(
        self,
        decision_id: str,
        seconds: float,
        done: Callable[[Fold], bool],
        *,
        reserve: bool = False,
    ) -> Fold | None:
        """The decision as soon as it is `done`; None when the time is over, when this process stops
        or when the caller's task was released.

        `reserve` is for those who wait for their own answer to be heard: `RESERVE` polls beyond the
        bound are theirs. Raises `NotFound`, `Unavailable` and `Unreadable`.
        """
        most = self._most + (RESERVE if reserve else 0)
        free = decision_id in self._watches or len(self._watches) < most
        if not free:
            seconds = min(seconds, random.uniform(*EARLY_ANSWER))  # noqa: S311 - jitter
        waiter = asyncio.current_task()
        ended = self._closed or waiter in self._released
        hold = asyncio.timeout(0 if ended else seconds)
        self._held[hold] = waiter
        try:
            async with hold:
                return await self._watch(decision_id, done) if free else await asyncio.Future()
        except TimeoutError:
            return None
        finally:
            del self._held[hold]

    async def look(self, decision_id: str) -> Fold:
        """The decision as its history tells it now, without what the store keeps of it.

        Raises `NotFound`, `Unavailable` and `Unreadable`.
        """
        fold = self._fold(decision_id)
        codec = self._client.data_converter.payload_codec
        async with asking_temporal():
            async for event in self._client.get_workflow_handle(decision_id).fetch_history_events():
                with reading(decision_id):
                    fold.feed(await decoded(event, codec))
        self.stalled.note(fold)
        return fold

    async def has(self, decision_id: str, signature: str) -> bool:
        """Whether a signal with this signature is in the history, heard or not.

        Raises `NotFound` and `Unavailable`.
        """
        codec = self._client.data_converter.payload_codec
        async with asking_temporal():
            async for event in self._client.get_workflow_handle(decision_id).fetch_history_events():
                if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
                    signal = (
                        await decoded(event, codec)
                    ).workflow_execution_signaled_event_attributes
                    if any(signature.encode() in each.data for each in signal.input.payloads):
                        return True
        return False

    def glance(self, decision_id: str) -> Fold | None:
        """The decision as somebody's wait for it knows it, some milliseconds old; else None."""
        watch = self._watches.get(decision_id)
        return watch.fold if watch and watch.fold.input else None

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

    def _fold(self, decision_id: str) -> Fold:
        return Fold(decision_id, self._keyring, self._revoked)

    async def _watch(self, decision_id: str, done: Callable[[Fold], bool]) -> Fold:
        watch = self._watches.get(decision_id)
        if watch is None:
            watch = Watch(self._client, self._fold(decision_id), self.stalled)
            self._watches[decision_id] = watch
        watch.waiters += 1
        try:
            await watch.until(done)
            return watch.fold
        finally:
            watch.waiters -= 1
            if watch.waiters == 0:
                watch.stop()
                del self._watches[decision_id]


def _end(hold: asyncio.Timeout) -> None:
    if not hold.expired():
        hold.reschedule(0)
