"""The node that asks: once for each question, and with nothing but what a person permitted."""

from __future__ import annotations

import operator
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, TypedDict
from uuid import UUID

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send
from pydantic import BaseModel

from handover import (
    ActionDenied,
    ArgumentsRefused,
    ConfigurationError,
    Decision,
    NotAskedError,
    permitted_payload,
)
from handover.integrations.langgraph import approval_node
from handover.testing import FakeHandover, Reply
from tests.sdk.integrations.conftest import APPROVER

Invoke = Callable[..., Awaitable[Any]]


class Rounds(TypedDict, total=False):
    rounds: Annotated[list[Any], operator.add]


class State(Rounds, total=False):
    amount: float
    permitted: dict[str, Any] | None
    decision: dict[str, Any] | None


def refund(state: Any) -> Any:
    return {"rounds": [state["permitted"]]}


def asking(client: Any, **settings: Any) -> Any:
    return approval_node(
        client,
        **{
            "action": lambda state: f"Refund {state['amount']}",
            "approver": APPROVER,
            "payload": lambda state: {"amount": state["amount"]},
        }
        | settings,
    )


def graph_of(node: Any, *, after: bool = False) -> Any:
    graph: Any = StateGraph(State)
    graph.add_node("approval", node)
    graph.add_node("refund", refund)
    graph.add_node("sorry", lambda _: {"rounds": ["sorry"]})
    graph.add_edge(START, "approval")
    if after:
        graph.add_edge("approval", "refund")
    return graph.compile(checkpointer=InMemorySaver())


async def test_writes_what_was_permitted(
    client: Any, invoke: Invoke, fake: FakeHandover, config: Any
) -> None:
    """Fields are values or functions of the state; the changed payload is what is permitted."""
    fake.modifies({"amount": 20}, notes="enough")
    graph = graph_of(asking(client, urgency="high", context=lambda state: f"{state['amount']} EUR"))
    state = await invoke(graph, {"amount": 49.9}, config)
    assert state["permitted"] == {"amount": 20}
    assert state["decision"]["response_notes"] == "enough"
    (asked,) = fake.decisions
    assert (asked.action, asked.context, asked.urgency) == ("Refund 49.9", "49.9 EUR", "high")


async def test_action_without_a_payload(
    client: Any, invoke: Invoke, fake: FakeHandover, config: Any
) -> None:
    """An empty payload is permitted where the action has none, so that None is only ever a no."""
    fake.approves()
    state = await invoke(graph_of(asking(client, payload=None)), {"amount": 1}, config)
    assert state["permitted"] == {}


@pytest.mark.parametrize("fate", ["denies", "expires", "cancels"])
async def test_no_is_none(
    client: Any, invoke: Invoke, fake: FakeHandover, config: Any, fate: str
) -> None:
    """Nothing is permitted, also where an earlier decision of the thread permitted something."""
    graph = graph_of(asking(client))
    fake.approves()
    assert (await invoke(graph, {"amount": 1}, config))["permitted"] == {"amount": 1}
    getattr(fake, fate)()
    state = await invoke(graph, {"amount": 1}, config)
    assert state["permitted"] is None
    assert state["decision"]["approved"] is False


async def test_denial_is_raised_where_chosen(
    client: Any, invoke: Invoke, fake: FakeHandover, config: Any
) -> None:
    """With `denied="raise"` the graph ends there with `ActionDenied`."""
    fake.denies()
    with pytest.raises(ActionDenied):
        await invoke(graph_of(asking(client, denied="raise"), after=True), {"amount": 1}, config)


@pytest.mark.parametrize(("choice", "ran"), [("approve", {"amount": 1}), ("deny", "sorry")])
async def test_goes_one_way_or_the_other(
    client: Any, invoke: Invoke, fake: FakeHandover, config: Any, choice: Any, ran: Any
) -> None:
    """With `then` and `otherwise` the node leads on by itself, and drawings have both ways."""
    fake.answers(choice)
    graph = graph_of(asking(client, then="refund", otherwise="sorry"))
    assert (await invoke(graph, {"amount": 1}, config))["rounds"] == [ran]
    ways = {edge.target for edge in graph.get_graph().edges if edge.source == "approval"}
    assert ways == {"refund", "sorry"}


async def test_node_that_runs_again_asks_once(
    client: Any, invoke: Invoke, fake: FakeHandover, config: Any
) -> None:
    """A node that failed after its answer finds the same decision when it runs again."""
    fails = [RuntimeError("cut off")]

    def update(_: Any, decision: Any) -> Any:
        if fails:
            raise fails.pop()
        return {"rounds": [decision.id]}

    fake.approves()
    graph = graph_of(asking(client, to_update=update))
    with pytest.raises(RuntimeError, match="cut off"):
        await invoke(graph, {"amount": 1}, config)
    state = await invoke(graph, None, config)
    assert state["rounds"] == [asked.id for asked in fake.decisions]


