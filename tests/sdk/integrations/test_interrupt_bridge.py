"""Graphs with `interrupt()`, unchanged, and a person's answers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2
import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send, interrupt

from handover import (
    ActionDenied,
    AsyncHandoverClient,
    ConfigurationError,
    DecisionExpired,
)
from handover.integrations.langgraph import (
    ApprovalRunner,
    AsyncApprovalRunner,
    approval_node,
    full_answer,
)
from handover.testing import FakeHandover, Reply
from tests import web
from tests.sdk.integrations.conftest import APPROVER, Start
from tests.sdk.integrations.graphs import URL, State, asking, event, in_turn, parallel
from tests.sdk.service import as_asked, asked_by, decision
from tests.support import eventually


async def test_text_is_answered_with_yes(bridge: Start, fake: FakeHandover, config: Any) -> None:
    """A text is the action; approved, `interrupt()` returns True."""
    fake.approves()
    graph = parallel(only=asking("Refund order 1142?"))
    assert (await bridge(graph, urgency="high")("run", {}, config))["done"] == [True]
    (asked,) = fake.decisions
    assert (asked.action, asked.approver, asked.urgency) == ("Refund order 1142?", APPROVER, "high")
    assert asked.options == ["approve", "deny"]
    assert asked.enforce


async def test_payload_is_answered_with_what_may_run(
    bridge: Start, fake: FakeHandover, config: Any
) -> None:
    """A mapping may have a payload; `interrupt()` returns what the approver made of it."""
    fake.modifies({"amount": 20})
    question = {"action": "Refund", "context": "It broke.", "payload": {"amount": 49.9}, "risk": 3}
    result = await bridge(parallel(only=asking(question)))("run", {}, config)
    assert result["done"] == [{"amount": 20}]
    (asked,) = fake.decisions
    assert (asked.action, asked.payload) == ("Refund", {"amount": 49.9})
    assert asked.context == 'It broke.\n\n{\n  "risk": 3\n}'


NOT_PERMITTED = ["denies", "expires", "cancels"]


@pytest.mark.parametrize("fate", NOT_PERMITTED)
@pytest.mark.parametrize("question", ["Refund?", {"question": "Refund?", "payload": {"amount": 1}}])
async def test_no_is_false(
    bridge: Start, fake: FakeHandover, config: Any, fate: str, question: Any
) -> None:
    """What was denied, expired or was cancelled is False, so that `if interrupt(…)` is safe."""
    getattr(fake, fate)()
    result = await bridge(parallel(only=asking(question)))("run", {}, config)
    assert result["done"] == [False]


@pytest.mark.parametrize("fate", NOT_PERMITTED)
async def test_full_answer_says_why(
    bridge: Start, fake: FakeHandover, config: Any, fate: str
) -> None:
    """With `full_answer` a graph is told everything, as a mapping."""
    getattr(fake, fate)()
    runner = bridge(parallel(only=asking("Refund?")), to_value=full_answer)
    (answer,) = (await runner("run", {}, config))["done"]
    assert answer["permitted"] is False
    assert answer["payload"] is None
    assert "must not run" in answer["reason"]
    assert answer["id"] == fake.decisions[0].id


async def test_value_is_answered(bridge: Start, fake: FakeHandover, config: Any) -> None:
    """What is asked for a value returns the value; `to_request` says how to ask."""
    fake.answers(data={"chosen": "voucher"})
    choices = {"type": "choose", "choices": ["refund", "voucher"]}
    runner = bridge(
        parallel(only=asking("How?")),
        to_request=lambda value: {"action": f"{value} Choose.", "response_type": choices},
    )
    assert (await runner("run", {}, config))["done"] == ["voucher"]
    assert fake.decisions[0].action == "How? Choose."


@pytest.mark.parametrize(
    ("fate", "error"), [("denies", ActionDenied), ("expires", DecisionExpired)]
)
async def test_denial_is_raised_where_chosen(
    bridge: Start, fake: FakeHandover, config: Any, fate: str, error: type[ActionDenied]
) -> None:
    """With `denied="raise"` the graph stays where it is, and going on raises again."""
    getattr(fake, fate)()
    graph = parallel(only=asking("Refund?"))
    runner = bridge(graph, denied="raise")
    for call in (("run", {}, config), ("resume", config)):
        with pytest.raises(error):
            await runner(*call)
    assert len(fake.decisions) == 1
    assert graph.get_state(config).next == ("only",)


async def test_answers_come_in_any_order(bridge: Start, fake: FakeHandover, config: Any) -> None:
    """All that is pending is asked at once, and each answer lets its node go on, whichever comes
    first; what is asked later is asked too."""
    ran: list[Any] = []

    def twice(_: Any) -> Any:
        return {"done": [interrupt("c"), interrupt("c again")]}

    fake.answers_by(lambda _: "stays_pending")
    graph = parallel(a=asking("a", ran), b=asking("b", ran), c=twice)
    running = asyncio.ensure_future(bridge(graph)("run", {}, config))

    async def answer(action: str, choice: Any = "approve") -> None:
        def found() -> list[str]:
            return [each.id for each in fake.decisions if each.action == action]

        fake.answer((await eventually(found))[0], choice)

    await eventually(lambda: len(fake.decisions) == 3)
    await answer("b", "deny")
    await eventually(lambda: ran == ["b"])
    await answer("c")
    await answer("c again")
    await answer("a")
    assert sorted((await running)["done"]) == [False, True, True, True]
    assert sorted(each.action for each in fake.decisions) == ["a", "b", "c", "c again"]
    assert ran == ["b", "a"]


async def test_together_waits_for_all(bridge: Start, fake: FakeHandover, config: Any) -> None:
    """With `together=True` no paused node runs again before all have their answers."""
    begun: list[str] = []

    def node(name: str) -> Any:
        def begin(_: Any) -> Any:
            begun.append(name)
            return {"done": [interrupt(name)]}

        return begin

    fake.answers_by(lambda _: "stays_pending")
    runner = bridge(parallel(a=node("a"), b=node("b")), together=True)
    running = asyncio.ensure_future(runner("run", {}, config))
    await eventually(lambda: len(fake.decisions) == 2)
    for asked in fake.decisions:
        fake.answer(asked.id)
    assert (await running)["done"] == [True, True]
    assert sorted(begun) == ["a", "a", "b", "b"]


async def test_same_question_twice_is_two_decisions(
    bridge: Start, fake: FakeHandover, config: Any
) -> None:
    """A node that asks the same twice, and a loop that comes back to it, ask a person each time."""

    def node(_: Any) -> Any:
        return {"done": [interrupt("Sure?"), interrupt("Sure?")]}

    graph: Any = StateGraph(State)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    graph.add_conditional_edges("node", lambda state: "node" if len(state["done"]) < 4 else END)
    for _ in range(4):
        fake.approves()
    runner = bridge(graph.compile(checkpointer=InMemorySaver()))
    assert (await runner("run", {}, config))["done"] == [True] * 4
    assert len(fake.decisions) == 4


async def test_subgraphs_and_fan_out(bridge: Start, fake: FakeHandover, config: Any) -> None:
    """Each branch of a `Send` into a subgraph asks for itself, with its own answer."""
    inner: Any = StateGraph(State)
    inner.add_node("ask", lambda state: {"done": [(state["done"][0], interrupt(state["done"][0]))]})
    inner.add_edge(START, "ask")
    outer: Any = StateGraph(State)
    outer.add_node("inner", inner.compile())
    outer.add_conditional_edges(
        START, lambda _: [Send("inner", {"done": [name]}) for name in "abc"], ["inner"]
    )
    fake.answers_by(lambda asked: Reply(choice="deny" if asked.action == "b" else "approve"))
    graph = outer.compile(checkpointer=InMemorySaver())
    done = (await bridge(graph)("run", {}, config))["done"]
    answers = dict(each for each in done if not isinstance(each, str))
    assert answers == {"a": True, "b": False, "c": True}
    assert len(fake.decisions) == 3


async def test_fails_closed(bridge: Start, fake: FakeHandover, config: Any) -> None:
    """A node that raises leaves the thread as it is; resumed, it runs with the same answer."""
    fails = [RuntimeError("the bank is closed")]

    def node(_: Any) -> Any:
        answer = interrupt("Refund?")
        if fails:
            raise fails.pop()
        return {"done": [answer]}

    fake.approves()
    runner = bridge(parallel(only=node))
    with pytest.raises(RuntimeError, match="the bank is closed"):
        await runner("run", {}, config)
    assert (await runner("resume", config))["done"] == [True]
    assert len(fake.decisions) == 1
    assert (await runner("resume", config))["done"] == [True]


async def test_resume_finishes_what_no_person_holds_up(
    bridge: Start, fake: FakeHandover, config: Any
) -> None:
    """A node that failed beside or behind a question runs again on `resume`."""
    fails = [RuntimeError("later"), RuntimeError("now")]

    def after(_: Any) -> Any:
        if fails:
            raise fails.pop()
        return {"done": ["after"]}

    fake.approves()
    runner = bridge(in_turn(asking("Refund?"), after))
    for call in (("run", {}, config), ("resume", config)):
        with pytest.raises(RuntimeError):
            await runner(*call)
    assert (await runner("resume", config))["done"] == [True, "after"]


async def test_breakpoint_is_not_passed(bridge: Start, fake: FakeHandover, config: Any) -> None:
    """A static breakpoint is somebody's own: neither `run` nor `resume` goes past it."""
    fake.approves()
    graph: Any = StateGraph(State)
    graph.add_sequence([("ask", asking("Refund?")), ("refund", lambda _: {"done": ["refunded"]})])
    graph.add_edge(START, "ask")
    runner = bridge(graph.compile(checkpointer=InMemorySaver(), interrupt_before=["refund"]))
    assert (await runner("run", {}, config))["done"] == [True]
    assert (await runner("resume", config))["done"] == [True]


