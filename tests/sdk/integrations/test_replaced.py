"""What nobody needs any more: the question is taken back, whoever opens it reads why, and a runner
returns its thread as it stands by then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from typing import Any

import pytest
from langgraph.types import Command, interrupt

from handover import Decision
from handover.testing import FakeHandover
from tests.sdk.integrations.conftest import Start
from tests.sdk.integrations.graphs import URL, asking, event, in_turn, inside, parallel
from tests.support import eventually

OTHER_WORDS = "Nobody needs this answer any more: the agent asks in other words."
GONE_ON = "Nobody needs this answer any more: the agent has gone on without it."

Invoke = Callable[..., Awaitable[Any]]


def about_the_input(state: Any) -> Any:
    """A node that asks about what came last."""
    order = state["done"][-1]
    return {"done": [f"{order}: {interrupt(f'Refund order {order}?')}"]}


def told(fake: FakeHandover) -> list[tuple[str, str, str | None]]:
    return [(each.action, str(each.status), each.response_notes) for each in fake.decisions]


async def asked(fake: FakeHandover, number: int) -> Decision:
    """The decision of this number, counted from one, as soon as it was asked for."""
    return (await eventually(lambda: fake.decisions[number - 1 :]))[0]


@pytest.fixture(autouse=True)
def patient(fake: FakeHandover) -> None:
    fake.answers_by(lambda _: "stays_pending")


@pytest.mark.parametrize("wrap", [lambda node: node, inside], ids=["a node", "in a subgraph"])
async def test_new_input_on_a_waiting_thread(
    bridge: Start, fake: FakeHandover, config: Any, wrap: Any
) -> None:
    """The question that it replaces is taken back. The run that waited for it goes on with what the
    thread asks by then, and both return the same."""
    graph = parallel(only=wrap(about_the_input))
    first = asyncio.ensure_future(bridge(graph)("run", {"done": [1142]}, config))
    await asked(fake, 1)
    second = asyncio.ensure_future(bridge(graph)("run", {"done": [1143]}, config))
    fake.answer((await asked(fake, 2)).id)
    for state in await asyncio.wait_for(asyncio.gather(first, second), 30):
        assert state["done"][-1] == "1143: True"
        assert "__interrupt__" not in state
    assert told(fake) == [
        ("Refund order 1142?", "cancelled", GONE_ON),
        ("Refund order 1143?", "approved", None),
    ]


async def test_new_input_where_nobody_waits(bridge: Start, fake: FakeHandover, config: Any) -> None:
    """`start` takes back what an earlier `start` asked, also where the graph fails on the way."""
    graph = in_turn(about_the_input, lambda _: {})
    await bridge(graph, callback_url=URL)("start", {"done": [1142]}, config)
    await bridge(graph, callback_url=URL)("start", {"done": [1143]}, config)
    with pytest.raises(TypeError):
        await bridge(graph, callback_url=URL)("start", {"done": 1144}, config)
    assert [status for _, status, _ in told(fake)] == ["cancelled", "pending"]

    def failing(state: Any) -> Any:
        if state["done"][-1] == 1146:
            raise RuntimeError("the network is away")
        return {}

    graph = in_turn(failing, about_the_input)
    runner = bridge(graph, callback_url=URL)
    config = {"configurable": {"thread_id": "another"}}
    await runner("start", {"done": [1145]}, config)
    with pytest.raises(RuntimeError, match="away"):
        await runner("start", {"done": [1146]}, config)
    assert told(fake)[2] == ("Refund order 1145?", "cancelled", GONE_ON)


async def test_update_of_the_state(bridge: Start, fake: FakeHandover, config: Any) -> None:
    """After `update_state` the graph asks about the new state, and the old question is taken back:
    an answer to it would be one to something else."""
    graph = parallel(only=about_the_input)
    await bridge(graph, callback_url=URL)("start", {"done": [1142]}, config)
    for order in (1143, 1144):
        graph.update_state(config, {"done": [order]})
    state = await bridge(graph, callback_url=URL)("handle_callback", event(fake.decisions[0]))
    assert [each.value for each in state["__interrupt__"]] == ["Refund order 1144?"]
    assert told(fake) == [
        ("Refund order 1142?", "cancelled", GONE_ON),
        ("Refund order 1144?", "pending", None),
    ]


async def elsewhere_by_update(graph: Any, invoke: Invoke, config: Any) -> Any:
    graph.update_state(config, {"done": ["skipped"]}, as_node="only")
    return [1142, "skipped"]


async def elsewhere_by_hand(graph: Any, invoke: Invoke, config: Any) -> Any:
    await invoke(graph, Command(resume=False), config)
    return [1142, "1142: False"]


@pytest.mark.parametrize("elsewhere", [elsewhere_by_update, elsewhere_by_hand])
async def test_runner_notices_what_happens_elsewhere(
    bridge: Start, invoke: Invoke, fake: FakeHandover, config: Any, elsewhere: Any
) -> None:
    """Somebody answers in Studio, or skips the node, while a runner waits: it returns the thread as
    it stands, and no old `__interrupt__`, and its question is taken back."""
    graph = parallel(only=about_the_input)
    runner = bridge(graph, look_every=0.1)
    running = asyncio.ensure_future(runner("run", {"done": [1142]}, config))
    await asked(fake, 1)
    done = await elsewhere(graph, invoke, config)
    assert await asyncio.wait_for(running, 30) == {"done": done}
    assert told(fake) == [("Refund order 1142?", "cancelled", GONE_ON)]


async def test_callback_after_all_was_answered_elsewhere(
    bridge: Start, invoke: Invoke, fake: FakeHandover, config: Any
) -> None:
    """It changes nothing, and returns the thread as it stands."""
    graph = parallel(only=about_the_input)
    await bridge(graph, callback_url=URL)("start", {"done": [1142]}, config)
    await invoke(graph, Command(resume=False), config)
    answered = event(fake.answer(fake.decisions[0].id))
    state = await bridge(graph, callback_url=URL)("handle_callback", answered)
    assert state == {"done": [1142, "1142: False"]}


async def test_replay_takes_the_open_question_back(
    bridge: Start, fake: FakeHandover, config: Any
) -> None:
    """Who goes back to a checkpoint leaves what the thread has asked since."""
    graph = parallel(only=about_the_input)
    runner = bridge(graph, callback_url=URL)
    await runner("start", {"done": [1142]}, config)
    await runner("start", None, graph.get_state(config).config)
    assert told(fake) == [
        ("Refund order 1142?", "cancelled", GONE_ON),
        ("Refund order 1142?", "pending", None),
    ]


def in_varying_words(words: Any) -> Any:
    def node(_: Any) -> Any:
        return {"done": [interrupt(next(words))]}

    return node


async def test_question_in_other_words(bridge: Start, fake: FakeHandover, config: Any) -> None:
    """A node runs up to its question again when another one is answered. Where it asks in other
    words then, the first words are taken back, and an answer to them is none to the others."""
    words = (f"Refund order 1142, at {minute} past?" for minute in count())
    graph = parallel(varying=in_varying_words(words), plain=asking("Plain?"))
    running = asyncio.ensure_future(bridge(graph)("run", {}, config))
    await asked(fake, 2)
    plain = next(each for each in fake.decisions if each.action == "Plain?")
    fake.answer(plain.id)
    fake.answer((await asked(fake, 3)).id, "deny")
    state = await asyncio.wait_for(running, 30)
    assert sorted(state["done"]) == [False, True]
    varying = [each for each in told(fake) if each[0] != "Plain?"]
    assert varying == [
        ("Refund order 1142, at 0 past?", "cancelled", OTHER_WORDS),
        ("Refund order 1142, at 1 past?", "denied", None),
    ]


async def test_approval_of_other_words_does_not_count(
    bridge: Start, fake: FakeHandover, config: Any
) -> None:
    """It comes just as the graph begins to ask in other words: those are asked."""

    def words() -> Iterator[str]:
        yield "Delete the test database?"
        first = next(each for each in fake.decisions if "test" in each.action)
        fake.answer(first.id)
        while True:
            yield "Delete the PRODUCTION database?"

    graph = parallel(varying=in_varying_words(words()), plain=asking("Plain?"))
    await bridge(graph, callback_url=URL)("start", {}, config)
    plain = next(each for each in fake.decisions if each.action == "Plain?")
    answered = event(fake.answer(plain.id))
    state = await bridge(graph, callback_url=URL)("handle_callback", answered)
    assert [each.value for each in state["__interrupt__"]] == ["Delete the PRODUCTION database?"]
    assert fake.decisions[-1].action == "Delete the PRODUCTION database?"
    denied = event(fake.answer(fake.decisions[-1].id, "deny"))
    state = await bridge(graph, callback_url=URL)("handle_callback", denied)
    assert sorted(state["done"]) == [False, True]


async def test_words_that_were_taken_back_are_asked_again(
    bridge: Start, fake: FakeHandover, config: Any
) -> None:
    """What was taken back was denied by nobody."""
    words = iter(["Mine", "Yours", "Mine", "Mine"])
    graph = parallel(varying=in_varying_words(words), b=asking("b"), c=asking("c"))
    runner = bridge(graph, callback_url=URL)
    await runner("start", {}, config)
    for action in ("b", "c", "Mine"):
        (found,) = (e for e in fake.decisions if (e.action, e.status) == (action, "pending"))
        state = await bridge(graph, callback_url=URL)(
            "handle_callback", event(fake.answer(found.id))
        )
    assert state["done"] == [True, True, True]
    assert [each[:2] for each in told(fake) if each[0] not in ("b", "c")] == [
        ("Mine", "cancelled"),
        ("Yours", "cancelled"),
        ("Mine", "approved"),
    ]
