"""Locks for one run at a time: LangGraph itself lets two resume the same thread at once."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future
from threading import Lock
from types import TracebackType
from weakref import WeakValueDictionary

from .._forks import renew_in_children


class SharedLock:
    """A lock for threads and for the tasks of any event loop, which get it in their order."""

    def __init__(self) -> None:
        self._guard = Lock()
        self._is_held = False
        self._waiting: deque[Future[None]] = deque()

    def __enter__(self) -> None:
        turn = self._turn()
        try:
            turn.result()
        except BaseException:
            self._give_up(turn)
            raise

    async def __aenter__(self) -> None:
        turn = self._turn()
        try:
            await asyncio.wrap_future(turn)
        except BaseException:
            self._give_up(turn)
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._guard:
            while self._waiting:
                turn = self._waiting.popleft()
                if turn.set_running_or_notify_cancel():
                    turn.set_result(None)
                    return
            self._is_held = False

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, trace)

    def _turn(self) -> Future[None]:
        """Return a future that completes as soon as its owner holds the lock."""
        turn: Future[None] = Future()
        with self._guard:
            if self._is_held:
                self._waiting.append(turn)
            else:
                self._is_held = True
                turn.set_result(None)
        return turn

    def _give_up(self, turn: Future[None]) -> None:
        if not turn.cancel():  # it came at the same moment
            self.__exit__(None, None, None)


class Locks:
    """A lock for each name, kept for as long as somebody holds it or waits for it."""

    def __init__(self) -> None:
        self.renew_lock()
        renew_in_children(self)

    def renew_lock(self) -> None:
        """Renew the lock in a forked process, where no thread holds its parent's."""
        self._guard = Lock()
        self._locks: WeakValueDictionary[str, SharedLock] = WeakValueDictionary()

    def __call__(self, name: str) -> SharedLock:
        with self._guard:
            lock = self._locks.get(name)
            if lock is None:
                lock = self._locks[name] = SharedLock()
            return lock