async def test_node_and_bridge_in_one_graph(
    bridge: Start, client: Any, fake: FakeHandover, config: Any
) -> None:
    """An approval node and `interrupt()` work in one graph, beside and behind one another."""
    node = approval_node(client, action="node", approver=APPROVER, payload={"amount": 1})
    fake.answers_by(lambda _: Reply(choice="approve"))
    graph: Any = StateGraph(State)
    graph.add_node("node", node)
    graph.add_node("beside", asking("beside"))
    graph.add_node("behind", asking("behind"))
    graph.add_edge(START, "node")
    graph.add_edge(START, "beside")
    graph.add_edge(["node", "beside"], "behind")
    result = await bridge(graph.compile(checkpointer=InMemorySaver()))("run", {}, config)
    assert (result["done"], result["permitted"]) == ([True, True], {"amount": 1})
    assert sorted(each.action for each in fake.decisions) == ["behind", "beside", "node"]


async def test_callbacks_go_on_with_nothing_waiting(
    bridge: Start, fake: FakeHandover, config: Any
) -> None:
    """`start` asks and returns; each callback finds its thread and goes on, in another process too;
    one that comes again does nothing."""
    ran: list[Any] = []
    fake.answers_by(lambda _: "stays_pending")
    saver = InMemorySaver()

    def runner() -> Any:
        return bridge(parallel(saver, a=asking("a", ran), b=asking("b", ran)), callback_url=URL)

    assert len((await runner()("start", {}, config))["__interrupt__"]) == 2
    a, b = sorted(fake.decisions, key=lambda each: each.action)
    assert await runner()("handle_callback", event(a)) is not None  # pending: nothing to go on with
    answered = fake.answer(b.id)
    for _ in range(2):
        await runner()("handle_callback", event(answered))
        assert ran == ["b"]
    answered = fake.answer(a.id, "deny")
    result = await runner()("handle_callback", event(answered))
    assert sorted(result["done"]) == [False, True]
    assert ran == ["b", "a"]
    await runner()("handle_callback", event(answered))
    assert ran == ["b", "a"]
    assert len(fake.decisions) == 2