async def test_loop_asks_each_time(
    client: Any, invoke: Invoke, fake: FakeHandover, config: Any
) -> None:
    """The same node in a later step is another question, also where its words are the same."""
    graph: Any = StateGraph(State)
    graph.add_node("approval", asking(client))
    graph.add_node("refund", refund)
    graph.add_edge(START, "approval")
    graph.add_edge("approval", "refund")
    graph.add_conditional_edges("refund", lambda s: "approval" if len(s["rounds"]) < 2 else END)
    fake.approves()
    fake.modifies({"amount": 2})
    compiled = graph.compile(checkpointer=InMemorySaver())
    state = await invoke(compiled, {"amount": 1}, config)
    assert state["rounds"] == [{"amount": 1}, {"amount": 2}]


async def test_subgraphs_and_fan_out_ask_for_themselves(
    client: Any, invoke: Invoke, fake: FakeHandover, config: Any
) -> None:
    """Each branch of a `Send` into a subgraph is a question; a branch that failed asks no second
    time when the graph goes on."""
    fails = [RuntimeError("cut off")]

    def update(state: Any, decision: Any) -> Any:
        if fails and state["amount"] == 2:
            raise fails.pop()
        return {"rounds": [(state["amount"], decision.approved)]}

    inner: Any = StateGraph(State, output_schema=Rounds)
    inner.add_node("approval", asking(client, to_update=update))
    inner.add_edge(START, "approval")
    outer: Any = StateGraph(State)
    outer.add_node("inner", inner.compile())
    outer.add_conditional_edges(
        START, lambda _: [Send("inner", {"amount": each}) for each in (1, 2, 3)], ["inner"]
    )
    graph = outer.compile(checkpointer=InMemorySaver())
    fake.answers_by(lambda asked: Reply(choice="deny" if "3" in asked.action else "approve"))
    with pytest.raises(RuntimeError, match="cut off"):
        await invoke(graph, {}, config)
    state = await invoke(graph, None, config)
    assert sorted(map(tuple, state["rounds"])) == [(1, True), (2, True), (3, False)]
    assert len(fake.decisions) == 3


@dataclass
class Small:
    amount: float
    permitted: dict[str, Any] | None = None


async def test_state_may_be_a_dataclass(
    client: Any, invoke: Invoke, fake: FakeHandover, config: Any
) -> None:
    """Functions get the state as the graph has it; a state without `decision` gets none."""
    graph: Any = StateGraph(Small)
    node = asking(
        client,
        action=lambda state: f"Refund {state.amount}",
        payload=lambda state: {"amount": state.amount},
    )
    graph.add_node("approval", node)
    graph.add_edge(START, "approval")
    fake.approves()
    state = await invoke(graph.compile(), Small(5), config)
    assert state == {"amount": 5, "permitted": {"amount": 5}}


LARGE = 2**64 + 1


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Item(BaseModel):
    id: int
    price: Decimal


OBJECTS: dict[str, Any] = {
    "account": LARGE,
    "amount": Decimal("49.90"),
    "on": date(2026, 1, 5),
    "id": UUID("c91d87b5-519b-4bcc-8118-1e93f650f835"),
    "colour": Colour.RED,
    "pair": (1, Decimal(2)),
    "tags": {"a", "b"},
    "item": Item(id=LARGE, price=Decimal(1)),
    "small": Small(5),
    "plain": {"any": ["JSON", None]},
}
ASKED: dict[str, Any] = {
    "account": str(LARGE),
    "amount": "49.90",
    "on": "2026-01-05",
    "id": str(OBJECTS["id"]),
    "colour": "red",
    "pair": [1, "2"],
    "tags": ["a", "b"],
    "item": {"id": str(LARGE), "price": "1"},
    "small": {"amount": 5, "permitted": None},
    "plain": {"any": ["JSON", None]},
}
CHANGES: list[tuple[str, Any, Any]] = [
    ("account", str(LARGE + 1), LARGE + 1),
    ("account", 5, 5),
    ("amount", "9.90", Decimal("9.90")),
    ("on", "2026-02-01", date(2026, 2, 1)),
    ("colour", "blue", Colour.BLUE),
    ("pair", [1, "3"], (1, Decimal(3))),
    ("tags", ["c"], {"c"}),
    ("item", {"id": str(LARGE + 1), "price": "2"}, Item(id=LARGE + 1, price=Decimal(2))),
    ("small", {"amount": 6, "permitted": None}, Small(6)),
    ("plain", ["other JSON"], ["other JSON"]),
]
UNREADABLE: dict[str, Any] = {
    "account": "many",
    "amount": "cheap",
    "on": None,
    "id": "1",
    "colour": "green",
    "pair": "1, 2",
    "item": {"id": 1},
    "small": {"amount": "x", "permitted": None},
}


