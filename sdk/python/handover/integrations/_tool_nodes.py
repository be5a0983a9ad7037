"""Tool calls that share one task of the graph, and with it the places of their answers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from langchain_core.messages import AIMessage
from langgraph.prebuilt import ToolNode
from langgraph.types import Send

from ..exceptions import ConfigurationError
from ._steps import Course, Stored

PUSHED = "__pregel_push"
"""What the path of a task begins with that was started by a `Send`."""

SENT = "__pregel_tasks"
"""Where a checkpoint keeps what was sent."""


def check_tool_nodes(graph: Any, state: Any) -> Course[None]:
    """Raise `ConfigurationError` where several tool calls in one task may ask.

    They run at the same time, and LangGraph numbers what a task asks in the order in which it
    happens to be asked: the answer to one would be given to another.
    """
    nodes: Mapping[str, Any] = getattr(graph, "nodes", {})
    for task in state.tasks:
        if not task.interrupts or task.name not in nodes:
            continue
        if getattr(task.state, "tasks", None):
            yield from check_tool_nodes(_subgraph(graph, task.name), task.state)
        elif (tools := _tool_node(nodes[task.name].bound)) is not None:
            _check(tools, task, (yield from _input(task, state)))


def _check(tools: ToolNode, task: Any, given: Any) -> None:
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


def _tool_node(runnable: Any) -> ToolNode | None:
    """The `ToolNode` that a node is, or makes use of."""
    if isinstance(runnable, ToolNode):
        return runnable
    parts = [*getattr(runnable, "steps", ()), *_used_by(runnable)]
    return next((part for part in parts if isinstance(part, ToolNode)), None)


def _used_by(runnable: Any) -> Iterator[Any]:
    """What the function of a node refers to."""
    for name in ("func", "afunc"):
        function: Callable[..., Any] | None = getattr(runnable, name, None)
        if inspect.isfunction(function) or inspect.ismethod(function):
            referred = inspect.getclosurevars(function)
            yield from (*referred.nonlocals.values(), *referred.globals.values())
            yield from vars(getattr(function, "__self__", None) or _Nothing).values()


class _Nothing:
    pass


def _input(task: Any, state: Any) -> Course[Any]:
    """What the task was started with."""
    if task.path[0] != PUSHED:
        return state.values
    stored = yield Stored(state.config)
    sent: Any = stored.checkpoint["channel_values"].get(SENT, ()) if stored else ()
    index = task.path[1]
    packet = sent[index] if isinstance(index, int) and index < len(sent) else None
    return packet.arg if isinstance(packet, Send) else None


def _calls(tools: ToolNode, given: Any) -> list[Any]:
    """The calls that a `ToolNode` makes of its input."""
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
