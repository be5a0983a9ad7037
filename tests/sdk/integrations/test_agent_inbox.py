"""Graphs that were written for Agent Inbox: a list in, and a list of its answers out."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.types import interrupt

from handover import ActionDenied, ConfigurationError
from handover.testing import FakeHandover, Reply
from tests.sdk.integrations.conftest import APPROVER, Start
from tests.sdk.integrations.graphs import ARGS, item, parallel

ALL = ("ignore", "respond", "edit", "accept")


def inbox(*items: Any) -> Any:
    """A graph whose node is as the README of Agent Inbox has it."""

    def node(_: Any) -> Any:
        return {"done": interrupt(list(items))}

    return parallel(only=node)


CASES: dict[str, tuple[tuple[str, ...], Reply, dict[str, Any]]] = {
    "accepted": (
        ALL,
        Reply(choice="approve"),
        {"type": "accept", "args": {"action": "send_email", "args": ARGS}},
    ),
    "edited": (
        ALL,
        Reply(choice="modify", data={"payload": {**ARGS, "subject": "Hi"}}),
        {"type": "edit", "args": {"action": "send_email", "args": {**ARGS, "subject": "Hi"}}},
    ),
    "answered": (
        ALL,
        Reply(choice="approve", data={"respond": "Ask her first."}),
        {"type": "response", "args": "Ask her first."},
    ),
    "ignored": (ALL, Reply(choice="deny", notes="no"), {"type": "ignore", "args": None}),
    "only to be answered": (
        ("respond", "ignore"),
        Reply(choice="approve", data={"respond": "At three."}),
        {"type": "response", "args": "At three."},
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_answers_are_the_inboxs(
    bridge: Start, fake: FakeHandover, config: Any, case: str
) -> None:
    """`accept`, `edit`, `response` and `ignore`, each with its `args`."""
    allowed, reply, answer = CASES[case]
    fake.answers_by(lambda _: reply)
    state = await bridge(inbox(item(*allowed)))("run", {}, config)
    assert state["done"] == [answer]
    (asked,) = fake.decisions
    assert (asked.action, asked.context) == ("send_email", "# Ada waits for an answer.")
    assert (asked.payload, asked.approver) == (ARGS, APPROVER)


async def test_each_entry_is_a_decision(bridge: Start, fake: FakeHandover, config: Any) -> None:
    """Several entries have their answers in their order; nobody's answer ignores."""
    fake.answers_by(lambda asked: "expires" if asked.action == "b" else Reply(choice="approve"))
    entries = [item(*ALL, action=action) for action in ("a", "b", "c")]
    state = await bridge(inbox(*entries))("run", {}, config)
    assert [each["type"] for each in state["done"]] == ["accept", "ignore", "accept"]
    assert [each["args"] and each["args"]["action"] for each in state["done"]] == ["a", None, "c"]


async def test_one_entry_without_a_list(bridge: Start, fake: FakeHandover, config: Any) -> None:
    """The Inbox answers that with a list, too."""
    fake.approves()

    def node(_: Any) -> Any:
        return {"done": [interrupt(item(*ALL))[0]["type"]]}

    assert (await bridge(parallel(only=node))("run", {}, config))["done"] == ["accept"]


OFFERED: list[tuple[tuple[str, ...], set[str]]] = [
    (("accept",), {"approve"}),
    (("accept", "edit"), {"approve", "modify"}),
    (("respond", "ignore"), {"approve", "deny"}),
    (ALL, {"approve", "deny", "modify"}),
]


async def test_nothing_else_is_offered(bridge: Start, fake: FakeHandover, config: Any) -> None:
    """The approver has the buttons that the configuration allows, and where it has no word for a
    no, the runner raises it and the thread stays where it is."""
    fake.answers_by(lambda _: "expires")
    for index, (allowed, buttons) in enumerate(OFFERED):
        thread = {"configurable": {"thread_id": f"{index}"}}
        graph = inbox(item(*allowed))
        if "ignore" in allowed:
            assert (await bridge(graph)("run", {}, thread))["done"][0]["type"] == "ignore"
        else:
            with pytest.raises(ActionDenied):
                await bridge(graph)("run", {}, thread)
            assert graph.get_state(thread).next == ("only",)
        assert {str(each) for each in fake.decisions[-1].options} == buttons
    fake.answers_by(lambda _: Reply(choice="deny"))


async def test_what_is_unfit_is_ignored_or_answered(
    bridge: Start, fake: FakeHandover, config: Any
) -> None:
    """What can be shown to nobody is told in a word that the entry allows."""
    for allowed, said in ((("ignore", "respond"), "ignore"), (("respond", "accept"), "response")):
        thread = {"configurable": {"thread_id": said}}
        graph = inbox(item(*allowed, amount=float("nan")))
        (answer,) = (await bridge(graph)("run", {}, thread))["done"]
        assert answer["type"] == said
        assert answer["args"] is None or "amount: nan is no number" in answer["args"]
    assert fake.decisions == []


NO_ITEMS: list[Any] = [
    [],
    [{"action_request": {"action": "a", "args": {}}}],
    [item(*ALL), "and a text"],
    [{"action_request": {"action": "a", "args": "text"}, "config": {}}],
    {"action_request": "send", "config": {}},
]


async def test_other_lists_are_asked_as_they_are(
    bridge: Start, fake: FakeHandover, config: Any
) -> None:
    """What only looks like an entry is one question, answered with True or False."""
    fake.answers_by(lambda _: Reply(choice="approve"))
    for index, value in enumerate(NO_ITEMS):
        graph = parallel(only=lambda _, value=value: {"done": [interrupt(value)]})
        thread = {"configurable": {"thread_id": f"{index}"}}
        assert (await bridge(graph)("run", {}, thread))["done"] == [True]


async def test_payload_is_that_of_the_entry(bridge: Start, fake: FakeHandover, config: Any) -> None:
    """`to_request` may say how it is asked, and never what runs."""
    fake.approves()
    runner = bridge(inbox(item(*ALL)), to_request=lambda _: {"action": "Write to Ada?"})
    assert (await runner("run", {}, config))["done"][0]["type"] == "accept"
    assert fake.decisions[0].action == "Write to Ada?"
    runner = bridge(inbox(item(*ALL)), to_request=lambda _: {"payload": {}})
    with pytest.raises(ConfigurationError, match="payload"):
        await runner("run", {}, config)
