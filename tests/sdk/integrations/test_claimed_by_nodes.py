"""What a node permits that asks by itself, and what a model is told by its tool: claimed once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from langchain.agents import create_agent
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode

from handover import AlreadyClaimed, ArgumentsRefused, ConfigurationError
from handover.integrations.langchain import request_human_approval
from handover.integrations.langgraph import approval_node, executing
from handover.testing import FakeHandover, Reply
from tests.sdk.integrations.conftest import APPROVER
from tests.sdk.integrations.graphs import in_turn
from tests.sdk.integrations.models import calls, results, scripted
from tests.sdk.integrations.records import all_runs, by_action, runs
from tests.support import eventually

Invoke = Callable[..., Awaitable[Any]]


def gate(client: Any, **settings: Any) -> Any:
    return approval_node(
        client, **{"action": "yes", "approver": APPROVER, "payload": {"amount": 1}} | settings
    )


async def test_approval_node_claims_for_its_graph(
    client: Any, invoke: Invoke, fake: FakeHandover, config: Any
) -> None:
    """Its state has the claim; what the nodes behind it do nobody knows, so that no end is told.
    A node that failed goes on with its own."""
    fails = [OSError("away")]

    def update(_: Any, decision: Any) -> Any:
        if fails:
            raise fails.pop()
        return {"decision": decision.model_dump(mode="json")}

    fake.answers_by(by_action)
    graph = in_turn(
        gate(client),
        gate(client, action="no"),
        gate(client, action="twice", once=False),
        gate(client, action="fails", to_update=update),
    )
    with pytest.raises(OSError, match="away"):
        await invoke(graph, {}, config)
    state = await invoke(graph, None, config)
    assert state["decision"]["execution"]["status"] == "claimed"
    assert {action: [what for what, _ in ran] for action, ran in all_runs(fake).items()} == {
        "yes": ["claimed"],
        "no": [],
        "twice": [],
        "fails": ["claimed", "claimed_again"],
    }


async def test_second_worker_at_an_approval_node(
    client: Any, invoke: Invoke, fake: FakeHandover, config: Any
) -> None:
    """Two that wait in the same node for the same answer: one goes on."""
    entered: list[Any] = []
    ran: list[Any] = []
    fake.answers_by(lambda _: "stays_pending")
    node = gate(client, action=lambda _: entered.append(1) or "yes")
    graph = in_turn(node, lambda _: ran.append(1) or {}, interrupt_before=["node0"])
    await invoke(graph, {}, config)
    one = asyncio.ensure_future(invoke(graph, None, config))
    await eventually(lambda: fake.decisions)
    other = asyncio.ensure_future(invoke(graph, None, config))
    await eventually(lambda: len(entered) == 2)
    fake.answer(fake.decisions[0].id)
    came = await asyncio.gather(one, other, return_exceptions=True)
    assert [type(each) for each in came if isinstance(each, Exception)] == [AlreadyClaimed]
    assert (ran, runs(fake)) == ([1], [("claimed", None)])


def executed(client: Any, kind: str, ran: list[Any], fails: list[Exception]) -> Any:
    """A node that runs what an approval node has permitted."""

    def act(state: Any) -> Any:
        ran.append(state["permitted"])
        if fails:
            raise fails.pop()
        return {"done": ["acted"]}

    def blocking(state: Any) -> Any:
        with executing(client, state["decision"]) as run:
            run.result = "refund re_1148"
            return act(state)

    async def asynchronous(state: Any) -> Any:
        async with executing(client, state["decision"]) as run:
            run.result = "refund re_1148"
            return act(state)

    return blocking if kind == "blocking" else asynchronous


async def test_node_that_executes_claims_and_reports(
    client: Any, kind: str, invoke: Invoke, fake: FakeHandover, config: Any
) -> None:
    """It runs again where it has failed, and never in a replay from behind the approval."""
    ran: list[Any] = []
    fails: list[Exception] = [OSError("away")]
    fake.answers_by(by_action)
    graph = in_turn(gate(client, once=False), executed(client, kind, ran, fails))
    with pytest.raises(OSError, match="away"):
        await invoke(graph, {}, config)
    assert (await invoke(graph, None, config))["done"] == ["acted"]
    assert runs(fake) == [
        *(("claimed", None), ("failed", "OSError")),
        *(("claimed_again", None), ("succeeded", "refund re_1148")),
    ]
    past = [each.config for each in graph.get_state_history(config) if each.next == ("node1",)]
    with pytest.raises(AlreadyClaimed, match="and has succeeded"):
        await invoke(graph, None, past[-1])
    assert ran == [{"amount": 1}] * 2
    graph = in_turn(gate(client), executed(client, kind, ran, fails))
    with pytest.raises(ConfigurationError, match="once=False"):
        await invoke(graph, {}, {"configurable": {"thread_id": "another"}})


async def test_change_that_cannot_run_is_told_the_approver(
    client: Any, invoke: Invoke, fake: FakeHandover, config: Any
) -> None:
    """By the record, and by the page that shows it: once, with the reason, however often the node
    runs; and where nothing is to be claimed not at all."""
    fake.answers_by(lambda _: Reply(choice="modify", data={"payload": {"amount": "cheap"}}))
    for once, told in ((True, ["claimed", "failed"]), (False, [])):
        settings: Any = {"payload": {"amount": Decimal("49.90")}, "denied": "raise", "once": once}
        graph = in_turn(gate(client, **settings))
        with pytest.raises(ArgumentsRefused):
            await invoke(graph, {}, config)
        with pytest.raises(ArgumentsRefused):
            await invoke(graph, None, config)
        ran = runs(fake, len(fake.decisions) - 1)
        assert [what for what, _ in ran] == told
        for _, why in ran[1:]:
            assert str(why).startswith("It has not run: the approver's amount does not fit: ")


async def test_model_that_asks_is_told_once(
    client: Any, invoke: Invoke, fake: FakeHandover, config: Any
) -> None:
    """The same words twice in one task are one question, and of its approval the model hears once;
    in tasks of their own they are two."""
    fake.answers_by(by_action)
    for once, told in ((True, {"Approved by", "Not approved"}), (False, {"Approved by"})):
        ask = request_human_approval(client, approver=APPROVER, once=once)
        call = (ask.name, {"action": f"Refund, {once=}"})
        graph: Any = StateGraph(MessagesState)
        graph.add_node("tools", ToolNode([ask]))
        graph.add_edge(START, "tools")
        one_by_one: Any = {"max_concurrency": 1}
        state = await invoke(graph.compile(), {"messages": [calls(call, call)]}, one_by_one)
        assert {str(each.content)[:12].strip() for each in results(state).values()} == told
    agent = create_agent(scripted(calls(call, call), "Done."), [ask], checkpointer=InMemorySaver())
    await invoke(agent, {"messages": [("user", "Refund.")]}, config)
    assert [runs(fake, number) for number in range(4)] == [[("claimed", None)], [], [], []]
