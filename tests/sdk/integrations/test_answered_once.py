"""An answer is given once, to the question that it was given for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt

from handover import ConfigurationError, Decision
from handover.testing import FakeHandover, Reply
from tests.sdk.integrations.conftest import APPROVER, Start
from tests.sdk.integrations.graphs import (
    URL,
    State,
    asking,
    event,
    in_turn,
    inside,
    parallel,
)

TEST, PRODUCTION = "Delete the test database", "Delete the PRODUCTION database"


def asking_twice(fails: list[Exception]) -> Any:
    """A node that asks, fails as often as it is told to, and asks again."""

    def node(_: Any) -> Any:
        first = interrupt(TEST)
        if fails:
            raise fails.pop()
        return {"done": [f"{TEST}: {first}", f"{PRODUCTION}: {interrupt(PRODUCTION)}"]}

    return node


def beside(fails: list[Exception]) -> Any:
    """Two nodes in one step: one asks twice, and the other fails in the middle of it."""

    def failing(_: Any) -> Any:
        if interrupt("Beside") and fails:
            raise fails.pop()
        return {}

    return parallel(node=asking_twice([]), failing=failing)


SHAPES: dict[str, Callable[[list[Exception]], Any]] = {
    "a node": lambda fails: parallel(only=asking_twice(fails)),
    "a node of a subgraph": lambda fails: parallel(only=inside(asking_twice(fails))),
    "two levels down": lambda fails: parallel(only=inside(inside(asking_twice(fails)))),
    "behind a breakpoint": lambda fails: in_turn(
        asking_twice(fails), lambda _: {}, interrupt_before=["node1"]
    ),
    "beside": beside,
    "a subgraph beside": lambda fails: parallel(
        only=inside(asking_twice([])), failing=asking_twice(fails)
    ),
}


def denies_production(asked: Decision) -> Reply:
    return Reply(choice="deny" if asked.action == PRODUCTION else "approve")


@pytest.mark.parametrize("shape", SHAPES)
async def test_answer_is_not_the_next_questions(
    bridge: Start, fake: FakeHandover, config: Any, shape: str
) -> None:
    """A node failed behind its answer, also twice: resumed, it has that answer, and what it asks
    next is asked of somebody."""
    fails: list[Exception] = [RuntimeError("the network is away"), RuntimeError("still away")]
    fake.answers_by(denies_production)
    runner = bridge(SHAPES[shape](fails))
    for call in (("run", {}, config), ("resume", config)):
        with pytest.raises(RuntimeError, match="away"):
            await runner(*call)
    state = await runner("resume", config)
    assert {*state["done"]} == {f"{TEST}: True", f"{PRODUCTION}: False"}
    asked = [each.action for each in fake.decisions]
    assert asked.count(TEST) == asked.count(PRODUCTION) == len(state["done"]) / 2
    assert (await runner("resume", config))["done"] == state["done"]


@pytest.mark.parametrize("shape", ["a node", "a node of a subgraph", "behind a breakpoint"])
async def test_callback_that_comes_again_is_no_second_answer(
    bridge: Start, fake: FakeHandover, config: Any, shape: str
) -> None:
    """The receiver fails, so that the callback comes again, as callbacks do: what the node asks
    next is still open then, and has an answer of its own."""
    fails: list[Exception] = [RuntimeError("the network is away")]
    fake.answers_by(lambda _: "stays_pending")
    graph = SHAPES[shape](fails)
    await bridge(graph, callback_url=URL)("start", {}, config)
    answered = event(fake.answer(fake.decisions[0].id))
    with pytest.raises(RuntimeError, match="away"):
        await bridge(graph, callback_url=URL)("handle_callback", answered)
    for _ in range(2):
        state = await bridge(graph, callback_url=URL)("handle_callback", answered)
        assert not state.get("done")
        assert [each.value for each in state["__interrupt__"]] == [PRODUCTION]
    assert [(each.action, each.status) for each in fake.decisions] == [
        (TEST, "approved"),
        (PRODUCTION, "pending"),
    ]
    denied = event(fake.answer(fake.decisions[1].id, "deny"))
    state = await bridge(graph, callback_url=URL)("handle_callback", denied)
    assert state["done"] == [f"{TEST}: True", f"{PRODUCTION}: False"]


async def test_failed_node_goes_on_while_others_wait(
    bridge: Start, fake: FakeHandover, config: Any
) -> None:
    """A node that has its answer and failed is not held up by another one's question, also where
    all answers are given together."""
    fails: list[Exception] = [RuntimeError("the network is away")]

    def failing(_: Any) -> Any:
        answer = interrupt("now")
        if fails:
            raise fails.pop()
        return {"done": [answer]}

    fake.answers_by(lambda _: "stays_pending")
    graph = parallel(failing=failing, later=asking("later"))
    await bridge(graph, callback_url=URL)("start", {}, config)
    now, later = sorted(fake.decisions, key=lambda each: each.action, reverse=True)
    answered = event(fake.answer(now.id))
    with pytest.raises(RuntimeError, match="away"):
        await bridge(graph, callback_url=URL)("handle_callback", answered)
    state = await bridge(graph, callback_url=URL, together=True)("handle_callback", event(later))
    assert state["done"] == [True]
    assert [each.value for each in state["__interrupt__"]] == ["later"]


def refunding(ran: list[Any]) -> Any:
    """A node that asks, counts how often it has run with an answer, and ends what has no end."""

    def refund(_: Any) -> Any:
        answer = interrupt("Refund order 1142?")
        ran.append(answer)
        if len(ran) > 5:
            raise AssertionError("one approval, and no end of runs")
        return {"done": [answer]}

    return refund


def counting(ran: list[Any]) -> Any:
    return in_turn(lambda _: {"done": ["prepared"]}, refunding(ran))


async def test_config_of_the_latest_checkpoint_goes_on(
    bridge: Start, fake: FakeHandover, config: Any
) -> None:
    """What `get_state` hands out names the thread as it stands: one approval, one run."""
    ran: list[Any] = []
    fake.approves()
    graph = counting(ran)
    await asyncio.to_thread(graph.invoke, {}, config)
    named = graph.get_state(config).config
    assert named["configurable"]["checkpoint_id"]
    for given in (named, config):
        assert (await bridge(graph)("resume", given))["done"] == ["prepared", True]
    assert ran == [True]
    assert len(fake.decisions) == 1


async def test_checkpoint_that_is_left_behind_is_refused(
    bridge: Start, fake: FakeHandover, config: Any
) -> None:
    """No approval is used again: neither at the question that had it, nor before that, nor by a
    callback; and a subgraph's checkpoint is not the thread."""
    ran: list[Any] = []
    fake.approves()
    graph = counting(ran)
    await bridge(graph)("run", {}, config)
    past = [state.config for state in graph.get_state_history(config)][1:]
    assert len(past) == 3
    for named in past:
        for call in (("resume", named), ("handle_callback", event(fake.decisions[0]), named)):
            with pytest.raises(ConfigurationError, match="checkpoint_id"):
                await bridge(graph)(*call)
    within = {"configurable": {**config["configurable"], "checkpoint_ns": "inner:1"}}
    with pytest.raises(ConfigurationError, match="checkpoint_ns"):
        await bridge(graph)("resume", within)
    assert ran == [True]
    assert len(fake.decisions) == 1


