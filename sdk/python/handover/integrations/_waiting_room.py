"""Waits for many decisions at once, and returns the one that is settled next."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from queue import Empty, SimpleQueue
from threading import Event, Thread
from types import TracebackType
from typing import Self

from .._ctrl_c import LOOK, looking_up
from ..client import AsyncHandoverClient, HandoverClient
from ..exceptions import ActionDenied, WaitTimeoutError
from ..models import Decision
from ._ending import Ending

LINGER = 60.0
"""Seconds between two checks of a waiting thread whether anybody still needs the result."""


def undenied(call: Callable[[], Decision]) -> Decision:
    """Return the decision, even if it does not permit: the caller reads it.

    Raises the exception that ends this thread, if nobody waits for it any longer.
    """
    try:
        return looking_up(call, Ending().check)
    except ActionDenied as denied:
        return denied.decision


async def undenied_async(call: Awaitable[Decision]) -> Decision:
    try:
        return await call
    except ActionDenied as denied:
        return denied.decision


class WaitingRoom:
    """A thread for each decision. They keep no program from ending."""

    def __init__(self, client: HandoverClient) -> None:
        self._client = client
        self._ending = Ending()
        self._watched: set[str] = set()
        self._results: SimpleQueue[tuple[str, Decision | Exception]] = SimpleQueue()
        self._closed = Event()

    def next(self, decision_ids: set[str], seconds: float | None = None) -> Decision | None:
        """Return a decision as soon as one is settled; None if none is after these seconds.

        Raises the errors of the wait. If nobody waits for the result any longer, because Ctrl-C was
        pressed or another node has failed, raises the exception that ends this thread.
        """
        for decision_id in decision_ids - self._watched:
            self._watched.add(decision_id)
            Thread(target=self._watch, args=(decision_id,), daemon=True).start()
        until = time.monotonic() + (math.inf if seconds is None else seconds)
        while (left := until - time.monotonic()) > 0:
            self._ending.check()
            try:
                decision_id, result = self._results.get(timeout=min(LOOK, left))
            except Empty:
                continue
            if decision_id in decision_ids:
                return _given(result)
        return None

    def _watch(self, decision_id: str) -> None:
        try:
            self._results.put((decision_id, self._settled(decision_id)))
        except Exception as error:
            self._results.put((decision_id, error))

    def _settled(self, decision_id: str) -> Decision:
        while True:
            try:
                return self._client.decisions.wait(decision_id, timeout=LINGER)
            except ActionDenied as denied:
                return denied.decision
            except WaitTimeoutError:
                if self._closed.is_set():
                    raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed.set()


def _given(result: Decision | Exception) -> Decision:
    if isinstance(result, Exception):
        raise result
    return result


class AsyncWaitingRoom:
    """A task for each decision, cancelled when the room is left."""

    def __init__(self, client: AsyncHandoverClient) -> None:
        self._client = client
        self._tasks: dict[str, asyncio.Task[Decision]] = {}

    async def next(self, decision_ids: set[str], seconds: float | None = None) -> Decision | None:
        """Return the next decision as `WaitingRoom.next` does."""
        for decision_id in decision_ids - self._tasks.keys():
            wait = undenied_async(self._client.decisions.wait(decision_id))
            self._tasks[decision_id] = asyncio.create_task(wait)
        waited_for = [self._tasks[decision_id] for decision_id in decision_ids]
        done, _ = await asyncio.wait(
            waited_for, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        return done.pop().result() if done else None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
