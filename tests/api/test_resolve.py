"""`POST /decisions/{id}/resolve`: an answer by a key that may, held to the rules of a click."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.api.agent import Agent, link_to, no_worker, refused_fields, someone
from tests.approver import newest_mail, press
from tests.service import RunningService
from tests.support import eventually

FIELDS = [{"name": "reason", "label": "Why", "required": True}, {"name": "more", "label": "More"}]
CHOOSE: dict[str, Any] = {"type": "choose", "choices": ["refund", "voucher"]}
SCHEDULE: dict[str, Any] = {"type": "schedule", "allow_immediate": False}

ANSWERS: list[tuple[dict[str, Any], Any, Any, str]] = [
    ({"type": "approve_deny"}, None, None, "approved"),
    ({"type": "confirm"}, None, None, "approved"),
    (CHOOSE, {"chosen": "voucher"}, {"chosen": "voucher"}, "approved"),
    (
        {"type": "text_input", "fields": FIELDS},
        {"reason": "broken", "more": " "},
        {"reason": "broken"},
        "approved",
    ),
    ({"type": "number", "min": 1, "max": 9.5}, {"value": 9.5}, {"value": 9.5}, "approved"),
    ({"type": "schedule"}, {"execute_at": "now"}, None, "approved"),
]
REFUSED: list[tuple[dict[str, Any], Any, str]] = [
    ({"type": "confirm"}, {"chosen": "a"}, "response_data.chosen"),
    (CHOOSE, {"chosen": "cash"}, "response_data.chosen"),
    (CHOOSE, None, "response_data.chosen"),
    ({"type": "text", "fields": FIELDS}, {"more": "x"}, "response_data.reason"),
    ({"type": "text", "fields": FIELDS}, {"reason": "x", "other": "y"}, "response_data.other"),
    ({"type": "number_input", "min": 1, "max": 9}, {"value": 10}, "response_data.value"),
    ({"type": "number_input"}, {"value": "7"}, "response_data.value"),
    ({"type": "number_input"}, {"value": True}, "response_data.value"),
    (SCHEDULE, {"execute_at": "2020-01-01T00:00:00Z"}, "response_data.execute_at"),
    (SCHEDULE, {"execute_at": "2999-01-01T00:00:00"}, "response_data.execute_at"),
    (SCHEDULE, None, "response_data.execute_at"),
    ({"type": "file_upload"}, {"uploaded_files": []}, "response_data.uploaded_files"),
    ({"type": "file_upload"}, {"uploaded_files": ["att_none"]}, "response_data.uploaded_files.0"),
]


@pytest.mark.parametrize(
    ("response_type", "given", "kept", "status"), ANSWERS, ids=lambda v: str(v)[:40]
)
async def test_every_type_of_answer(
    agent: Agent, operator: Agent, response_type: Any, given: Any, kept: Any, status: str
) -> None:
    """The agent gets the answer in its canonical form, and who gave it."""
    decision = (await agent.ask(response_type=response_type, enforce=True))["id"]
    body = {} if given is None else {"response_data": given}
    answer = await operator.resolve(decision, "approve", notes="checked", **body)
    assert answer.status_code == 200, answer.text
    for told in (answer.json(), await agent.get(decision)):
        assert (told["status"], told["origin"]) == (status, "operator")
        assert (told["resolved_by"], told["response_notes"]) == ("operations", "checked")
        assert told["response_data"] == kept
        assert told["action_permitted"] is True


@pytest.mark.parametrize(("response_type", "given", "field"), REFUSED, ids=lambda v: str(v)[:40])
async def test_what_does_not_fit_is_refused_and_recorded(
    agent: Agent, operator: Agent, response_type: Any, given: Any, field: str
) -> None:
    """422 with the field, the decision stays pending, and the record has the attempt."""
    decision = (await agent.ask(response_type=response_type))["id"]
    body = {} if given is None else {"response_data": given}
    answer = await operator.resolve(decision, "approve", **body)
    assert refused_fields(answer) == [field]
    assert (await agent.get(decision))["status"] == "pending"
    if answer.json()["code"] == "invalid_answer":
        entries = await agent.audited(decision, "response.refused")
        [refused] = [entry for entry in entries if entry["type"] == "response.refused"]
        assert refused["details"]["approver"] == "operations"
        assert refused["details"]["reason"] == "invalid_answer"
        assert refused["details"]["message"]
    assert (await operator.resolve(decision, "deny")).json()["status"] == "denied"


async def test_a_scheduled_action_is_permitted_from_its_time_on(
    agent: Agent, operator: Agent
) -> None:
    """Status `scheduled` at once; the permission comes with the moment and nobody does anything."""
    decision = (await agent.ask(response_type=SCHEDULE, enforce=True))["id"]
    at = datetime.now(UTC) + timedelta(seconds=4)
    data = {"execute_at": at.astimezone(tz=None).isoformat()}
    answer = (await operator.resolve(decision, "approve", response_data=data)).json()
    assert (answer["status"], answer["approved"]) == ("scheduled", False)
    assert datetime.fromisoformat(answer["execute_at"]) == at
    assert answer["response_data"]["execute_at"].endswith("Z")
    assert answer["action_permitted"] is False

    async def permitted() -> bool:
        return (await agent.get(decision))["action_permitted"]

    await eventually(permitted)
    assert datetime.now(UTC) >= at


async def test_files_are_sent_before_and_named(agent: Agent, operator: Agent) -> None:
    """By their ids; from then on they are the decision's, and its agent fetches them."""
    asked = {"type": "file_upload", "accept": ["text/*"], "max_files": 2}
    decision = (await agent.ask(response_type=asked))["id"]
    table = {"file": ("numbers.csv", b"a,b\n1,2\n", "text/csv")}
    sent = (await operator.http.post("/attachments", files=table)).json()
    assert (await agent.http.get(f"/attachments/{sent['id']}")).status_code == 404
    data = {"uploaded_files": [sent["id"]]}
    answer = await operator.resolve(decision, "approve", response_data=data)
    assert answer.json()["response_data"] == {"uploaded_files": [sent]}
    assert (await agent.http.get(f"/attachments/{sent['id']}")).content == b"a,b\n1,2\n"


