"""One at a time: LangGraph itself lets two resume the same thread at once."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from .._forks import renew_in_children

L = TypeVar("L")


class Locks(Generic[L]):
    """A lock for each name, kept for as long as somebody holds it or waits for it."""

    def __init__(self, make: Callable[[], L]) -> None:
        self._make = make
        self.renew_lock()
        renew_in_children(self)

    def renew_lock(self) -> None:
        """In a forked process, where no thread holds what one of its parent held."""
        self._guard = Lock()
        self._locks: WeakValueDictionary[str, L] = WeakValueDictionary()

    def __call__(self, name: str) -> L:
        with self._guard:
            lock = self._locks.get(name)
            if lock is None:
                lock = self._locks[name] = self._make()
            return lock
