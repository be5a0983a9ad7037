"""Tool calls that share one task of the graph, and with it the places of their answers."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from functools import partial
from types import CodeType, FunctionType, MethodType
from typing import Any, cast

from langchain_core.messages import AIMessage
from langgraph.prebuilt import ToolNode
from langgraph.types import Send

from ..exceptions import ConfigurationError
from ._steps import Course, Stored

PUSHED = "__pregel_push"
"""Beginning of the path of a task that a `Send` started."""

SENT = "__pregel_tasks"
"""The place where a checkpoint keeps what was sent."""

DEPTH = 3
"""Levels of functions, each called by the one before it, that are searched for a `ToolNode`."""

FRAMEWORKS = ("langchain", "langgraph")
"""Frameworks whose own use of a `ToolNode` is safe: `create_agent` gives each call its own task."""


def check_tool_nodes(graph: Any, state: Any) -> Course[None]:
    """Raise `ConfigurationError` if several tool calls in one task may ask.

    They run at the same time, and LangGraph numbers a task's questions in the order in which they
    happen to come: the answer to one would be given to another.
    """
    nodes: Mapping[str, Any] = getattr(graph, "nodes", {})
    for task in state.tasks:
        if not task.interrupts or task.name not in nodes:
            continue
        if getattr(task.state, "tasks", None):
            yield from check_tool_nodes(_subgraph(graph, task.name), task.state)
        elif (tools := _tool_node(nodes[task.name].bound)) is not None:
            _check(tools, task, (yield from _input(task, state)))


def _check(tools: ToolNode | type[ToolNode], task: Any, given: Any) -> None:
    calls = [call["name"] for call in _calls(tools, given)]
    if len(calls) > 1:
        raise ConfigurationError(
            f"The node {task.name!r} runs {len(calls)} tool calls in one task"
            f" ({', '.join(calls)}), and one of them asks: LangGraph may give its answer to another"
            ' of them, so that nobody was asked. Use create_agent, create_react_agent(version="v2")'
            " or one Send for each tool call, or ask with ApprovalMiddleware, not with interrupt()"
        )


def _subgraph(graph: Any, name: str) -> Any:
    return dict(graph.get_subgraphs()).get(name)


def _tool_node(runnable: Any) -> ToolNode | type[ToolNode] | None:
    """Return the `ToolNode` that a node is or uses; a class if it makes one itself."""
    parts = [runnable, *getattr(runnable, "steps", ())]
    functions = [getattr(part, name, None) for part in parts for name in ("func", "afunc")]
    used = (each for function in functions for each in _used_by(function, DEPTH))
    return next((each for each in (*parts, *used) if _is_tool_node(each)), None)


def _is_tool_node(thing: object) -> bool:
    is_class = isinstance(thing, type) and issubclass(thing, ToolNode)
    return is_class or isinstance(thing, ToolNode)


def _used_by(called: Any, depth: int) -> Iterator[Any]:
    """Return what a function refers to, and what the functions that it refers to do."""
    if isinstance(called, partial):
        yield from (*called.args, *called.keywords.values())
        called = called.func
    function = called if inspect.isroutine(called) else getattr(called, "__call__", None)  # noqa: B004 - it is looked into, and not called
    if isinstance(function, MethodType):
        yield from getattr(function.__self__, "__dict__", {}).values()
        function = function.__func__
    if not (depth and isinstance(function, FunctionType)) or _is_frameworks(function):
        return
    if ToolNode.__name__ in _names_in(function.__code__):
        yield ToolNode
    referred = inspect.getclosurevars(function)
    for each in (*referred.nonlocals.values(), *referred.globals.values()):
        yield each
        yield from _used_by(each, depth - 1)


def _is_frameworks(function: FunctionType) -> bool:
    return (function.__module__ or "").partition(".")[0].partition("_")[0] in FRAMEWORKS


def _names_in(code: CodeType) -> set[str]:
    """Return the names that it refers to, as globals, attributes or imports."""
    within = (_names_in(each) for each in code.co_consts if isinstance(each, CodeType))
    return {*code.co_names}.union(*within)


def _input(task: Any, state: Any) -> Course[Any]:
    """Return the input with which the task was started."""
    if task.path[0] != PUSHED:
        return state.values
    stored = yield Stored(state.config)
    sent: Any = stored.checkpoint["channel_values"].get(SENT, ()) if stored else ()
    index = task.path[1]
    packet = sent[index] if isinstance(index, int) and index < len(sent) else None
    return packet.arg if isinstance(packet, Send) else None


def _calls(tools: ToolNode | type[ToolNode], given: Any) -> list[Any]:
    """Return the calls that a `ToolNode` makes of its input."""
    if isinstance(given, list) and given and isinstance(given[-1], dict):
        return cast(list[Any], given)
    if isinstance(given, Mapping) and "tool_call" in given:
        return [cast(Any, given)["tool_call"]]
    messages = _messages(given, getattr(tools, "_messages_key", "messages"))
    said = next((each for each in reversed(messages) if isinstance(each, AIMessage)), None)
    return list(said.tool_calls) if said else []


def _messages(given: Any, key: str) -> list[Any]:
    if isinstance(given, list):
        return cast(list[Any], given)
    found = cast(Any, given).get(key) if isinstance(given, Mapping) else getattr(given, key, None)
    return list(found or ())
