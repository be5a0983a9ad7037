"""Exchanges with a service in memory."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from .._base import Answer, Call
from .._options import Options
from .front import Front
from .life import Life


class MemoryExchange:
    """The exchange of the blocking client."""

    def __init__(self, front: Front, options: Options) -> None:
        self._front = front
        self._key = options.api_key

    def send(self, call: Call) -> Answer:
        answer, life = self._front.answer(call, self._key)
        if life is None:
            return answer
        settled = threading.Event()
        with self._front.service.watching(life, settled.set):
            settled.wait(_seconds(call))
        return _after_waiting(self._front, self._key, life, call, answer)

    def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def with_options(self, options: Options) -> MemoryExchange:
        return MemoryExchange(self._front, options)


class AsyncMemoryExchange:
    """The exchange of the asynchronous client."""

    def __init__(self, front: Front, options: Options) -> None:
        self._front = front
        self._key = options.api_key

    async def send(self, call: Call) -> Answer:
        answer, life = self._front.answer(call, self._key)
        if life is None:
            return answer
        settled = asyncio.Event()
        told = _in_this_loop(settled.set)
        with self._front.service.watching(life, told), suppress(TimeoutError):
            await asyncio.wait_for(settled.wait(), _seconds(call))
        return _after_waiting(self._front, self._key, life, call, answer)

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def with_options(self, options: Options) -> AsyncMemoryExchange:
        return AsyncMemoryExchange(self._front, options)


def _in_this_loop(change: Callable[[], object]) -> Callable[[], None]:
    """Return a callback that any thread may call."""
    loop = asyncio.get_running_loop()

    def told() -> None:
        loop.call_soon_threadsafe(change)

    return told


def _seconds(call: Call) -> float:
    return float(call.params.get("wait", 0))


def _after_waiting(front: Front, key: str, life: Life, call: Call, first: Answer) -> Answer:
    """Return the answer to a held call: with its own status, and the decision as it is by now."""
    read, _ = front.answer(Call(method="GET", path=f"/decisions/{life.decision.id}"), key)
    return replace(read, status=first.status, took=_seconds(call))