async def test_a_file_of_another_type_is_refused(agent: Agent, operator: Agent) -> None:
    """What it is decides, and not what it is called."""
    decision = (await agent.ask(response_type={"type": "file_upload", "accept": [".pdf"]}))["id"]
    table = {"file": ("numbers.csv", b"a,b\n1,2\n", "application/pdf")}
    sent = (await operator.http.post("/attachments", files=table)).json()
    data = {"uploaded_files": [sent["id"]]}
    answer = await operator.resolve(decision, "approve", response_data=data)
    assert refused_fields(answer) == ["response_data.uploaded_files.0"]
    assert (await agent.http.get(f"/attachments/{sent['id']}")).status_code == 404
    assert (await agent.get(decision))["status"] == "pending"


async def test_modify_keeps_the_difference(agent: Agent, operator: Agent) -> None:
    """What is permitted is the edited payload, and the record has what was changed (RFC 6902)."""
    payload = {"amount": 10, "to": ["a", "b"], "note": "x"}
    decision = (await agent.ask(payload=payload, enforce=True))["id"]
    edited = {"amount": 8, "to": ["a"], "urgent": True}
    answer = await operator.resolve(decision, "modify", response_data={"payload": edited})
    assert answer.json()["response_data"] == {"payload": edited}
    assert answer.json()["action_permitted"] is True
    [modified] = [e for e in await agent.audit(decision) if e["type"] == "decision.modified"]
    operations = {(each["op"], each["path"]) for each in modified["details"]["changes"]}
    assert operations == {
        ("replace", "/payload/amount"),
        ("remove", "/payload/to/1"),
        ("remove", "/payload/note"),
        ("add", "/payload/urgent"),
    }


async def test_modify_without_a_payload_rewrites_the_action(agent: Agent, operator: Agent) -> None:
    """In words, which permit nothing by themselves."""
    decision = (await agent.ask(action="Refund all", enforce=True))["id"]
    data = {"action": "Refund half"}
    answer = (await operator.resolve(decision, "modify", response_data=data)).json()
    assert (answer["status"], answer["response_data"]) == ("modified", data)
    assert answer["action_permitted"] is False
    [modified] = [e for e in await agent.audit(decision) if e["type"] == "decision.modified"]
    assert modified["details"]["changes"] == [
        {"op": "replace", "path": "/action", "value": "Refund half"}
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"action": "approve", "resolved_by": "the boss"}, "resolved_by"),
        ({"action": "escalate"}, "action"),
        ({}, "action"),
        ({"action": "modify"}, "response_data.payload"),
        ({"action": "deny", "response_data": {"payload": {}}}, "response_data.payload"),
        (
            {"action": "approve", "response_data": {"uploaded_files": "x"}},
            "response_data.uploaded_files",
        ),
        ({"action": "modify", "response_data": {"action": "x"}}, "response_data.payload"),
        (
            {"action": "modify", "response_data": {"payload": {}, "more": 1}},
            "response_data.more",
        ),
        ({"action": "approve", "notes": "x" * 10_001}, "notes"),
        ({"action": "approve", "response_data": {"n": 2**60}}, "response_data.n"),
    ],
    ids=str,
)
async def test_bad_bodies(agent: Agent, operator: Agent, body: Any, field: str) -> None:
    """Each names the field; who resolves is the key's word and never the body's."""
    decision = (await agent.ask(payload={"a": 1}))["id"]
    answer = await operator.http.post(f"/decisions/{decision}/resolve", json=body)
    assert refused_fields(answer) == [field]
    assert (await agent.get(decision))["status"] == "pending"


