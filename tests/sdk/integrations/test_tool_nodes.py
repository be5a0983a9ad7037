"""Tool calls that run in one task and ask with `interrupt()`: LangGraph would mix up their answers,
so that they are refused before anybody is asked."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, TypedDict

import langgraph.prebuilt
import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AnyMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.message import add_messages
from langgraph.prebuilt import ToolNode, create_react_agent
from langgraph.types import Send, interrupt

from handover import ConfigurationError, Decision
from handover.integrations.langgraph import ApprovalRunner
from handover.testing import FakeHandover, Reply
from tests.sdk.integrations.conftest import APPROVER, Start
from tests.sdk.integrations.graphs import URL, event
from tests.sdk.integrations.models import calls, results, scripted
from tests.sdk.service import decision


@tool
def refund(order: int) -> str:
    """Refund an order."""
    return f"refund {order}: {interrupt(f'Refund order {order}?')}"


@tool
def delete(customer: str) -> str:
    """Delete a customer."""
    return f"delete {customer}: {interrupt(f'Delete customer {customer}?')}"


TOOLS: Any = [refund, delete]
BOTH = calls(("refund", {"order": 1142}), ("delete", {"customer": "Ada"}))
ASKED = {"messages": [("user", "Refund order 1142, and delete Ada.")]}


class Renamed(TypedDict):
    chat: Annotated[list[AnyMessage], add_messages]


class Own(ToolNode):
    """Somebody's own."""


def with_node(node: Any, state: Any = MessagesState, send: Callable[..., Any] | None = None) -> Any:
    """A graph with one node, that gets the model's message or what is sent of it."""
    graph: Any = StateGraph(state)
    graph.add_node("tools", node)
    if send is None:
        graph.add_edge(START, "tools")
    else:
        graph.add_conditional_edges(START, send, ["tools"])
    return graph.compile(checkpointer=InMemorySaver())


def outer(inner: Any) -> Any:
    graph: Any = StateGraph(MessagesState)
    graph.add_node("agent", inner)
    graph.add_edge(START, "agent")
    return graph.compile(checkpointer=InMemorySaver())


def react(version: Any) -> Any:
    with pytest.warns(DeprecationWarning, match="create_react_agent"):
        return create_react_agent(
            scripted(BOTH, "Done."), TOOLS, version=version, checkpointer=InMemorySaver()
        )


def in_a_function() -> Any:
    node = ToolNode(TOOLS)
    return with_node(lambda state: node.invoke(state))


def makes_one(state: Any) -> Any:
    return ToolNode(TOOLS).invoke(state)


def makes_its_own(state: Any) -> Any:
    return Own(TOOLS).invoke(state)


def makes_one_of_a_module(state: Any) -> Any:
    return langgraph.prebuilt.ToolNode(TOOLS).invoke(state)


def imports_and_makes_one(state: Any) -> Any:
    from langgraph.prebuilt import ToolNode as Tools

    return Tools(TOOLS).invoke(state)


def made_for_it() -> Any:
    return ToolNode(TOOLS)


def has_one_made(state: Any) -> Any:
    return made_for_it().invoke(state)


class Agent:
    """Somebody's own, with a `ToolNode` or without."""

    def __init__(self, tools: Any) -> None:
        self.tools = tools

    def __call__(self, state: Any) -> Any:
        return self.tools.invoke(state)

    def run(self, state: Any) -> Any:
        return self.tools.invoke(state)


def with_a_tool_node(state: Any, *, tools: Any) -> Any:
    return tools.invoke(state)


SAID = {"messages": [BOTH]}