@pytest.mark.parametrize("back", [0, 1, 2])
async def test_replay_asks_anew(bridge: Start, fake: FakeHandover, config: Any, back: int) -> None:
    """`run` from a checkpoint, at or before the question: a person is asked again, and their answer
    counts, once."""
    ran: list[Any] = []
    fake.answers_by(lambda _: Reply(choice="deny" if ran else "approve"))
    graph = counting(ran)
    runner = bridge(graph)
    await runner("run", {}, config)
    named = [state.config for state in graph.get_state_history(config) if state.next][back]
    state = await runner("run", None, named)
    assert state["done"][-1] is False
    assert ran == [True, False]
    assert len(fake.decisions) == 2
    assert (await runner("resume", config))["done"] == state["done"]
    assert len(ran) == 2


class Forgetful(InMemorySaver):
    """A checkpointer that keeps the questions, and not the answers."""

    def put_writes(self, config: Any, writes: Any, task_id: str, task_path: str = "") -> None:
        if any(channel == "__interrupt__" for channel, _ in writes):
            super().put_writes(config, writes, task_id, task_path)

    async def aput_writes(
        self, config: Any, writes: Any, task_id: str, task_path: str = ""
    ) -> None:
        self.put_writes(config, writes, task_id, task_path)

    def put(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        if metadata["step"] > 0:
            return config
        return super().put(config, checkpoint, metadata, new_versions)

    async def aput(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        return self.put(config, checkpoint, metadata, new_versions)


async def test_nothing_is_answered_twice(bridge: Start, fake: FakeHandover, config: Any) -> None:
    """Where a graph shows an answered question as open, whatever the cause, the runner stops."""
    ran: list[Any] = []
    fake.approves()
    graph = parallel(Forgetful(), only=refunding(ran))
    with pytest.raises(ConfigurationError, match="asks the same again"):
        await bridge(graph)("run", {}, config)
    assert ran == [True]


class Cut(InMemorySaver):
    """A checkpointer whose process dies once, between the end of a node and the next checkpoint."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self._at = at

    def put(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        if metadata["step"] == self._at:
            self._at = -2
            raise OSError("cut off")
        return super().put(config, checkpoint, metadata, new_versions)

    async def aput(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        return self.put(config, checkpoint, metadata, new_versions)


@pytest.mark.parametrize("breakpoints", [{}, {"interrupt_before": ["node2"]}])
async def test_what_has_ended_before_its_checkpoint(
    bridge: Start, fake: FakeHandover, config: Any, breakpoints: Any
) -> None:
    """A process died after the node that had its answer, and before that was a checkpoint: the
    thread goes on behind it, as far as its breakpoint, and the node does not run again."""
    ran: list[Any] = []
    fake.approves()
    graph = in_turn(
        asking("Refund?", ran),
        lambda _: {"done": ["after"]},
        lambda _: {"done": ["behind the breakpoint"]},
        checkpointer=Cut(at=1),
        **breakpoints,
    )
    with pytest.raises(OSError, match="cut off"):
        await bridge(graph)("run", {}, config)
    done = (await bridge(graph)("resume", config))["done"]
    assert done == [True, "after"] + ([] if breakpoints else ["behind the breakpoint"])
    assert ran == ["Refund?"]


async def test_callbacks_in_two_runners_run_each_node_once(
    bridge: Start, fake: FakeHandover, config: Any
) -> None:
    """A receiver that makes a runner for each callback is as safe as one that keeps one."""
    ran: list[Any] = []
    fake.answers_by(lambda _: "stays_pending")
    names = [f"n{index}" for index in range(4)]
    graph = parallel(**{name: asking(name, ran) for name in names})
    await bridge(graph, callback_url=URL)("start", {}, config)
    answered = [fake.answer(asked.id) for asked in fake.decisions]
    await asyncio.gather(
        *(bridge(graph, callback_url=URL)("handle_callback", event(each)) for each in answered)
    )
    assert sorted(ran) == names


async def test_subgraph_with_a_checkpointer_of_its_own(
    bridge: Start, fake: FakeHandover, config: Any
) -> None:
    """A subgraph that keeps its state over runs asks anew in each of them."""
    inner: Any = StateGraph(State)
    inner.add_node("ask", asking("Refund?"))
    inner.add_edge(START, "ask")
    graph: Any = StateGraph(State)
    graph.add_node("inner", inner.compile(checkpointer=True))
    graph.add_edge(START, "inner")
    compiled = graph.compile(checkpointer=InMemorySaver())
    fake.approves()
    fake.denies()
    runner = bridge(compiled, approver=APPROVER)
    assert (await runner("run", {"done": []}, config))["done"][-1] is True
    assert (await runner("run", {"done": []}, config))["done"][-1] is False
    assert len(fake.decisions) == 2
