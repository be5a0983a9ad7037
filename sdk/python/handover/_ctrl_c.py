"""Ctrl-C, as other threads learn of it. It reaches only the main thread, which then waits for its
threads, and those would wait for people."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextvars import copy_context
from typing import Any, TypeVar, cast

T = TypeVar("T")

LOOK = 0.3
"""Seconds between two checks of a waiting thread whether everything around it has ended."""


class CtrlC:
    """Watches for Ctrl-C, from the moment when the thread begins to wait."""

    def __init__(self) -> None:
        self._before = _leaving_with()

    @property
    def was_pressed(self) -> bool:
        """Return whether the main thread is leaving because of it, which it was not before."""
        error = _leaving_with()
        return error is not None and error is not self._before

    def check(self) -> None:
        """Check for Ctrl-C. Raises `KeyboardInterrupt`."""
        if self.was_pressed:
            raise KeyboardInterrupt


def looking_up(call: Callable[[], T], check: Callable[[], None]) -> T:
    """Return the call's result, and meanwhile run `check` again and again, which may raise.

    The call then goes on in a thread that keeps no program from ending. The main thread is
    interrupted by itself, so it has nothing to check.
    """
    if threading.current_thread() is threading.main_thread():
        return call()
    future: Future[T] = Future()
    run = copy_context().run
    threading.Thread(target=run, args=(_complete, future, call), daemon=True).start()
    while not wait([future], timeout=LOOK).done:
        check()
    return future.result()


def _complete(future: Future[T], call: Callable[[], T]) -> None:
    try:
        future.set_result(call())
    except BaseException as error:
        future.set_exception(error)


def _leaving_with() -> KeyboardInterrupt | None:
    """Return the exception that the main thread is handling, if it is Ctrl-C."""
    handled: dict[int | None, Any] = getattr(sys, "_current_exceptions", dict)()
    error = handled.get(threading.main_thread().ident)
    if isinstance(error, tuple):  # until Python 3.11
        error = cast(tuple[Any, ...], error)[1]
    return error if isinstance(error, KeyboardInterrupt) else None
