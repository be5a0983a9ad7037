"""A LangGraph graph that pauses with `interrupt()`, and a runner that asks people to go on.

    export HANDOVER_API_KEY=ho_…    # `make run` prints it
    python examples/langgraph_interrupts.py --approver you@example.com --thread monday

It asks about two refunds at once, each goes out as soon as it is permitted, and the newsletter
follows when both are decided. Stop it while it waits and start it again with the same thread: the
same questions are still open, and nobody is asked twice.
"""

from __future__ import annotations

import argparse
import operator
import sqlite3
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Send, interrupt

from handover import HandoverClient
from handover.integrations.langgraph import ApprovalRunner


class State(TypedDict, total=False):
    orders: list[int]
    log: Annotated[list[str], operator.add]


class Order(TypedDict):
    order: int


def refund(state: Order) -> State:
    """Ask with `interrupt()`, and act on what it returns; this node knows nothing of Handover."""
    order = state["order"]
    permitted = interrupt(
        {"action": f"Refund order {order}", "payload": {"order": order, "amount": 49.90}}
    )
    if not permitted:
        return {"log": [f"order {order}: no refund"]}
    return {"log": [f"order {order}: refunded {permitted['amount']:.2f} EUR"]}


def newsletter(state: State) -> State:
    sent = interrupt("Send the newsletter to 4,000 customers?")
    return {"log": ["newsletter sent" if sent else "newsletter kept back"]}


def each_order(state: State) -> list[Send]:
    return [Send("refund", {"order": order}) for order in state.get("orders", [])]


def build_graph(saver: Any) -> CompiledStateGraph[State]:
    graph = StateGraph(State)
    graph.add_node("refund", refund)
    graph.add_node("newsletter", newsletter)
    graph.add_conditional_edges(START, each_order, ["refund"])
    graph.add_edge("refund", "newsletter")
    return graph.compile(checkpointer=saver)


def main() -> None:
    parser = argparse.ArgumentParser(description="Ask about what a graph pauses for.")
    parser.add_argument("--approver", default="approver@example.com")
    parser.add_argument("--thread", default="monday")
    parser.add_argument("--database", default="checkpoints.sqlite")
    asked = parser.parse_args()
    config = {"configurable": {"thread_id": asked.thread}}
    saver = SqliteSaver(sqlite3.connect(asked.database, check_same_thread=False))
    with HandoverClient() as client:
        runner = ApprovalRunner(build_graph(saver), client, approver=asked.approver)
        known = runner.resume(config)
        state = known or runner.run({"orders": [1142, 1143]}, config)
    print("\n".join(state["log"]))


if __name__ == "__main__":
    main()