async def test_what_was_not_offered_is_not_taken(agent: Agent, operator: Agent) -> None:
    """The buttons are the rule on this way too."""
    decision = (await agent.ask(options=["approve", "deny"]))["id"]
    answer = await operator.resolve(decision, "modify", response_data={"action": "x"})
    assert refused_fields(answer) == ["action"]


async def test_an_agents_key_resolves_nothing(agent: Agent, another_agent: Agent) -> None:
    """Neither its own decision nor another's: 403."""
    decision = (await agent.ask())["id"]
    for who in (agent, another_agent):
        answer = await who.resolve(decision, "approve")
        assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
    assert (await agent.get(decision))["status"] == "pending"


async def test_nobody_approves_their_own_request(operator: Agent) -> None:
    """Also where the asking key could resolve others'."""
    decision = (await operator.ask())["id"]
    answer = await operator.resolve(decision, "approve")
    assert (answer.status_code, answer.json()["code"]) == (403, "own_decision")


async def test_the_approvers_are_told(
    agent: Agent, operator: Agent, service: RunningService
) -> None:
    """Who was asked reads that it is settled, and by whom."""
    approver = someone()
    decision = (await agent.ask(approver=approver))["id"]
    link = await link_to(service, approver)
    await agent.audited(decision, "notification.sent")
    assert (await operator.resolve(decision, "approve")).status_code == 200
    told = await newest_mail(service, approver, "pproved")
    assert "operations" in str(told.get_body(("plain",)))
    assert "operations" in (await agent.http.get(link)).text


async def test_what_is_over_stays(agent: Agent, operator: Agent, service: RunningService) -> None:
    """409 with the outcome, whoever ended it."""
    approver = someone()
    decision = (await agent.ask(approver=approver))["id"]
    await press(await link_to(service, approver), "deny")
    for action in ("approve", "deny"):
        answer = await operator.resolve(decision, action)
        assert (answer.status_code, answer.json()["code"]) == (409, "already_settled")
        assert answer.json()["decision"]["resolved_by"] == approver
    assert (await operator.resolve("dec_none", "approve")).status_code == 404


async def test_without_a_worker_it_is_received(spare: Agent) -> None:
    """202 and pending; the outcome is there when there is a worker again."""
    scopes = frozenset({"decisions:resolve"})
    async with await Agent.with_new_key(spare.service, "night-shift", scopes) as operator:
        decision = (await spare.ask())["id"]
        await spare.audited(decision, "notification.sent")
        async with no_worker(spare.service):
            answer = await operator.resolve(decision, "approve")
            assert (answer.status_code, answer.json()["status"]) == (202, "pending")
        settled = await spare.get(decision, wait=60)
    assert (settled["status"], settled["resolved_by"]) == ("approved", "night-shift")


async def test_fifty_at_once_are_one_outcome(
    agent: Agent, service: RunningService, operator: Agent
) -> None:
    """Half of them click and half resolve: one is recorded, 49 are told what it was."""
    approver = someone()
    decision = (await agent.ask(approver=approver))["id"]
    link = await link_to(service, approver)
    await agent.audited(decision, "notification.sent")
    notes = [f"number {n}" for n in range(50)]

    async def decide(number: int) -> bool:
        choice = "approve" if number % 4 < 2 else "deny"
        if number % 2:
            page = await press(link, choice, notes=notes[number])
            return "Your answer is recorded" in page.text
        answer = await operator.resolve(decision, choice, notes=notes[number])
        assert answer.status_code in (200, 409), answer.text
        if answer.status_code == 409:
            assert answer.json()["decision"]["status"] in ("approved", "denied")
        return answer.status_code == 200

    took = await asyncio.gather(*(decide(number) for number in range(50)), return_exceptions=True)
    settled = await agent.get(decision)
    winner = notes.index(settled["response_notes"])
    assert [n for n, won in enumerate(took) if won is True] == [winner]
    types = [entry["type"] for entry in await agent.audit(decision)]
    assert len({"decision.approved", "decision.denied"} & set(types)) == 1
