"""An agent, built with LangGraph, that refunds an order only when a person agrees.

    export HANDOVER_API_KEY=ho_…    # `make run` prints it
    python examples/langgraph_approval.py --approver you@example.com

The "model" is a plain function, so that this runs without a key for one; replace it with yours.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from pydantic import BaseModel, PositiveFloat

from handover import HandoverClient
from handover.integrations.langgraph import approval_node


class Refund(BaseModel):
    """The arguments of the action. An approver may change them, so they are checked again."""

    order: int
    amount: PositiveFloat


@dataclass(kw_only=True)
class State:
    complaint: str
    order: int
    approver: str
    proposal: dict[str, Any] = field(default_factory=dict[str, Any])
    permitted: dict[str, Any] | None = None
    decision: dict[str, Any] = field(default_factory=dict[str, Any])
    result: str = ""


def propose(state: State) -> dict[str, Any]:
    """Propose an action. A model would read the complaint here and choose a tool with its
    arguments."""
    return {"proposal": Refund(order=state.order, amount=49.90).model_dump()}


def refund(state: State) -> dict[str, Any]:
    """Carry out the action. It reads `permitted`, and never the proposal."""
    permitted = Refund.model_validate(state.permitted)
    return {"result": f"refunded {permitted.amount:.2f} EUR for order {permitted.order}"}


def apologize(state: State) -> dict[str, Any]:
    status, notes = state.decision["status"], state.decision["response_notes"]
    return {"result": f"no refund: {status}" + (f", {notes!r}" if notes else "")}


def build_graph(client: HandoverClient) -> CompiledStateGraph[State]:
    approval = approval_node(
        client,
        action=lambda state: "Refund order {order}: {amount:.2f} EUR".format(**state.proposal),
        context=lambda state: f"The customer wrote: {state.complaint}",
        payload=lambda state: state.proposal,
        approver=lambda state: state.approver,
        urgency="high",
        timeout_minutes=30,
        then="refund",
        otherwise="apologize",
    )
    graph = StateGraph(State)
    graph.add_node("propose", propose)
    graph.add_node("approval", approval)
    graph.add_node("refund", refund)
    graph.add_node("apologize", apologize)
    graph.add_edge(START, "propose")
    graph.add_edge("propose", "approval")
    return graph.compile(checkpointer=InMemorySaver())


def main() -> None:
    parser = argparse.ArgumentParser(description="Refund an order, when a person agrees.")
    parser.add_argument("--approver", default="approver@example.com")
    parser.add_argument("--order", type=int, default=1142)
    asked = parser.parse_args()
    with HandoverClient() as client:
        print(f"Asking {asked.approver} …", flush=True)
        state = build_graph(client).invoke(
            State(complaint="It arrived broken.", order=asked.order, approver=asked.approver),
            RunnableConfig(configurable={"thread_id": str(uuid4())}),
        )
    print(f"The agent: {state['result']}")


if __name__ == "__main__":
    main()
