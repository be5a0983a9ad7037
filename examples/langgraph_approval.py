"""An agent, built with LangGraph, that refunds an order only when a person agrees.

    export HANDOVER_API_KEY=ho_…    # `make run` prints it
    python examples/langgraph_approval.py --approver you@example.com

The "model" is a plain function, so that this runs without a key for one; put yours in its place.
"""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from pydantic import BaseModel, PositiveFloat

from handover import ActionDenied, Decision, HandoverClient


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
    result: str = ""


def propose(state: State) -> dict[str, Any]:
    """Where a model would read the complaint and choose a tool with its arguments."""
    return {"proposal": Refund(order=state.order, amount=49.90).model_dump()}


def approval_node(client: HandoverClient):
    """The node that asks: the action's node is reached only with what a person permitted."""

    def approval(state: State, runtime: Runtime[None]) -> dict[str, Any]:
        proposal = Refund(**state.proposal)
        try:
            decision = client.decisions.create(
                action=f"Refund order {proposal.order}: {proposal.amount:.2f} EUR",
                context=f"The customer wrote: {state.complaint}",
                approver=state.approver,
                urgency="high",
                timeout_minutes=30,
                payload=state.proposal,
                enforce=True,
                idempotency_key=question_key(runtime),
            )
        except ActionDenied as denied:
            return {"result": str(denied)}
        return {"permitted": permitted_payload(decision)}

    return approval


def question_key(runtime: Runtime[None]) -> str:
    """The same whenever LangGraph runs this node again from its start, and never for another."""
    run = runtime.execution_info
    if run is None:
        raise RuntimeError("this node runs inside a graph with a checkpointer")
    parts = [str(run.thread_id), run.checkpoint_id, run.checkpoint_ns]  # the latter names the node
    return "langgraph-" + hashlib.sha256("\n".join(parts).encode()).hexdigest()


def permitted_payload(decision: Decision) -> dict[str, Any]:
    """What may run: what the approver made of it, where they changed it."""
    changed = (decision.response_data or {}).get("payload")
    payload = changed if decision.status == "modified" else decision.payload
    return Refund.model_validate(payload).model_dump()


def refund(state: State) -> dict[str, Any]:
    """The action itself. It reads what was permitted, and never what was proposed."""
    permitted = Refund.model_validate(state.permitted)
    return {"result": f"refunded {permitted.amount:.2f} EUR for order {permitted.order}"}


def after_approval(state: State) -> str:
    return "refund" if state.permitted else END


def build_graph(client: HandoverClient) -> CompiledStateGraph[State]:
    graph = StateGraph(State)
    graph.add_node("propose", propose)
    graph.add_node("approval", approval_node(client))
    graph.add_node("refund", refund)
    graph.add_edge(START, "propose")
    graph.add_edge("propose", "approval")
    graph.add_conditional_edges("approval", after_approval, ["refund", END])
    graph.add_edge("refund", END)
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
