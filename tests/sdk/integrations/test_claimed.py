"""One approval, one run: what the graph goes on with is claimed, and its record says how the node
that asked has ended."""

from __future__ import annotations

import asyncio
import copy
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import interrupt

from handover import AlreadyClaimed, ArgumentsRefused
from handover.integrations.langgraph import executing, full_answer
from handover.testing import FakeHandover, Reply
from tests.sdk.integrations.conftest import Start
from tests.sdk.integrations.graphs import URL, asking, event, inside, item, parallel
from tests.sdk.integrations.models import calls, scripted
from tests.sdk.integrations.records import Ran, all_runs, by_action, ended, runs
from tests.sdk.served import served
from tests.support import eventually

Invoke = Callable[..., Awaitable[Any]]


@pytest.mark.parametrize("wrap", [lambda node: node, inside], ids=["a node", "in a subgraph"])
async def test_what_is_permitted_is_claimed(
    bridge: Start, fake: FakeHandover, config: Any, wrap: Any
) -> None:
    """While its node runs, and told when that has ended; of what is denied there is no word."""
    seen: list[Any] = []

    def node(_: Any) -> Any:
        answer = interrupt("yes")
        seen.append(fake.decisions[0].execution)
        return {"done": [answer]}

    fake.answers_by(by_action)
    graph = parallel(one=wrap(node), two=asking("no"))
    assert sorted((await bridge(graph)("run", {}, config))["done"]) == [False, True]
    (execution,) = [each for each in seen if each]
    assert (execution.status, f"process {os.getpid()}" in execution.worker) == ("claimed", True)
    name = "one" if wrap is not inside else "inner"
    assert all_runs(fake) == {"yes": ended(name), "no": []}


async def test_with_nothing_waiting(bridge: Start, fake: FakeHandover, config: Any) -> None:
    """By callbacks, each in a runner of its own, and one that comes again."""
    fake.answers_by(lambda _: "stays_pending")
    graph = parallel(one=asking("one"), two=asking("two"))
    await bridge(graph, callback_url=URL)("start", {}, config)
    for asked in fake.decisions:
        answered = event(fake.answer(asked.id))
        for _ in range(2):
            await bridge(graph, callback_url=URL)("handle_callback", answered)
    assert all_runs(fake) == {"one": ended("one"), "two": ended("two")}


async def test_not_where_it_may_run_twice(bridge: Start, fake: FakeHandover, config: Any) -> None:
    """With `once=False` the node may claim by itself."""
    fake.answers_by(by_action)
    ran: list[Any] = []

    def node(_: Any) -> Any:
        answer = interrupt("yes")
        with executing(fake.client(), answer) as run:
            run.result = "refund re_1148"
            ran.append(run.decision.action)
        return {"done": [True]}

    await bridge(parallel(only=node), once=False, to_value=full_answer)("run", {}, config)
    assert (ran, runs(fake)) == (["yes"], [("claimed", None), ("succeeded", "refund re_1148")])
    await bridge(parallel(only=asking("yes")), once=False)("run", {}, config)
    assert runs(fake, 1) == []


@pytest.mark.parametrize("wrap", [lambda node: node, inside], ids=["a node", "in a subgraph"])
@pytest.mark.parametrize("again", ["resume", "run", "handle_callback"])
async def test_node_that_fails_runs_again(
    bridge: Start, fake: FakeHandover, config: Any, again: str, wrap: Any
) -> None:
    """The record has each run, and of an error no words; whoever else holds it by now keeps it."""
    fails: list[Exception] = [OSError("the secret network is away"), KeyError("still")]

    def node(_: Any) -> Any:
        answer = interrupt("Refund?")
        if fails:
            raise fails.pop()
        return {"done": [answer]}

    fake.answers_by(by_action)
    graph = parallel(only=wrap(node))
    with pytest.raises(KeyError):
        await bridge(graph)("run", {}, config)
    failed = [("claimed", None), ("failed", "KeyError")]
    assert runs(fake) == failed
    settings: dict[str, Any] = {}
    call: tuple[Any, ...] = ("resume", config)
    if again == "run":
        call = ("run", None, config)
    elif again == "handle_callback":
        settings, call = {"callback_url": URL}, ("handle_callback", event(fake.decisions[0]))
    with pytest.raises(OSError, match="away"):
        await bridge(graph, **settings)(*call)
    assert (await bridge(graph, **settings)(*call))["done"] == [True]
    assert [what for what, _ in runs(fake)] == [
        *("claimed", "failed"),
        *("claimed_again", "failed"),
        *("claimed_again", "succeeded"),
    ]


