"""`GET /decisions/{id}/audit`: everything that happened, in order, provable from the history."""

from __future__ import annotations

import asyncio
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from tests.api.agent import Agent, in_store, link_to, no_worker, someone
from tests.approver import Form, mails, press
from tests.service import RunningService

SIGNALED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
FIRED = EventType.EVENT_TYPE_TIMER_FIRED
EVENTS_OF = {
    "decision.created": [EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED],
    "notification.sent": [EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED],
    "decision.escalated": [FIRED, SIGNALED],
    "decision.expired": [FIRED],
    "decision.approved": [SIGNALED],
    "decision.denied": [SIGNALED],
    "decision.cancelled": [SIGNALED],
    "approver.declined": [SIGNALED],
    "response.refused": [SIGNALED],
    "signal.received": [SIGNALED],
}


def types(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["type"] for entry in entries]


def of_type(entries: list[dict[str, Any]], type: str) -> list[dict[str, Any]]:
    return [entry["details"] for entry in entries if entry["type"] == type]


async def check(temporal: Client, decision: str, entries: list[dict[str, Any]]) -> None:
    """The entries are in order of time, and each was read from an event of the right type."""
    history = await temporal.get_workflow_handle(decision).fetch_history()
    kinds = {event.event_id: event.event_type for event in history.events}
    for entry in entries:
        if entry["type"] == "response.late":
            assert entry["event_id"] is None
        elif entry["type"] == "approver.asked":
            assert entry["event_id"] in kinds, entry
        else:
            assert kinds[entry["event_id"]] in EVENTS_OF[entry["type"]], entry
    assert [e["at"] for e in entries] == sorted(e["at"] for e in entries)
    numbers = [entry["event_id"] for entry in entries if entry["event_id"]]
    assert numbers == sorted(numbers)


async def test_the_record_tells_the_whole_story(
    agent: Agent, service: RunningService, temporal: Client
) -> None:
    """Asked, reached, nobody answered, the next one asked, approved, told: each with its event."""
    first, backup = someone(), someone("bob")
    escalation = [{"after_minutes": 0.02, "approvers": [backup]}]
    decision = (await agent.ask(approver=first, escalation=escalation))["id"]
    await press(await link_to(service, backup), "approve", notes="Fine.")
    entries = await agent.audited(decision, *["notification.sent"] * 4)
    await check(temporal, decision, entries)
    assert types(entries)[:7] == [
        *("decision.created", "approver.asked", "notification.sent"),
        *("decision.escalated", "approver.asked", "notification.sent"),
        "decision.approved",
    ]
    [created], [escalated] = (of_type(entries, f"decision.{t}") for t in ("created", "escalated"))
    assert (created["agent"], created["action"]) == (agent.name, "Refund order 1142")
    assert (escalated["level"], escalated["reason"]) == (1, "no_answer")
    assert escalated["approvers"] == [backup]
    assert [(e["approver"], e["level"]) for e in of_type(entries, "approver.asked")] == [
        (first, 0),
        (backup, 1),
    ]
    [approved] = of_type(entries, "decision.approved")
    assert (approved["origin"], approved["by"]) == ("human", backup)
    assert (approved["choice"], approved["notes"]) == ("approve", "Fine.")


async def test_the_record_names_each_message_as_its_provider_does(
    agent: Agent, service: RunningService
) -> None:
    """A message id of the record leads to the mail that the approver got."""
    approver = someone()
    decision = (await agent.ask(approver=approver))["id"]
    await press(await link_to(service, approver), "deny")
    entries = await agent.audited(decision, "notification.sent", "notification.sent")
    sent = of_type(entries, "notification.sent")
    assert [each["message"] for each in sent] == ["decision-request", "receipt"]
    assert len(mails(service, approver)) == 2
    for each in sent:
        mail = (service.outbox / each["provider_message_id"]).read_text()
        assert approver in mail.partition("\n\n")[0]
        assert (each["approver"], each["channel"], each["provider"]) == (
            approver,
            "email",
            "outbox",
        )


