"""A LangChain agent whose refunds a person approves, changes, rejects, or answers in their place.

    export HANDOVER_API_KEY=ho_…    # `make run` prints it
    python examples/langchain_agent.py --approver you@example.com

The model reads its words from a script, so that this runs without a key for one; replace it with
yours, for example `create_agent("anthropic:claude-sonnet-4-5", …)`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, ToolCall
from langchain_core.tools import tool
from langgraph.graph.state import CompiledStateGraph

from handover import HandoverClient
from handover.integrations.langchain import ApprovalMiddleware, request_human_approval


@tool
def refund(order: int, amount: float) -> str:
    """Refund an order of the shop."""
    return f"Refunded {amount:.2f} EUR for order {order}."


class ScriptedModel(GenericFakeChatModel):
    """Says what its script has, one message each time."""

    def bind_tools(self, tools: Sequence[Any], **options: Any) -> Any:
        return self


def script() -> Iterable[AIMessage]:
    """Make a model that first asks a person by itself, and then calls a tool that people are asked
    about."""
    asks = {"action": "Close the complaint about order 1142", "context": "It arrived broken."}
    yield AIMessage("", tool_calls=[ToolCall(name="request_human_approval", args=asks, id="call1")])
    pays = {"order": 1142, "amount": 49.90}
    yield AIMessage("", tool_calls=[ToolCall(name="refund", args=pays, id="call2")])
    yield AIMessage("That is done.")


def build_agent(client: HandoverClient, approver: str) -> CompiledStateGraph[Any, Any, Any, Any]:
    return create_agent(
        ScriptedModel(messages=iter(script())),
        tools=[refund, request_human_approval(client, approver=approver)],
        middleware=[
            ApprovalMiddleware(
                client,
                approver=approver,
                interrupt_on={"refund": True},
                action=lambda request: "Refund order {order}".format(**request.tool_call["args"]),
                urgency="high",
            )
        ],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Close a complaint, when a person agrees.")
    parser.add_argument("--approver", default="approver@example.com")
    asked = parser.parse_args()
    with HandoverClient() as client:
        agent = build_agent(client, asked.approver)
        state = agent.invoke({"messages": [("user", "Order 1142 arrived broken.")]})
    for message in state["messages"]:
        if message.text:
            print(f"{message.type}: {message.text}")


if __name__ == "__main__":
    main()