async def test_beside_a_node_that_fails(bridge: Start, fake: FakeHandover, config: Any) -> None:
    """Each node's record is its own."""
    fails: list[Exception] = [OSError("away")]

    def failing(_: Any) -> Any:
        answer = interrupt("failing")
        if fails:
            raise fails.pop()
        return {"done": [answer]}

    fake.answers_by(lambda _: "stays_pending")
    graph = parallel(failing=failing, well=asking("well"))
    await bridge(graph, callback_url=URL)("start", {}, config)
    answered = [event(fake.answer(each.id)) for each in fake.decisions]
    with pytest.raises(OSError, match="away"):
        await bridge(graph, callback_url=URL)("handle_callback", answered[0])
    await bridge(graph, callback_url=URL)("handle_callback", answered[1])
    told = all_runs(fake)
    assert [what for what, _ in told["failing"]] == [
        *("claimed", "failed"),
        *("claimed_again", "succeeded"),
    ]
    # In an event loop LangGraph ends the other node, which may run once more.
    assert {told["well"][0], told["well"][-1]} == set(ended("well"))
    assert len(told["well"]) < 4


class Away(InMemorySaver):
    """A checkpointer that cannot be read once it is away."""

    is_away = False

    def get_tuple(self, config: Any) -> Any:
        if self.is_away:
            raise OSError("the checkpointer is away")
        return super().get_tuple(config)

    async def aget_tuple(self, config: Any) -> Any:
        return self.get_tuple(config)


