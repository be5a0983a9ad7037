"""Ctrl-C, as a thread beside the main one learns of it: it reaches the main thread alone, which
then waits for its threads, and those would wait for people."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextvars import copy_context
from typing import Any, TypeVar, cast

T = TypeVar("T")

LOOK = 0.3
"""Seconds after which whoever waits in a thread looks whether all has ended around it."""


class CtrlC:
    """Made when the thread begins to wait."""

    def __init__(self) -> None:
        self._before = _leaving_with()

    @property
    def was_pressed(self) -> bool:
        """Whether the main thread is leaving because of it, which it was not before."""
        error = _leaving_with()
        return error is not None and error is not self._before

    def check(self) -> None:
        """Raises `KeyboardInterrupt`."""
        if self.was_pressed:
            raise KeyboardInterrupt


def looking_up(call: Callable[[], T], check: Callable[[], None]) -> T:
    """What the call returns, in whose time `check` is called again and again, and may raise.

    The call goes on then, in a thread that keeps no program from ending. In the main thread, which
    is interrupted by itself, there is nothing to look for.
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
    """What the main thread is handling, where that is Ctrl-C."""
    handled: dict[int | None, Any] = getattr(sys, "_current_exceptions", dict)()
    error = handled.get(threading.main_thread().ident)
    if isinstance(error, tuple):  # until Python 3.11
        error = cast(tuple[Any, ...], error)[1]
    return error if isinstance(error, KeyboardInterrupt) else None