async def test_an_expiry_is_in_the_record(agent: Agent, temporal: Client) -> None:
    """Denied because nobody answered: with its time, its origin and nobody's name."""
    decision = (await agent.ask(timeout_minutes=0.01))["id"]
    entries = await agent.audited(decision, "decision.expired")
    await check(temporal, decision, entries)
    [expired] = of_type(entries, "decision.expired")
    assert (expired["origin"], expired["by"]) == ("timeout", None)
    assert (await agent.get(decision))["status"] == "expired"


async def test_who_was_the_wrong_person_is_in_the_record(
    agent: Agent, service: RunningService, temporal: Client
) -> None:
    """ "Not me" is an entry, and so is asking the next one because of it."""
    first, backup = someone(), someone("bob")
    escalation = [{"after_minutes": 30, "approvers": [backup]}]
    decision = (await agent.ask(approver=first, escalation=escalation))["id"]
    await press(await link_to(service, first), "not_me", notes="Ask Bob.")
    entries = await agent.audited(decision, "approver.declined", "decision.escalated")
    await check(temporal, decision, entries)
    [declined], [escalated] = (
        of_type(entries, type) for type in ("approver.declined", "decision.escalated")
    )
    assert (declined["approver"], declined["notes"]) == (first, "Ask Bob.")
    assert escalated["reason"] == "not_me"


async def test_what_was_refused_is_in_the_record_with_its_reason(
    spare: Agent, temporal: Client
) -> None:
    """Answers while no worker runs: readable at once as received, then one counts and why not."""
    first, second = someone(), someone("bob")
    decision = (await spare.ask(approver=[first, second]))["id"]
    links = [await link_to(spare.service, approver) for approver in (first, second)]
    await spare.audited(decision, "notification.sent")
    async with no_worker(spare.service):
        for link, choice in zip(links, ("deny", "approve"), strict=True):
            assert (await press(link, choice)).status_code == 202
        received = await spare.audit(decision)
        assert types(received)[-2:] == ["signal.received"] * 2
        await check(temporal, decision, received)
        assert (await spare.get(decision))["status"] == "pending"
    entries = await spare.audited(decision, "decision.denied", "response.refused")
    await check(temporal, decision, entries)
    assert "signal.received" not in types(entries)
    [refused] = of_type(entries, "response.refused")
    assert (refused["approver"], refused["choice"]) == (second, "approve")
    assert (refused["reason"], refused["message"]) == (
        "already_settled",
        "The decision is already denied.",
    )


async def test_late_answers_stand_in_their_place(
    agent: Agent, service: RunningService, temporal: Client
) -> None:
    """What came after the end is kept with notes and data, and the record shows it by its time."""
    approver = someone()
    decision = (await agent.ask(approver=approver, payload={"a": 1}))["id"]
    link = await link_to(service, approver)
    form = Form.of((await agent.http.get(link)).text).fields
    await press(link, "deny")
    late = {**form, "choice": "modify", "notes": "Wait!", "payload": '{"a": 2}'}
    assert (await agent.http.post(link, data=late)).status_code == 409
    entries = await agent.audit(decision)
    await check(temporal, decision, entries)
    [kept] = of_type(entries, "response.late")
    assert (kept["approver"], kept["choice"], kept["notes"]) == (approver, "modify", "Wait!")
    assert (kept["data"], kept["reason"]) == ({"payload": {"a": 2}}, "already_settled")
    assert types(entries).index("response.late") > types(entries).index("decision.denied")
    rows = in_store(
        service, "SELECT count(*) FROM refused_responses WHERE decision_id = ?", decision
    )
    assert rows == [(1,)]


async def test_reading_the_record_changes_nothing(agent: Agent, temporal: Client) -> None:
    """Fifty readers at once add no event to the history."""
    decision = (await agent.ask())["id"]
    await agent.audited(decision, "notification.sent")
    handle = temporal.get_workflow_handle(decision)
    before = len((await handle.fetch_history()).events)
    records = await asyncio.gather(*(agent.audit(decision) for _ in range(50)))
    assert all(record == records[0] for record in records)
    assert len((await handle.fetch_history()).events) == before
