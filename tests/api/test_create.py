"""`POST /decisions` and `GET /decisions/{id}`: every field, its default and its echo."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from temporalio.client import Client

from tests.api.agent import Agent, link_to, question, someone
from tests.approver import press
from tests.service import RunningService

CONTRACT = {
    *("id", "action", "context", "urgency", "status", "approved", "options", "timeout_minutes"),
    *("response_type", "response_notes", "response_data", "resolved_at", "resolved_by"),
    *("expires_at", "created_at", "execute_at", "context_images", "attachments", "enforce"),
    *("approver", "escalation_level", "origin", "payload", "metadata", "notifications"),
}
RFC_3339_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
UNSETTLED = ("response_notes", "response_data", "resolved_at", "resolved_by", "execute_at")

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
numbers = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)


async def test_what_is_left_out_has_its_default(agent: Agent) -> None:
    """An action and an approver are enough, and every field of the contract is answered."""
    approver = someone()
    decision = await agent.get((await agent.ask(approver=approver))["id"])
    assert decision.keys() >= CONTRACT
    assert decision["id"].startswith("dec_")
    assert (decision["status"], decision["approved"], decision["origin"]) == (
        "pending",
        False,
        None,
    )
    assert (decision["action"], decision["approver"]) == ("Refund order 1142", approver)
    assert (decision["urgency"], decision["timeout_minutes"]) == ("medium", 60)
    assert decision["options"] == ["approve", "deny", "modify"]
    assert decision["response_type"] == {"type": "approve_deny"}
    assert (decision["context"], decision["payload"], decision["metadata"]) == (None, None, {})
    assert (decision["context_images"], decision["attachments"]) == ([], [])
    assert (decision["enforce"], decision["escalation_level"]) == (False, 0)
    assert [decision[name] for name in UNSETTLED] == [None] * len(UNSETTLED)


async def test_every_field_comes_back_as_it_was_sent(agent: Agent) -> None:
    """Create and get tell the agent its own words and numbers."""
    sent = question(
        approver=[someone(), someone("bob")],
        context="Because.\n\tIndented, ümläut, 😀",
        urgency="critical",
        timeout_minutes=12.5,
        escalation=[{"after_minutes": 5, "approvers": [someone("carol")]}],
        channel="email",
        options=["approve", "deny"],
        payload={"order": 1142, "lines": [{"price": 9.99, "é": None}], "": True},
        response_type={"type": "confirm"},
        context_images=["https://example.com/a.png", "http://example.com"],
        enforce=True,
        metadata={"thread": "t-1", "ключ": "значение"},
    )
    created = await agent.post(sent)
    assert created.status_code == 201, created.text
    for decision in (created.json(), await agent.get(created.json()["id"])):
        assert {name: decision[name] for name in sent} == sent


@pytest.mark.parametrize("single", [True, False])
async def test_one_approver_is_told_in_the_form_in_which_it_was_sent(
    agent: Agent, single: bool
) -> None:
    """A word stays a word and a list of one stays a list."""
    approver = someone()
    sent = approver if single else [approver]
    assert (await agent.ask(approver=sent))["approver"] == sent


async def test_create_says_where_the_decision_is(agent: Agent) -> None:
    """`Location` leads to the decision that create answered with."""
    created = await agent.post(question())
    found = await agent.http.get(created.headers["Location"])
    assert found.json()["id"] == created.json()["id"]


async def test_times_are_rfc_3339_in_utc(agent: Agent, service: RunningService) -> None:
    """Every time ends with Z, and the deadline is as far away as was asked."""
    approver = someone()
    decision = await agent.ask(approver=approver, timeout_minutes=7)
    await press(await link_to(service, approver), "approve")
    decision = await agent.get(decision["id"])
    times = ["created_at", "expires_at", "resolved_at"]
    assert all(RFC_3339_UTC.fullmatch(decision[name]) for name in times), decision
    assert all(RFC_3339_UTC.fullmatch(sent["at"]) for sent in decision["notifications"])
    created, expires = (datetime.fromisoformat(decision[name]) for name in times[:2])
    assert expires - created == timedelta(minutes=7)


@pytest.mark.parametrize(
    ("choice", "fields", "typed", "status", "permitted"),
    [
        ("approve", {}, {}, "approved", True),
        ("deny", {}, {}, "denied", False),
        ("modify", {"payload": {"a": 1}}, {"payload": '{"a": 2}'}, "modified", True),
        ("modify", {}, {"action": "Refund half"}, "modified", False),
    ],
)
async def test_an_answer_says_whether_the_action_is_permitted(
    agent: Agent,
    service: RunningService,
    choice: str,
    fields: dict[str, object],
    typed: dict[str, str],
    status: str,
    permitted: bool,
) -> None:
    """`approved` is for approval alone; a change permits only what could be run."""
    approver = someone()
    created = await agent.ask(approver=approver, enforce=True, **fields)
    assert created["action_permitted"] is False
    assert (await press(await link_to(service, approver), choice, **typed)).status_code == 200
    decision = await agent.get(created["id"])
    assert (decision["status"], decision["origin"]) == (status, "human")
    assert decision["resolved_by"] == approver
    assert decision["approved"] is (status == "approved")
    assert decision["action_permitted"] is permitted


async def test_permission_is_told_to_those_who_enforce(agent: Agent) -> None:
    """Without `enforce` there is no `action_permitted`, neither true nor null."""
    created = await agent.ask()
    assert "action_permitted" not in created
    assert "action_permitted" not in await agent.get(created["id"])


async def test_notifications_say_who_was_reached_and_how(
    agent: Agent, service: RunningService
) -> None:
    """One entry for each message, with the provider's id once it is sent."""
    approvers = [someone(), someone("bob")]
    decision = await agent.ask(approver=approvers)
    for approver in approvers:
        await link_to(service, approver)
    await agent.audited(decision["id"], "notification.sent")
    sent = (await agent.get(decision["id"]))["notifications"]
    assert {each["approver"] for each in sent} == set(approvers)
    assert {(each["channel"], each["message"]) for each in sent} == {("email", "decision-request")}
    told = [each for each in sent if each["result"] == "sent"]
    assert told
    assert all((service.outbox / each["provider_message_id"]).is_file() for each in told)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    action=words.filter(str.strip),
    context=st.none() | words,
    payload=st.none() | st.dictionaries(words, values, max_size=5),
    metadata=st.dictionaries(words, words, max_size=4),
)
async def test_any_text_and_any_json_survive_the_whole_way(
    agent: Agent, action: str, context: str | None, payload: Any, metadata: dict[str, str]
) -> None:
    """What is read back from the sealed history equals what was sent, whatever it was."""
    sent = {"action": action, "context": context, "payload": payload, "metadata": metadata}
    decision = await agent.ask(**sent)
    assert decision["status"] == "pending"
    assert {name: decision[name] for name in sent} == sent


async def test_a_request_of_the_greatest_size_is_taken_and_asked(
    agent: Agent, service: RunningService
) -> None:
    """Everything at its limit at once: the context in characters of four bytes, and newlines."""
    approver = someone()
    decision = await agent.ask(
        action="a" + "\n" * 1_998 + "b",
        approver=approver,
        context="😀" * 98_000 + "\n" * 2_000,
        payload={"a": "x" * (256 * 1024 - len('{"a":""}'))},
        metadata={"a": "\x01" * 2_500},
    )
    await link_to(service, approver)
    assert (await agent.get(decision["id"]))["context"].count("😀") == 98_000


async def test_many_approvers_take_nothing_from_other_decisions(
    spare: Agent, temporal: Client
) -> None:
    """A decision whose approvers don't fit into the index leaves the next one findable."""
    long = [f"{'a' * 50}{n}@{'b' * 60}.{'c' * 60}.com" for n in range(20)]
    await spare.ask(approver=long)
    after = await spare.ask()
    described = await temporal.get_workflow_handle(after["id"]).describe()
    found = {pair.key.name for pair in described.typed_search_attributes}
    assert {"HandoverStatus", "HandoverAgent", "HandoverApprover"} <= found
