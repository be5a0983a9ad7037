"""`POST /decisions/{id}/extend`: more time, and never less."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from templates import Reader
from templates.words import Words
from tests.api.agent import Agent, link_to, no_worker, refused_fields, someone
from tests.approver import newest_mail, press
from tests.service import RunningService


async def test_the_deadline_moves_everywhere(agent: Agent, service: RunningService) -> None:
    """In the answer, on the page and in the record, which says who moved it."""
    approver = someone()
    asked = await agent.ask(approver=approver, timeout_minutes=5)
    link = await link_to(service, approver)
    before = datetime.now(UTC)
    answer = await agent.extend(asked["id"], 90)
    assert answer.status_code == 200, answer.text
    until = datetime.fromisoformat(answer.json()["expires_at"])
    assert before + timedelta(minutes=90) <= until < before + timedelta(minutes=91)
    assert (await agent.get(asked["id"]))["expires_at"] == answer.json()["expires_at"]
    assert Words(Reader()).moment(until) in (await agent.http.get(link)).text
    entries = await agent.audited(asked["id"], "decision.extended")
    [extended] = [entry for entry in entries if entry["type"] == "decision.extended"]
    assert extended["details"]["by"] == agent.name
    assert datetime.fromisoformat(extended["details"]["from"]) == datetime.fromisoformat(
        asked["expires_at"]
    )


@pytest.mark.parametrize("minutes", [1, 59, 525_600])
async def test_it_never_gets_shorter_nor_longer_than_a_year(agent: Agent, minutes: float) -> None:
    """What would end earlier, or too late, is refused with the present deadline."""
    decision = (await agent.ask(timeout_minutes=60))["id"]
    answer = await agent.extend(decision, minutes)
    assert refused_fields(answer) == ["timeout_minutes"]
    assert answer.json()["code"] == "not_longer"


@pytest.mark.parametrize("body", [None, {}, {"timeout_minutes": 0}, {"timeout_minutes": "9"}])
async def test_bad_bodies(agent: Agent, body: object) -> None:
    """Each names the field."""
    decision = (await agent.ask())["id"]
    answer = await agent.http.post(f"/decisions/{decision}/extend", json=body)
    assert refused_fields(answer) in (["timeout_minutes"], ["body"])


async def test_only_its_own_agent_extends(
    agent: Agent, another_agent: Agent, operator: Agent
) -> None:
    """For others it is not there, also for who may see it."""
    decision = (await agent.ask())["id"]
    for who in (another_agent, operator):
        assert (await who.extend(decision, 90)).status_code == 404
        assert (await who.cancel(decision)).status_code == 404


async def test_what_is_over_is_not_extended(agent: Agent) -> None:
    """409, with the outcome."""
    decision = (await agent.ask())["id"]
    await agent.cancel(decision)
    answer = await agent.extend(decision, 90)
    assert (answer.status_code, answer.json()["code"]) == (409, "already_settled")
    assert answer.json()["decision"]["status"] == "cancelled"


async def test_without_a_worker_it_is_received(spare: Agent) -> None:
    """202, with the deadline as it stands; the new one is there with the next worker."""
    decision = (await spare.ask(timeout_minutes=5))["id"]
    await spare.audited(decision, "notification.sent")
    async with no_worker(spare.service):
        assert (await spare.extend(decision, 90)).status_code == 202
    await spare.audited(decision, "decision.extended")


async def test_who_is_asked_later_reads_the_new_deadline(
    agent: Agent, service: RunningService
) -> None:
    """Mails tell the time that there is, and not the one that there was."""
    approver, backup = someone(), someone("backup")
    asked = await agent.ask(
        approver=approver,
        timeout_minutes=5,
        escalation=[{"after_minutes": 4, "approvers": [backup]}],
    )
    link = await link_to(service, approver)
    until = datetime.fromisoformat((await agent.extend(asked["id"], 90)).json()["expires_at"])
    await press(link, "not_me")
    mail = (await newest_mail(service, backup)).get_body(("plain",))
    assert mail is not None
    assert Words(Reader()).moment(until) in mail.get_content()
