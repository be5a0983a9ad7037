"""Tells whether anybody still waits for a thread. Nobody can end it from outside: Ctrl-C reaches
only the main thread, and LangGraph waits for every node that runs beside a failed one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from langgraph.config import get_config
from langgraph.errors import GraphInterrupt

from .._ctrl_c import CtrlC

CALL = "__pregel_call"
"""The place where LangGraph keeps, for each task, the function that starts further ones beside
it."""


class Ending:
    """Watches for the end of a thread's purpose, from the moment when it begins to wait."""

    def __init__(self) -> None:
        self._ctrl_c = CtrlC()

    def check(self) -> None:
        """Raise the exception that ends this thread, if it is time to.

        In a graph this is LangGraph's own exception for a pause: nothing is recorded of the node,
        and when the graph goes on the node finds its earlier decision.
        """
        if threading.current_thread() is threading.main_thread():
            return
        if self._ctrl_c.was_pressed:
            raise GraphInterrupt(()) if CALL in _config() else KeyboardInterrupt
        if _has_failed_neighbour():
            raise GraphInterrupt(())


def _has_failed_neighbour() -> bool:
    """Return whether LangGraph has given up this step, or one that this graph is a node of."""
    # All of it is LangGraph's own, and a version of it that keeps it otherwise just waits on.
    with suppress(AttributeError, KeyError, IndexError, TypeError, RuntimeError):
        return any(futures.should_stop(set(futures.failed)) for futures in _steps(_config()))
    return False


def _steps(configurable: dict[str, Any]) -> Iterator[Any]:
    """Yield the tasks beside this one, then those beside the graph that contains it, and so on."""
    while call := configurable.get(CALL):
        if (futures := call.keywords["futures"]()) is not None:
            yield futures
        configurable = call.args[0]().config["configurable"]


def _config() -> dict[str, Any]:
    """Return LangGraph's config, which is empty outside a graph."""
    try:
        return dict(get_config().get("configurable") or {})
    except RuntimeError:
        return {}
