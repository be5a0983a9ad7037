"""Idempotency keys: a node that LangGraph runs again asks the same question again."""

from __future__ import annotations

import hashlib
import json

from langgraph.runtime import ExecutionInfo, get_runtime

PREFIX = "langgraph-"


def key_of(*parts: str) -> str:
    """Return the key of these parts, which no others have."""
    return PREFIX + hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def key_of_this_run(*parts: str) -> str | None:
    """Return the key of this run of the node, which is the same whenever LangGraph runs the node
    again from its start, and never another's: the namespace has the node, and the id of its task in
    this step. None outside a graph."""
    run = _execution()
    return run and key_of(str(run.thread_id), run.checkpoint_ns, *parts)


def _execution() -> ExecutionInfo | None:
    try:
        return get_runtime().execution_info
    except (RuntimeError, KeyError, AttributeError):  # what it raises outside a graph
        return None
