"""What can be shown to nobody: nobody is asked, nothing runs, and whoever wrote it is told what to
change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph

from handover import ActionDenied, InvalidRequestError, NotAskedError
from handover.integrations.langgraph import approval_node, full_answer
from handover.testing import FakeHandover
from tests.sdk.integrations.conftest import APPROVER, Start
from tests.sdk.integrations.graphs import State, asking, parallel
from tests.sdk.integrations.models import calls, results, scripted

Invoke = Callable[..., Awaitable[Any]]

DEEP: dict[str, Any] = {}
for _ in range(70):
    DEEP = {"deeper": DEEP}

UNFIT: dict[str, tuple[Any, str]] = {
    "NaN": ({"action": "Refund", "payload": {"amount": float("nan")}}, "payload.amount: nan"),
    "bytes": ({"action": "Refund", "payload": {"key": b"\xff"}}, "payload.key: these bytes"),
    "too large": ({"action": "Refund", "payload": {"text": "x" * 270_000}}, "256|262,144"),
    "too deep": ({"action": "Refund", "payload": DEEP}, "payload.deeper.deeper"),
}


@pytest.mark.parametrize("name", UNFIT)
async def test_interrupt_goes_on_as_if_it_were_denied(
    bridge: Start, fake: FakeHandover, config: Any, name: str
) -> None:
    """`interrupt()` returns False, or with `full_answer` the reason; `refused="raise"` raises, and
    the thread stays where it is."""
    value, why = UNFIT[name]
    graph = parallel(only=asking(value))
    with pytest.raises(NotAskedError, match=why):
        await bridge(graph, refused="raise")("run", {}, config)
    assert graph.get_state(config).next == ("only",)
    with pytest.raises(ActionDenied, match=f"withdrawn by the agent: .*{why}"):
        await bridge(graph, denied="raise")("resume", config)
    assert (await bridge(graph)("resume", config))["done"] == [False]
    another = {"configurable": {"thread_id": "another"}}
    state = await bridge(parallel(only=asking(value)), to_value=full_answer)("run", {}, another)
    (answer,) = state["done"]
    assert (answer["permitted"], answer["payload"]) == (False, None)
    assert "Nobody was asked." in answer["reason"]
    assert fake.decisions == []


@tool
def refund(order: Any) -> str:
    """Refund an order."""
    return f"refunded {order}"


@pytest.mark.parametrize("mode", ["batched", "per_call"])
async def test_model_is_told_what_to_change(
    bridge: Start, fake: FakeHandover, config: Any, mode: Any
) -> None:
    """Of two tool calls the one is asked about and runs, and the other is answered to the model."""
    fake.approves()
    agent = create_agent(
        scripted(calls(("refund", {"order": float("inf")}), ("refund", {"order": 1142})), "Done."),
        tools=[refund],
        middleware=[HumanInTheLoopMiddleware({"refund": True}, interrupt_mode=mode)],
        checkpointer=InMemorySaver(),
    )
    state = await bridge(agent)("run", {"messages": [("user", "Refund.")]}, config)
    told = results(state)
    assert "Nobody was asked. order: inf is no number in JSON" in told["call0"].content
    assert told["call0"].status == "error"
    assert told["call1"].content == "refunded 1142"
    assert [each.payload for each in fake.decisions] == [{"order": 1142}]


async def test_what_the_runner_says_itself_is_raised(
    bridge: Start, fake: FakeHandover, config: Any
) -> None:
    """An approver who is none, or a timeout of nothing, is no fault of the graph's."""
    for settings, field in (({"approver": "nobody"}, "approver"), ({"timeout_minutes": 0}, "time")):
        runner = bridge(parallel(only=asking("Refund?")), **settings)
        with pytest.raises(InvalidRequestError, match=field):
            await runner("run", {}, config)
    assert fake.decisions == []


async def test_node_asks_nobody(
    client: Any, invoke: Invoke, fake: FakeHandover, config: Any
) -> None:
    """The node raises before anybody is asked, and names each field at fault."""
    half = ({"action": "Refund \ud83d", "context": "\udc00"}, "action: it has half.* context: it")
    for fields, why in (*UNFIT.values(), half):
        graph: Any = StateGraph(State)
        told: Any = {"approver": APPROVER, **fields}
        graph.add_node("approval", approval_node(client, **told))
        graph.add_edge(START, "approval")
        with pytest.raises(NotAskedError, match=why):
            await invoke(graph.compile(checkpointer=InMemorySaver()), {}, config)
    assert fake.decisions == []


async def test_long_texts_are_cut_where_the_approver_sees_it(
    bridge: Start, fake: FakeHandover, config: Any
) -> None:
    """An action that is too long stands whole in the context, and that ends with its digest."""
    fake.answers_by(lambda _: "stays_pending")
    graph = parallel(
        action=asking("Refund " + "x" * 3_000),
        context=asking({"action": "b", "why": "x" * 200_000}),
    )
    await bridge(graph, callback_url="https://agent.example.com/")("start", {}, config)
    cut, long = sorted(fake.decisions, key=lambda each: each.action)
    assert cut.action.endswith("…")
    assert (cut.context or "").startswith("Refund " + "x" * 3_000)
    assert "SHA-256" in (long.context or "")