def of_objects(client: Any, seen: list[Any], **settings: Any) -> Any:
    def update(_: Any, decision: Decision) -> Any:
        seen.append(permitted_payload(decision))
        return {}

    asks: dict[str, Any] = {"action": "Pay", "payload": OBJECTS, "to_update": update}
    return graph_of(asking(client, **asks | settings))


async def test_what_json_lacks_comes_back(
    client: Any, invoke: Invoke, fake: FakeHandover, config: Any
) -> None:
    """Approved, the payload is the very objects; changed, it is read by their types, and beside a
    change they are the very objects still."""
    seen: list[Any] = []
    graph = of_objects(client, seen)
    fake.approves()
    await invoke(graph, {"amount": 1}, config)
    assert fake.decisions[0].payload == ASKED
    assert seen.pop() is OBJECTS
    for name, changed, meant in CHANGES:
        fake.modifies({**ASKED, name: changed})
        await invoke(graph, {"amount": 1}, config)
        permitted = seen.pop()
        assert permitted[name] == meant
        assert type(permitted[name]) is type(meant)
        assert all(permitted[other] is OBJECTS[other] for other in OBJECTS.keys() - {name})


@pytest.mark.parametrize("denied", ["update", "raise"])
async def test_changes_that_cannot_be_read_permit_nothing(
    client: Any, invoke: Invoke, fake: FakeHandover, config: Any, denied: Any
) -> None:
    """They are a no that says why: in the state, or raised."""
    settings: dict[str, Any] = {"to_update": None, "denied": denied}
    ways = {} if denied == "raise" else {"then": "refund", "otherwise": "sorry"}
    graph = of_objects(client, [], **settings | ways)
    for name, changed in UNREADABLE.items():
        fake.modifies({**ASKED, name: changed})
        if denied == "raise":
            with pytest.raises(ArgumentsRefused, match=f"the approver's {name}.* does not fit"):
                await invoke(graph, {"amount": 1}, config)
            continue
        state = await invoke(graph, {"amount": 1}, config)
        assert (state["permitted"], state["rounds"][-1]) == (None, "sorry")
        assert f"the approver's {name}" in state["decision"]["reason"]


async def test_payload_that_changed_meanwhile(
    client: Any, invoke: Invoke, fake: FakeHandover, config: Any
) -> None:
    """An object that somebody else changed while it was being decided is not what was approved."""
    payload: dict[str, Any] = {"to": ["alice"]}

    def answer(_: Any) -> Reply:
        payload["to"].append("mallory")
        return Reply(choice="approve")

    fake.answers_by(answer)
    graph = graph_of(asking(client, payload=payload, denied="raise"), after=True)
    with pytest.raises(ArgumentsRefused, match="not the one that was asked about"):
        await invoke(graph, {"amount": 1}, config)
    assert fake.decisions[0].payload == {"to": ["alice"]}


UNASKABLE: list[tuple[dict[str, Any], str]] = [
    ({"action": " "}, "action: it is empty"),
    ({"action": "\ud83d"}, "action: it has half of a character"),
    ({"context": "\ud83d"}, "context: it has half of a character"),
    ({"metadata": {"note": "\ud83d"}}, "metadata.note: it has half"),
    ({"payload": {"a": float("nan")}}, "payload.a: nan is no number"),
    ({"payload": {"a": [b"\xff"]}}, "payload.a.0: these bytes are no text"),
    ({"payload": {"a": object()}}, "payload.a: it has no form in JSON"),
    ({"payload": {"a": "x" * 300_000}}, "payload: .* at most 262,144"),
    ({"payload": ["a"]}, "payload: it is no mapping"),
]


async def test_what_nobody_can_be_asked(
    client: Any, invoke: Invoke, fake: FakeHandover, config: Any
) -> None:
    """It is an error that names the field, and nobody is asked; what is too long is cut."""
    for fields, told in UNASKABLE:
        graph = graph_of(asking(client, **{n: lambda _, v=v: v for n, v in fields.items()}))
        with pytest.raises(NotAskedError, match=told):
            await invoke(graph, {"amount": 1}, config)
    assert fake.decisions == []
    fake.approves()
    action, context = "Refund. " * 1000, "x" * 100_000
    await invoke(graph_of(asking(client, action=action, context=context)), {"amount": 1}, config)
    assert str(fake.decisions[0].context).startswith(action)
    assert "cut here" in str(fake.decisions[0].context)


def test_misuse_is_refused(client: Any) -> None:
    """What would let an action run unasked, or wait for nobody, is refused when it is built."""
    with pytest.raises(ConfigurationError, match="come together"):
        asking(client, otherwise="sorry")
    with pytest.raises(ConfigurationError, match="callback_url"):
        asking(client, callback_url="https://agent.example.com/handover")
    with pytest.raises(TypeError, match="urgencies"):
        asking(client, urgencies="high")