SHARED: dict[str, Callable[[], tuple[Any, Any]]] = {
    "a tool node": lambda: (with_node(ToolNode(TOOLS)), SAID),
    "a tool node of one's own": lambda: (with_node(Own(TOOLS)), SAID),
    "messages under another name": lambda: (
        with_node(ToolNode(TOOLS, messages_key="chat"), Renamed),
        {"chat": [BOTH]},
    ),
    "behind something": lambda: (with_node((lambda state: state) | ToolNode(TOOLS)), SAID),
    "in a function": lambda: (in_a_function(), SAID),
    "made in a function": lambda: (with_node(makes_one), SAID),
    "one's own, made in a function": lambda: (with_node(makes_its_own), SAID),
    "a module's, made in a function": lambda: (with_node(makes_one_of_a_module), SAID),
    "imported in a function": lambda: (with_node(imports_and_makes_one), SAID),
    "made by another function": lambda: (with_node(has_one_made), SAID),
    "made in a node of a subgraph": lambda: (outer(with_node(makes_one)), SAID),
    "in a method": lambda: (with_node(Agent(ToolNode(TOOLS)).run), SAID),
    "in an object": lambda: (with_node(Agent(ToolNode(TOOLS))), SAID),
    "given to a function": lambda: (
        with_node(partial(with_a_tool_node, tools=ToolNode(TOOLS))),
        SAID,
    ),
    "sent the state": lambda: (
        with_node(ToolNode(TOOLS), send=lambda state: [Send("tools", state)]),
        SAID,
    ),
    "sent both calls": lambda: (
        with_node(ToolNode(TOOLS), send=lambda _: [Send("tools", BOTH.tool_calls)]),
        SAID,
    ),
    "in a subgraph": lambda: (outer(with_node(ToolNode(TOOLS))), SAID),
    "two levels down": lambda: (outer(outer(with_node(ToolNode(TOOLS)))), SAID),
    "create_react_agent, version 1": lambda: (react("v1"), ASKED),
}


@pytest.mark.parametrize("shape", SHARED)
async def test_calls_that_share_a_task_are_refused(
    bridge: Start, fake: FakeHandover, config: Any, shape: str
) -> None:
    """Nobody is asked, and the error says what to use; also where the thread is found again."""
    graph, given = SHARED[shape]()
    runner = bridge(graph, callback_url=URL)
    found = event(decision_of(config))
    for call in (("run", given, config), ("resume", config), ("handle_callback", found)):
        with pytest.raises(ConfigurationError, match="ApprovalMiddleware") as caught:
            await runner(*call)
        said = str(caught.value)
        assert "2 tool calls in one task (refund, delete)" in said
        assert 'version="v2"' in said
        assert "one Send for each" in said
    assert fake.decisions == []


def decision_of(config: Any) -> Decision:
    """One that was asked by a runner for this thread."""
    metadata = {"langgraph_thread": config["configurable"]["thread_id"]}
    return Decision.model_validate(decision("denied", metadata=metadata))


def one_call_each(state: Any) -> Any:
    return [Send("tools", [call]) for call in state["messages"][-1].tool_calls]


def makes_an_agent() -> Any:
    """LangChain has its `ToolNode`, and starts a task of it for each call."""
    model = scripted(BOTH, "Done.")

    def node(state: Any) -> Any:
        agent: Any = create_agent(model, TOOLS)
        return agent.invoke(ASKED)

    return node


APART: dict[str, Callable[[], tuple[Any, Any]]] = {
    "a call for each Send": lambda: (with_node(ToolNode(TOOLS), send=one_call_each), SAID),
    "create_react_agent, version 2": lambda: (react("v2"), ASKED),
    "create_agent": lambda: (
        create_agent(scripted(BOTH, "Done."), TOOLS, checkpointer=InMemorySaver()),
        ASKED,
    ),
    "create_agent in a function": lambda: (with_node(makes_an_agent()), SAID),
    "create_agent in a graph": lambda: (
        outer(create_agent(scripted(BOTH, "Done."), TOOLS)),
        ASKED,
    ),
}


@pytest.mark.parametrize("shape", APART)
async def test_calls_in_tasks_of_their_own_are_asked(
    bridge: Start, fake: FakeHandover, config: Any, shape: str
) -> None:
    """Each has the answer that was given for it."""
    graph, given = APART[shape]()
    fake.answers_by(lambda asked: Reply(choice="deny" if "Ada" in asked.action else "approve"))
    state = await bridge(graph)("run", given, config)
    told = {id: message.content for id, message in results(state).items()}
    assert told == {"call0": "refund 1142: True", "call1": "delete Ada: False"}
    assert len(fake.decisions) == 2


def test_one_call_is_asked(fake: FakeHandover, config: Any) -> None:
    """A tool node with one call, and a node that asks about one call after the other."""
    fake.answers_by(lambda _: Reply(choice="approve"))
    one = calls(("refund", {"order": 1142}))
    graph = with_node(ToolNode(TOOLS))
    runner = ApprovalRunner(graph, fake.client(), approver=APPROVER)
    state = runner.run({"messages": [one]}, config)
    assert results(state)["call0"].content == "refund 1142: True"

    def review(state: Any) -> Any:
        said = [interrupt(call["name"]) for call in state["messages"][-1].tool_calls]
        return {"messages": [AIMessage(str(said))]}

    runner = ApprovalRunner(with_node(review), fake.client(), approver=APPROVER)
    assert runner.run(SAID, config)["messages"][-1].content == "[True, True]"
