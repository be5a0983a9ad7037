"""`Idempotency-Key`: one key, one decision, whatever happens in between."""

from __future__ import annotations

import asyncio
import secrets

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client

from tests.api.agent import Agent, in_store, link_to, question, refused_fields, someone
from tests.approver import mails
from tests.service import RunningService
from tests.support import eventually


def new_key() -> str:
    return f"key {secrets.token_hex(8)}"


async def test_the_same_key_and_body_is_the_same_decision(
    agent: Agent, service: RunningService
) -> None:
    """A repeated request gets the first one's decision, and nobody is asked twice."""
    approver, key = someone(), new_key()
    body = question(approver=approver, payload={"a": 1, "b": 2})
    first = await agent.post(body, key)
    await link_to(service, approver)
    again = await agent.post(question(approver=approver, payload={"b": 2, "a": 1}), key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["Location"] == first.headers["Location"]
    await agent.audited(first.json()["id"], "notification.sent")
    assert len(mails(service, approver)) == 1


async def test_without_a_key_every_request_is_a_decision(agent: Agent) -> None:
    """Equal bodies are not the same question."""
    body = question()
    assert (await agent.post(body)).json()["id"] != (await agent.post(body)).json()["id"]


async def test_fifty_at_once_are_one_decision(
    another_agent: Agent, service: RunningService, temporal: Client
) -> None:
    """Whichever request comes first starts it, and the others find it."""
    approver, key = someone(), new_key()
    body = question(approver=approver)
    answers = await asyncio.gather(*(another_agent.post(body, key) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    await link_to(service, approver)
    query = f"HandoverAgent = '{another_agent.name}'"
    assert await eventually(lambda: _count(temporal, query)) == 1
    await another_agent.audited(answers[0].json()["id"], "notification.sent")
    assert len(mails(service, approver)) == 1


async def _count(temporal: Client, query: str) -> int:
    return (await temporal.count_workflows(query)).count


async def test_two_bodies_at_once_are_one_decision_and_one_refusal(agent: Agent) -> None:
    """A race between two questions under one key has one winner."""
    key = new_key()
    bodies = [question(action=f"Refund {n}") for n in range(4)]
    answers = await asyncio.gather(*(agent.post(body, key) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [201, 422, 422, 422]
    winner = next(n for n, answer in enumerate(answers) if answer.status_code == 201)
    decision = await agent.get(answers[winner].json()["id"])
    assert decision["action"] == bodies[winner]["action"]


@pytest.mark.parametrize("remembered", [True, False])
async def test_the_same_key_with_another_body_is_refused(agent: Agent, remembered: bool) -> None:
    """422 with a code of its own, also where only Temporal still knows what the key was for."""
    key, body = new_key(), question()
    first = (await agent.post(body, key)).json()
    if not remembered:
        in_store(agent.service, "DELETE FROM idempotency_keys WHERE key = ?", key)
    answer = await agent.post(body | {"action": "Refund everybody"}, key)
    assert refused_fields(answer) == ["Idempotency-Key"]
    assert answer.json()["code"] == "idempotency_key_reused"
    assert (await agent.get(first["id"]))["action"] == body["action"]


async def test_another_agents_key_is_another_key(agent: Agent, another_agent: Agent) -> None:
    """Two agents may use the same word without learning of each other."""
    key, body = new_key(), question()
    mine, theirs = await agent.post(body, key), await another_agent.post(body, key)
    assert (mine.status_code, theirs.status_code) == (201, 201)
    assert mine.json()["id"] != theirs.json()["id"]


async def test_a_request_in_another_spelling_is_the_same(agent: Agent) -> None:
    """Of approvers, channels, addresses, numbers and the order of fields, however the key is known:
    as it is kept, as it was kept for the very words, or from Temporal alone."""
    name = someone().removesuffix("@example.com")
    step = {"after_minutes": 30, "approvers": [f"{name}-2@example.com"]}
    body = question(
        approver=f"{name}@example.com", escalation=[step], channel="email", payload={"a": 1, "b": 2}
    )
    spellings: list[dict[str, object]] = [
        {},
        {"approver": [f"{name.capitalize()}@Example.COM"]},
        {"escalation": [{"approvers": [f"{name.upper()}-2@example.com"], "after_minutes": 30.0}]},
        {"channel": ["email"]},
        {"channel": [{"after_minutes": 0, "channel": "email"}]},
        {"payload": {"b": 2.0, "a": 1}, "context": None, "urgency": "medium"},
    ]
    others = [{"approver": someone()}, {"timeout_minutes": 61}, {"payload": {"a": 1}}]
    key = new_key()
    decision = (await agent.post(body, key)).json()
    for known in (None, decision["request_digest"], ""):
        if known is not None:
            in_store(agent.service, "DELETE FROM idempotency_keys WHERE key = ?", key)
        if known:
            values = (agent.name, key, known, decision["id"], "2026-01-01 00:00:00.000000")
            row = "INSERT INTO idempotency_keys (agent, key, fingerprint, decision_id, created_at)"
            in_store(agent.service, f"{row} VALUES (?, ?, ?, ?, ?)", *values)
        # What was kept for the very words knows those.
        for spelling in spellings[:1] if known else spellings:
            again = await agent.post(dict(reversed((body | spelling).items())), key)
            assert (again.status_code, again.json()["id"]) == (201, decision["id"]), spelling
        for other in others:
            refused = await agent.post(body | other, key)
            assert refused.json()["code"] == "idempotency_key_reused", other


async def test_a_settled_decision_is_found_by_its_key(agent: Agent) -> None:
    """Repeating the request after the end gives the outcome, and asks nobody again."""
    key, body = new_key(), question()
    decision = (await agent.post(body, key)).json()["id"]
    await agent.cancel(decision)
    again = await agent.post(body, key)
    assert (again.json()["id"], again.json()["status"]) == (decision, "cancelled")


async def test_a_key_outlives_the_api(spare: Agent) -> None:
    """Killed and started again, the service knows what the key was for."""
    key, body = new_key(), question()
    first = await spare.post(body, key)
    spare.service.kill("api")
    await spare.service.start_api()
    async with Agent.of(spare.service) as later:
        again = await later.post(body, key)
        other = await later.post(body | {"action": "Refund everybody"}, key)
    assert again.json()["id"] == first.json()["id"]
    assert other.status_code == 422


async def test_a_key_that_was_not_remembered_still_finds_its_decision(agent: Agent) -> None:
    """As after a crash between starting the decision and noting the key; also a settled one."""
    key, body = new_key(), question()
    first = (await agent.post(body, key)).json()["id"]
    count = "SELECT decision_id FROM idempotency_keys WHERE key = ?"
    in_store(agent.service, "DELETE FROM idempotency_keys WHERE key = ?", key)
    assert in_store(agent.service, count, key) == []
    assert (await agent.post(body, key)).json()["id"] == first
    assert in_store(agent.service, count, key) == [(first,)]
    await agent.cancel(first)
    in_store(agent.service, "DELETE FROM idempotency_keys WHERE key = ?", key)
    again = (await agent.post(body, key)).json()
    assert (again["id"], again["status"]) == (first, "cancelled")


async def test_a_key_whose_decision_is_gone_starts_no_second_one(
    agent: Agent, temporal: Client
) -> None:
    """After Temporal's retention the action may long be done: the answer says it is gone."""
    key, body = new_key(), question()
    decision = (await agent.post(body, key)).json()["id"]
    await temporal.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(
            namespace=temporal.namespace,
            workflow_execution=WorkflowExecution(workflow_id=decision),
        )
    )

    async def gone() -> bool:
        return (await agent.http.get(f"/decisions/{decision}")).status_code == 404

    await eventually(gone)
    again = await agent.post(body, key)
    assert again.status_code in (404, 410)
    assert again.json()["error"]
    assert await gone()
    other = await agent.post(body | {"action": "Refund everybody"}, key)
    assert other.json()["code"] == "idempotency_key_reused"


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_a_key_of_the_wrong_length_is_refused(agent: Agent, key: str) -> None:
    """1 to 255 characters: the header is named."""
    fields = refused_fields(await agent.post(question(), key))
    assert [field.lower() for field in fields] == ["idempotency-key"]