async def test_what_the_graph_raises_is_raised(
    bridge: Start, fake: FakeHandover, config: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where nothing can be told then; the thread goes on when that is over."""
    saver = Away()

    def node(_: Any) -> Any:
        answer = interrupt("Refund?")
        if not caplog.records:
            saver.is_away = True
            raise KeyError("order")
        return {"done": [answer]}

    fake.answers_by(by_action)
    graph = parallel(saver, only=node)
    with pytest.raises(KeyError, match="order"):
        await bridge(graph)("run", {}, config)
    assert "the checkpointer is away" in caplog.text
    saver.is_away = False
    assert (await bridge(graph)("resume", config))["done"] == [True]
    assert [what for what, _ in runs(fake)] == ["claimed", "claimed_again", "succeeded"]


@pytest.mark.parametrize("last", ["approve", "deny"])
async def test_several_questions_of_one_node(
    bridge: Start, fake: FakeHandover, config: Any, last: Any
) -> None:
    """What it has had answers of ends when the node does, whichever process that is in, and with
    whatever answer to its last question."""

    def node(_: Any) -> Any:
        return {"done": [interrupt("one"), interrupt("two"), interrupt("three")]}

    fake.answers_by(lambda _: "stays_pending")
    saver = InMemorySaver()
    state = await bridge(parallel(saver, only=node), callback_url=URL)("start", {}, config)
    for number, choice in enumerate(("approve", "approve", last)):
        assert [runs(fake, before) for before in range(number)] == [[("claimed", None)]] * number
        answered = event(fake.answer(fake.decisions[number].id, choice))
        graph = parallel(saver, only=node)
        state = await bridge(graph, callback_url=URL)("handle_callback", answered)
    assert state["done"] == [True, True, last == "approve"]
    third = ended("only") if last == "approve" else []
    assert all_runs(fake) == {"one": ended("only"), "two": ended("only"), "three": third}


async def test_several_questions_of_a_node_that_fails(
    bridge: Start, fake: FakeHandover, config: Any
) -> None:
    """All that it has had answers of has failed with it, and runs again with it."""
    fails: list[Exception] = [OSError("away")]

    def node(_: Any) -> Any:
        answers = [interrupt("one"), interrupt("no"), interrupt("three")]
        if fails:
            raise fails.pop()
        return {"done": answers}

    fake.answers_by(by_action)
    graph = parallel(only=node)
    with pytest.raises(OSError, match="away"):
        await bridge(graph)("run", {}, config)
    assert (await bridge(graph)("resume", config))["done"] == [True, False, True]
    told = [("claimed", None), ("failed", "OSError"), ("claimed_again", None), ended("only")[1]]
    assert all_runs(fake) == {"one": told, "no": [], "three": told}


class Held:
    """A node that asks, and then stays until it is told to go on."""

    def __init__(self) -> None:
        self.ran: list[Any] = []
        self.go_on = threading.Event()

    def __call__(self, _: Any) -> Any:
        answer = interrupt("Refund?")
        self.ran.append(answer)
        assert self.go_on.wait(30)
        return {"done": [answer]}

    async def awaited(self, _: Any) -> Any:
        return await asyncio.to_thread(copy.copy(self.__call__), _)


def another_worker(graph: Any) -> Any:
    """The same graph with a checkpointer of its own on the same data, as another process has it."""
    other = copy.copy(graph)
    other.checkpointer = copy.copy(graph.checkpointer)
    return other


@pytest.mark.parametrize("call", ["resume", "handle_callback"])
async def test_second_worker_is_refused(
    bridge: Start, kind: str, fake: FakeHandover, config: Any, call: str
) -> None:
    """In words, with who has it and since when; and once the first has gone on it returns the
    thread as it stands."""
    held = Held()
    node = held if kind == "blocking" else held.awaited
    fake.answers_by(by_action)
    graph = parallel(only=node)
    first = asyncio.ensure_future(bridge(graph)("run", {}, config))
    await eventually(lambda: held.ran)
    settings = {"callback_url": URL} if call == "handle_callback" else {}
    second = bridge(another_worker(graph), **settings)
    given = event(fake.decisions[0]) if call == "handle_callback" else config
    with pytest.raises(AlreadyClaimed) as refused:
        await second(call, given)
    execution = fake.decisions[0].execution
    assert execution
    said = f"claimed by agent ({execution.worker}) at {execution.claimed_at:%Y-%m-%d %H:%M:%S}"
    assert said in str(refused.value)
    assert "who has not said how that ended" in str(refused.value)
    held.go_on.set()
    await first
    assert (await second(call, given))["done"] == [True]
    assert (held.ran, runs(fake)) == ([True], ended("only"))


@pytest.mark.parametrize("way", ["a lock", "given back"])
async def test_worker_on_another_machine(
    bridge: Start, fake: FakeHandover, config: Any, way: str
) -> None:
    """Nobody here knows whether it lives. It keeps the thread, and another answer is not claimed
    for nothing, unless a lock that all share keeps it out, or whoever knows better gives it back.
    """
    fake.answers_by(lambda _: "stays_pending")
    graph = parallel(one=asking("one"), two=asking("two"))
    await bridge(graph, callback_url=URL)("start", {}, config)
    one, _ = sorted((fake.answer(each.id) for each in fake.decisions), key=lambda at: at.action)
    elsewhere = f"{one.idempotency_key}.{'0' * 16}.1.0"
    fake.client().decisions.claim(one.id, claim_id=elsewhere, worker="worker-7")
    with pytest.raises(AlreadyClaimed, match=r"\(worker-7\)"):
        await bridge(graph)("resume", config)
    assert [what for what, _ in all_runs(fake)["two"]] == ["claimed", "given_back"]
    settings: dict[str, Any] = {"lock": lambda _: nullcontext()}
    if way == "given back":
        fake.client().decisions.done(one.id, "not_run", claim_id=elsewhere)
        settings = {}
    assert (await bridge(graph, **settings)("resume", config))["done"] == [True, True]
    told = {action: [what for what, _ in ran] for action, ran in all_runs(fake).items()}
    assert told["two"] == ["claimed", "given_back", "claimed", "succeeded"]
    assert told["one"][0] == "claimed"
    assert told["one"][1:] == (
        ["claimed_again", "succeeded"]
        if way == "a lock"
        else ["given_back", "claimed", "succeeded"]
    )


PROGRAM = """
import os, signal, sqlite3, sys
from typing import Any, TypedDict
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from handover import HandoverClient
from handover.integrations.langgraph import ApprovalRunner, approval_node, executing

class State(TypedDict, total=False):
    decision: Any
    done: Any

asking = {"approver": "approver@example.com", "action": "execute"}
config = {"configurable": {"thread_id": "one"}}

def go_on(dies):
    client = HandoverClient()

    def die(where):
        if where == dies:
            os.kill(os.getpid(), signal.SIGKILL)

    def update(state, decision):
        die("approval")
        return {"decision": {"id": decision.id}}

    def execute(state):
        with executing(client, state["decision"]):
            die("execute")
        return {"done": "executed"}

    def refund(state):
        answer = interrupt("refund")
        die("refund")
        return {"done": [state["done"], answer]}

    graph = StateGraph(State)
    graph.add_sequence([
        ("claimed", approval_node(client, **asking | {"action": "approval"}, to_update=update)),
        ("approval", approval_node(client, **asking, once=False)),
        ("execute", execute),
        ("refund", refund),
    ])
    graph.add_edge(START, "claimed")
    saver = SqliteSaver(sqlite3.connect(sys.argv[1], check_same_thread=False))
    runner = ApprovalRunner(graph.compile(checkpointer=saver), client, approver=asking["approver"])
    print((runner.run({}, config) if dies == "approval" else runner.resume(config))["done"])

for dies in ("approval", "execute", "refund"):
    if child := os.fork():
        print(dies, os.WTERMSIG(os.waitpid(child, 0)[1]))
    else:
        go_on(dies)
        os._exit(1)
go_on(None)
"""


def test_goes_on_after_a_process_has_died(fake: FakeHandover, tmp_path: Path) -> None:
    """Killed in an approval node, in one that executes and in one that asked: whoever resumes the
    thread has their claims, and the record shows that they may have run before."""
    fake.answers_by(by_action)
    with served(fake) as environment:
        command = [sys.executable, "-c", PROGRAM, str(tmp_path / "checkpoints.sqlite")]
        ran = subprocess.run(
            command, env=os.environ | environment, capture_output=True, text=True, check=False
        )
    died = [f"{where} {int(signal.SIGKILL)}" for where in ("approval", "execute", "refund")]
    assert ran.stdout.splitlines() == [*died, "['executed', True]"], ran.stderr
    told = {action: [what for what, _ in ran] for action, ran in all_runs(fake).items()}
    assert told == {
        "approval": ["claimed", "claimed_again"],
        "execute": ["claimed", "claimed_again", "succeeded"],
        "refund": ["claimed", "claimed_again", "succeeded"],
    }


@tool
def refund(order: int) -> str:
    """Refund an order."""
    if order == 13:
        raise OSError("away")
    return f"refunded {order}"


def agent_of(mode: Any, *orders: int) -> Any:
    return create_agent(
        scripted(calls(*(("refund", {"order": order}) for order in orders)), "Done."),
        tools=[refund],
        middleware=[HumanInTheLoopMiddleware({"refund": True}, interrupt_mode=mode)],
        checkpointer=InMemorySaver(),
    )


REFUND: Any = {"messages": [("user", "Refund.")]}


@pytest.mark.parametrize(
    ("mode", "node"), [("batched", "HumanInTheLoopMiddleware.after_model"), ("per_call", "tools")]
)
async def test_tool_calls(
    bridge: Start, fake: FakeHandover, config: Any, mode: str, node: str
) -> None:
    """Those are claimed that run: what is denied, or answered in the tool's place, runs not."""
    replies = {
        1: Reply(choice="approve"),
        2: Reply(choice="deny"),
        3: Reply(choice="approve", data={"respond": "Ask her first."}),
        4: Reply(choice="modify", data={"payload": {"order": 5}}),
    }
    fake.answers_by(lambda asked: replies[(asked.payload or {})["order"]])
    await bridge(agent_of(mode, *replies), together=True)("run", REFUND, config)
    told = {(each.payload or {})["order"]: runs(fake, n) for n, each in enumerate(fake.decisions)}
    assert told == {1: ended(node), 2: [], 3: [], 4: ended(node)}


@pytest.mark.parametrize(
    ("mode", "told"),
    [("batched", [("claimed", None)]), ("per_call", [("claimed", None), ("failed", "OSError")])],
)
async def test_tool_that_fails(
    bridge: Start, fake: FakeHandover, config: Any, mode: str, told: Ran
) -> None:
    """The node that asks about several calls has ended when they run: of how they ended it does not
    know, and nothing is told."""
    fake.answers_by(by_action)
    with pytest.raises(OSError, match="away"):
        await bridge(agent_of(mode, 13))("run", REFUND, config)
    assert runs(fake) == told


async def test_what_agent_inbox_runs(bridge: Start, fake: FakeHandover, config: Any) -> None:
    """What is accepted or edited, and not what is answered or ignored."""
    replies = {
        "accept": Reply(choice="approve"),
        "ignore": Reply(choice="deny"),
        "respond": Reply(choice="approve", data={"respond": "Ask her first."}),
    }
    fake.answers_by(lambda asked: replies[asked.action])
    items = [item("accept", "ignore", "respond", action=action) for action in replies]
    await bridge(parallel(only=asking(items)))("run", {}, config)
    assert all_runs(fake) == {"accept": ended("only"), "ignore": [], "respond": []}


@pytest.mark.parametrize("denied", ["resume", "raise"])
async def test_change_that_cannot_run_is_told_the_approver(
    bridge: Start, fake: FakeHandover, config: Any, denied: Any
) -> None:
    """By the record, and by the page that shows it: once, with the reason, however often the thread
    is resumed; and where nothing is to be claimed not at all."""
    fake.answers_by(lambda _: Reply(choice="modify", data={"payload": {"amount": "cheap"}}))
    for once, told in ((True, ["claimed", "failed"]), (False, [])):
        graph = parallel(only=asking({"action": "Pay", "payload": {"amount": Decimal("49.90")}}))
        runner = bridge(graph, denied=denied, once=once)
        for call in (("run", {}, config), ("resume", config)):
            with pytest.raises(ArgumentsRefused) if denied == "raise" else nullcontext():
                assert (await runner(*call))["done"] == [False]
        ran = runs(fake, len(fake.decisions) - 1)
        assert [what for what, _ in ran] == told
        for _, why in ran[1:]:
            assert str(why).startswith("It has not run: the approver's amount does not fit: ")


async def test_node_that_fails_with_a_change_that_cannot_run(
    bridge: Start, fake: FakeHandover, config: Any
) -> None:
    """It runs again, and what has not run then has not run."""
    fails: list[Exception] = [OSError("away")]

    def node(_: Any) -> Any:
        answer = interrupt({"action": "Pay", "payload": {"amount": Decimal(1)}})
        if fails:
            raise fails.pop()
        return {"done": [answer]}

    fake.modifies({"amount": "cheap"})
    graph = parallel(only=node)
    with pytest.raises(OSError, match="away"):
        await bridge(graph)("run", {}, config)
    assert (await bridge(graph)("resume", config))["done"] == [False]
    assert [what for what, _ in runs(fake)] == ["claimed", "failed"]


async def test_change_that_the_tool_refuses_is_told_the_approver(
    bridge: Start, fake: FakeHandover, config: Any
) -> None:
    """Where LangGraph does not take it."""
    fake.modifies({"order": "all of them"})
    await bridge(agent_of("per_call", 1))("run", REFUND, config)
    (claimed, (ended, why)) = runs(fake)
    assert (claimed[0], ended) == ("claimed", "failed")
    assert str(why).startswith("The approver's change does not fit the tool, which has not run")