async def test_callbacks_at_once_run_each_node_once(
    bridge: Start, fake: FakeHandover, config: Any
) -> None:
    """Callbacks that come at the same time do not run a node twice."""
    ran: list[Any] = []
    fake.answers_by(lambda _: "stays_pending")
    names = [f"n{index}" for index in range(5)]
    graph = parallel(**{name: asking(name, ran) for name in names})
    runner = bridge(graph, callback_url=URL)
    await runner("start", {}, config)
    answered = [fake.answer(asked.id) for asked in fake.decisions]
    await asyncio.gather(*(runner("handle_callback", event(each)) for each in answered))
    assert sorted(ran) == names


async def test_callback_of_another_decision(bridge: Start, fake: FakeHandover) -> None:
    """A decision that no runner asked for is none of its business."""
    fake.approves()
    other = fake.client().decisions.create(action="Other", approver=APPROVER)
    assert await bridge(parallel(only=asking("a")))("handle_callback", event(other)) is None


async def test_start_takes_a_callback_url(bridge: Start, config: Any) -> None:
    """Nobody would go on without one."""
    with pytest.raises(ConfigurationError, match="callback_url"):
        await bridge(parallel(only=asking("a")))("start", {}, config)


def test_misuse_is_refused(fake: FakeHandover) -> None:
    """Without a checkpointer or a thread, or with a keyword that is none, an error says so."""
    graph: Any = StateGraph(State)
    graph.add_node("only", asking("a"))
    graph.add_edge(START, "only")
    with pytest.raises(ConfigurationError, match="checkpointer"):
        ApprovalRunner(graph.compile(), fake.client(), approver=APPROVER)
    runner: Any = ApprovalRunner
    with pytest.raises(TypeError, match="model"):
        runner(parallel(only=asking("a")), fake.client(), approver=APPROVER, model=APPROVER)
    with pytest.raises(ConfigurationError, match="thread_id"):
        ApprovalRunner(parallel(only=asking("a")), fake.client(), approver=APPROVER).run({}, {})


async def test_unknown_status_is_no(config: Any) -> None:
    """What this version does not understand resumes the graph as a denial."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        told = decision("from_the_future", enforce=True, action_permitted=True, approved=True)
        asked = asked_by(json.loads(request.content or b"{}"), request.headers)
        return httpx2.Response(201, json=as_asked(told, asked))

    async with web.client(transport=httpx2.MockTransport(answer)) as http_client:
        client = AsyncHandoverClient("ho_key", http_client=http_client)
        runner = AsyncApprovalRunner(parallel(only=asking("a")), client, approver=APPROVER)
        assert (await runner.run({}, config))["done"] == [False]
