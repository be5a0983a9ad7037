"""Idempotency keys: what LangGraph runs again asks the same question again."""

from __future__ import annotations

import hashlib
import json

from langgraph.runtime import ExecutionInfo, get_runtime

PREFIX = "langgraph-"


def key_of(*parts: str) -> str:
    """The same for the same parts, and for no others."""
    return PREFIX + hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def key_of_this_run(*parts: str) -> str | None:
    """The same whenever LangGraph runs this node again from its start, and never for another: the
    namespace has the node, and the id of its task in this step. None outside a graph."""
    run = _execution()
    return run and key_of(str(run.thread_id), run.checkpoint_ns, *parts)


def _execution() -> ExecutionInfo | None:
    try:
        return get_runtime().execution_info
    except (RuntimeError, KeyError, AttributeError):  # what it raises outside a graph
        return None
