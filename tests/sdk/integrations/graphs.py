"""Graphs that ask, and what a callback brings."""

from __future__ import annotations

import operator
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt

from handover import Decision
from handover.webhooks import CallbackEvent

URL = "https://agent.example.com/handover"


class State(TypedDict, total=False):
    done: Annotated[list[Any], operator.add]
    permitted: dict[str, Any] | None
    decision: dict[str, Any] | None


def asking(value: Any, ran: list[Any] | None = None) -> Any:
    """A node that asks, and writes the answer."""

    def node(_: Any) -> Any:
        answer = interrupt(value)
        if ran is not None:
            ran.append(value)
        return {"done": [answer]}

    return node


def parallel(saver: Any = None, **nodes: Any) -> Any:
    """A graph whose nodes all run in one step."""
    graph: Any = StateGraph(State)
    for name, node in nodes.items():
        graph.add_node(name, node)
        graph.add_edge(START, name)
    return graph.compile(checkpointer=InMemorySaver() if saver is None else saver)


def in_turn(*nodes: Any, **options: Any) -> Any:
    """A graph whose nodes run one after the other."""
    graph: Any = StateGraph(State)
    graph.add_sequence([(f"node{index}", node) for index, node in enumerate(nodes)])
    graph.add_edge(START, "node0")
    return graph.compile(**{"checkpointer": InMemorySaver(), **options})


def inside(node: Any) -> Any:
    """This node alone, as a graph to put into others."""
    graph: Any = StateGraph(State)
    graph.add_node("inner", node)
    graph.add_edge(START, "inner")
    return graph.compile()


ARGS = {"to": "ada@example.com", "subject": "Hello"}


def item(*allowed: str, action: str = "send_email", **args: Any) -> dict[str, Any]:
    """As `langgraph.prebuilt.interrupt.HumanInterrupt` has it."""
    ways = ("ignore", "respond", "edit", "accept")
    return {
        "action_request": {"action": action, "args": {**ARGS, **args}},
        "config": {f"allow_{way}": way in allowed for way in ways},
        "description": "# Ada waits for an answer.",
    }


def event(decision: Decision) -> CallbackEvent:
    """As `handover.webhooks.verify` returns it."""
    return CallbackEvent(
        id="evt_one",
        type=f"decision.{decision.status}",
        timestamp=decision.resolved_at or decision.created_at,
        decision=decision,
    )
