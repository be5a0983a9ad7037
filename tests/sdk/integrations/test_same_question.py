"""What makes a question the same one when it is asked again, by the runner and by the node."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from pydantic import BaseModel

from handover.integrations._texts import digest_of, fields_of
from handover.integrations.langgraph import approval_node
from handover.testing import FakeHandover, Reply
from tests.sdk.integrations.conftest import APPROVER, Start
from tests.sdk.integrations.graphs import URL, State, asking, event, parallel

Invoke = Callable[..., Awaitable[Any]]
OTHER_WORDS = "Nobody needs this answer any more: the agent asks in other words."


@dataclass
class Refund:
    action: str
    payload: dict[str, Any]


class RefundModel(BaseModel):
    action: str
    payload: dict[str, Any]


class Opaque:
    """What JSON has no form for."""


SAME: list[tuple[Any, Any]] = [
    ({"ids": {0, 8}}, {"ids": {8, 0}}),
    ({"ids": [{0, 8}, 1.5]}, {"ids": ({8, 0}, 1.5)}),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    (Refund("Refund", {"amount": 1}), {"action": "Refund", "payload": {"amount": 1}}),
    (RefundModel(action="Refund", payload={}), {"action": "Refund", "payload": {}}),
    ([Opaque(), {0, 8}], [Opaque(), {8, 0}]),
]
OTHER: list[tuple[Any, Any]] = [
    ("Refund 1", "Refund 2"),
    ({"amount": 1}, {"amount": 1.5}),
    ({"amount": 1}, {"amount": "1"}),
    (["a", "b"], ["b", "a"]),
]


def test_the_same_in_every_process() -> None:
    """The order of a set, a class that the other process cannot import, and where an object lies in
    memory make no other question; what is told does."""
    assert list({0, 8}) != list({8, 0}), "these two are to differ in their order"
    for one, other in SAME:
        assert digest_of(one) == digest_of(other)
        assert {**fields_of(one), "context": None} == {**fields_of(other), "context": None}
    for one, other in OTHER:
        assert digest_of(one) != digest_of(other)


def test_objects_with_names_ask_as_mappings_do() -> None:
    """A dataclass or a model has an action and a payload as a mapping has."""
    for value in (Refund("Refund", {"amount": 1}), RefundModel(action="Refund", payload={})):
        fields = fields_of(value)
        assert (fields["action"], fields["payload"]) == ("Refund", value.payload)


async def test_settings_may_change_while_people_decide(
    bridge: Start, fake: FakeHandover, config: Any
) -> None:
    """A release asks with another timeout and urgency, or spells the approver otherwise: nobody is
    asked again. With another approver it is another question."""
    fake.answers_by(lambda _: "stays_pending")
    graph = parallel(only=asking({"action": "Refund", "payload": {"ids": {8, 0}}}))
    first = bridge(graph, callback_url=URL, approver="Approver@example.com")
    await first("start", {}, config)
    (pending,) = fake.decisions
    further: list[dict[str, Any]] = [
        {"timeout_minutes": 30, "urgency": "high"},
        {"approver": ["approver@EXAMPLE.com"], "metadata": {"release": "2"}},
        {"to_request": lambda _: {"context": "Asked by release 3"}},
    ]
    for settings in further:
        runner = bridge(graph, **{"callback_url": URL, **settings})
        await runner("handle_callback", event(pending))
    assert [each.id for each in fake.decisions] == [pending.id]
    runner = bridge(graph, callback_url=URL, approver="owner@example.com")
    await runner("handle_callback", event(pending))
    assert [(each.approver, each.status, each.response_notes) for each in fake.decisions] == [
        ("Approver@example.com", "cancelled", OTHER_WORDS),
        ("owner@example.com", "pending", None),
    ]
    answered = event(fake.answer(fake.decisions[1].id))
    assert (await runner("handle_callback", answered))["done"] == [{"ids": {8, 0}}]


async def test_payload_of_another_release_is_not_approved(
    bridge: Start, fake: FakeHandover, config: Any
) -> None:
    """`to_request` finds another amount by the time of the approval: it is asked about anew."""
    fake.answers_by(lambda _: "stays_pending")
    graph = parallel(only=asking("Refund"))

    def runner(amount: int) -> Any:
        to_request = {"to_request": lambda _: {"payload": {"amount": amount}}}
        return bridge(graph, callback_url=URL, **to_request)

    await runner(10)("start", {}, config)
    answered = event(fake.answer(fake.decisions[0].id))
    state = await runner(1000)("handle_callback", answered)
    assert not state.get("done")
    assert fake.decisions[-1].payload == {"amount": 1000}
    denied = event(fake.answer(fake.decisions[-1].id, "deny"))
    assert (await runner(1000)("handle_callback", denied))["done"] == [False]


def failing_once(client: Any, **fields: Any) -> Any:
    """A graph of one approval node, whose first run fails after the decision."""
    fails = [RuntimeError("cut off")]

    def update(_: Any, decision: Any) -> Any:
        if fails:
            raise fails.pop()
        return {"done": [(decision.action, str(decision.status))]}

    told = {"action": "Refund", "approver": APPROVER, **fields}
    graph: Any = StateGraph(State)
    graph.add_node("approval", approval_node(client, **told, to_update=update))
    graph.add_edge(START, "approval")
    return graph.compile(checkpointer=InMemorySaver())


def varied(*values: Any) -> Callable[[Any], Any]:
    """A function of the state that returns another value each time."""
    left: Iterator[Any] = iter(values)
    return lambda _: next(left)


def text(type: str, **more: Any) -> dict[str, Any]:
    return {"type": type, "fields": [{"name": "a"}], **more}


NODE_SAME: list[dict[str, tuple[Any, Any]]] = [
    {"approver": (APPROVER, [APPROVER.upper()])},
    {"payload": ({"ids": {0, 8}}, {"ids": {8, 0}})},
    {"urgency": ("low", "high"), "timeout_minutes": (30, 20)},
    {"response_type": (text("text"), text("text_input"))},
    {"options": (["approve", "deny"], ["deny", "approve"])},
]
NODE_OTHER: list[dict[str, tuple[Any, Any]]] = [
    {"action": ("Delete the test database", "Delete the PRODUCTION database")},
    {"context": ("At 0 past", "At 1 past")},
    {"payload": ({"amount": 1}, {"amount": 1000})},
    {"approver": ("owner@example.com", APPROVER)},
    {"options": (["approve", "deny"], ["deny"])},
    {"response_type": (None, {"type": "confirm"})},
]


async def test_node_asks_the_same_once(
    client: Any, invoke: Invoke, fake: FakeHandover, config: Any
) -> None:
    """A node that runs again finds its decision, however it is spelled by then."""
    for index, fields in enumerate(NODE_SAME):
        data = {"a": "b"} if "response_type" in fields else None
        fake.approves(data=data)
        thread = {"configurable": {"thread_id": f"{index}"}}
        graph = failing_once(client, **{name: varied(*each) for name, each in fields.items()})
        with pytest.raises(RuntimeError, match="cut off"):
            await invoke(graph, {}, thread)
        assert (await invoke(graph, None, thread))["done"] == [("Refund", "approved")]
        assert len(fake.decisions) == index + 1


async def test_node_asks_anew_in_other_words(
    client: Any, invoke: Invoke, fake: FakeHandover, config: Any
) -> None:
    """What was approved in other words is not what the node asks by then, and a question that is
    still open is taken back."""
    fake.answers_by(lambda _: Reply(choice="deny" if len(fake.decisions) % 2 == 0 else "approve"))
    for index, fields in enumerate(NODE_OTHER):
        thread = {"configurable": {"thread_id": f"{index}"}}
        graph = failing_once(client, **{name: varied(*each) for name, each in fields.items()})
        with pytest.raises(RuntimeError, match="cut off"):
            await invoke(graph, {}, thread)
        ((_, status),) = (await invoke(graph, None, thread))["done"]
        assert status == "denied"
        assert len(fake.decisions) == 2 * (index + 1)
