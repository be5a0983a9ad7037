"""Somebody who writes into the store and into the folder of files, as they like.

What was decided stands in signed histories, so they can get in the way of a decision, and approve
none. That a key row of theirs with the right scope may resolve is what SECURITY.md says of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx2
import pytest

from store.keys import AGENT_SCOPES, RESOLVE, new_key
from tests import web
from tests.api.agent import Agent, in_store, link_to, someone
from tests.approver import Form, mails, press
from tests.service import RunningService
from tests.support import eventually

LARGE = "The customer waits. " * 2_000
HARMLESS = "Nothing to see here. " * 2_000
NOTE = b"The parcel arrived broken."
OTHER = b"The parcel arrived intact."


@pytest.fixture
async def agent(service: RunningService) -> AsyncIterator[Agent]:
    async with Agent.of(service) as agent:
        yield agent


def digest_of(text: str) -> str:
    return hashlib.sha256(json.dumps(text).encode()).hexdigest()


async def with_a_key_of_theirs(service: RunningService, name: str, *scopes: str) -> Agent:
    """A row written straight into the table, right in every column."""
    key = new_key()
    digest = hashlib.sha256(key.encode()).hexdigest()
    in_store(
        service,
        "INSERT INTO api_keys (id, name, hash, scopes, created_at) VALUES (?, ?, ?, ?, ?)",
        *(f"key_{digest[:16]}", name, digest, json.dumps(scopes)),
        datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f"),
    )
    return Agent(service, key, name)


@pytest.mark.parametrize("renamed", [False, True], ids=["its body", "its body and its digest"])
async def test_a_content_that_was_exchanged_is_not_shown(
    service: RunningService, agent: Agent, renamed: bool
):
    """Nor approved by somebody who has the page open; with its own content back all goes on."""
    approver, context = someone(), LARGE + someone()
    decision = (await agent.ask(approver=approver, context=context))["id"]
    link = await link_to(service, approver)
    async with web.client() as browser:
        form = Form.of((await browser.get(link)).text)
        digest = digest_of(HARMLESS) if renamed else digest_of(context)
        change = "UPDATE contents SET body = ?, digest = ? WHERE digest = ?"
        in_store(service, change, json.dumps(HARMLESS), digest, digest_of(context))
        assert (await browser.get(link)).status_code == 503
        pressed = await browser.post(link, data={**form.fields, "choice": "approve"})
    assert pressed.status_code == 503
    assert (await agent.http.get(f"/decisions/{decision}")).status_code == 503
    in_store(service, change, json.dumps(context), digest_of(context), digest)
    assert (await agent.get(decision))["status"] == "pending"
    assert (await press(link, "approve")).status_code == 200
    assert (await agent.get(decision))["approved"] is True


async def test_a_file_that_was_exchanged_with_its_row_reaches_no_approver(
    service: RunningService, agent: Agent
):
    """The decision has the digest; the download breaks off, whatever the row says."""
    approver = someone()
    sent = await agent.http.post("/attachments", files={"file": ("note.txt", NOTE, "text/plain")})
    file = sent.json()
    made = await agent.ask(approver=approver, attachment_ids=[file["id"]])
    link = await link_to(service, approver)
    (service.data_dir / "files" / file["id"]).write_bytes(OTHER)
    change = "UPDATE attachments SET sha256 = ? WHERE id = ?"
    in_store(service, change, hashlib.sha256(OTHER).hexdigest(), file["id"])
    async with web.client() as browser:
        with pytest.raises(httpx2.TransportError):
            await browser.get(f"{link}/files/{file['id']}")
    [shown] = (await agent.get(made["id"]))["attachments"]
    assert shown["sha256"] == file["sha256"] == hashlib.sha256(NOTE).hexdigest()


async def test_a_key_that_was_added_asks_and_approves_nothing(
    service: RunningService, agent: Agent
):
    """It is one more agent: it finds nobody else's decisions, and resolves none."""
    decision = (await agent.ask())["id"]
    async with await with_a_key_of_theirs(
        service, "theirs", "decisions:create", "decisions:read"
    ) as theirs:
        own = (await theirs.ask())["id"]
        assert (await theirs.http.get(f"/decisions/{decision}")).status_code == 404
        listed = (await theirs.http.get("/decisions")).json()["decisions"]
        assert [each["id"] for each in listed] in ([own], [])  # the index lags
        for each in (decision, own):
            assert (await theirs.resolve(each, "approve")).status_code == 403
        assert (await theirs.get(own))["status"] == "pending"
    assert (await agent.get(decision))["status"] == "pending"


async def test_a_key_of_an_agents_name_reads_and_withdraws_what_is_that_agents(
    service: RunningService, agent: Agent
):
    """An agent is its name. Whoever takes it on can stop its decisions, and approve none."""
    decision = (await agent.ask())["id"]
    async with await with_a_key_of_theirs(
        service, agent.name, "decisions:create", "decisions:read", "decisions:resolve"
    ) as theirs:
        assert (await theirs.resolve(decision, "approve")).status_code == 403
        assert (await theirs.cancel(decision)).status_code == 200
    ended = await agent.get(decision)
    assert (ended["status"], ended["approved"], ended["origin"]) == ("cancelled", False, "agent")


async def test_a_key_that_was_added_to_resolve_is_seen_by_everybody(
    service: RunningService, agent: Agent
):
    """It does resolve. Agent, record and approver are told that it was no approver's answer."""
    approver = someone()
    decision = (await agent.ask(approver=approver))["id"]
    await link_to(service, approver)
    async with await with_a_key_of_theirs(service, "theirs", "decisions:resolve") as theirs:
        assert (await theirs.resolve(decision, "approve")).status_code == 200
    ended = await agent.get(decision)
    assert (ended["origin"], ended["resolved_by"]) == ("operator", "theirs")
    await eventually(lambda: len(mails(service, approver)) > 1)
    assert "theirs" in mails(service, approver)[-1].as_string()


@pytest.fixture
async def operator(service: RunningService) -> AsyncIterator[Agent]:
    scopes = AGENT_SCOPES | {RESOLVE}
    async with await Agent.with_new_key(service, "operations", scopes) as operator:
        yield operator


INSERT = "INSERT INTO executions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


async def approved(agent: Agent, operator: Agent) -> str:
    decision = (await agent.ask())["id"]
    assert (await operator.resolve(decision, "approve")).status_code == 200
    return decision


async def unproven(agent: Agent, decision: str) -> list[str]:
    """What the record has of executions."""
    entries = await agent.audit(decision)
    return [entry["type"] for entry in entries if entry["type"].startswith("execution.")]


async def test_that_something_ran_cannot_be_made_up(
    service: RunningService, agent: Agent, operator: Agent
):
    """A claim without our signature, with that of another decision, and a report that nobody made
    are told nobody as what happened. The record says that they are there, and nothing runs."""
    ran, made_up, copied, reported = [await approved(agent, operator) for _ in range(4)]
    await agent.claim(ran, claim_id="job 1")
    await agent.done(ran, "succeeded", claim_id="job 1", result="re_1142")
    await agent.claim(reported, claim_id="job 1")
    [row] = in_store(service, "SELECT * FROM executions WHERE decision_id = ?", ran)
    for decision, signature in ((copied, row[9]), (made_up, "AAAA")):
        theirs = (decision, *row[1:9], signature, *row[10:])
        in_store(service, INSERT, *theirs)
    exchange = (
        "UPDATE executions SET status = ?, result = ?, finished_at = ?, report_key = ?,"
        " report_signature = ? WHERE decision_id = ?"
    )
    in_store(service, exchange, *row[10:], reported)
    for decision in (made_up, copied):
        assert (await agent.get(decision))["execution"] is None
        assert (await agent.get(decision))["approved"] is True
        assert await unproven(agent, decision) == ["execution.unproven"]
        refused = await agent.claim(decision)
        assert refused.status_code == 503
        assert "tell an operator" in refused.json()["error"]
    assert (await agent.get(reported))["execution"]["status"] == "claimed"
    assert await unproven(agent, reported) == ["execution.claimed", "execution.unproven"]
    assert (await agent.claim(reported)).status_code == 503
    assert (await agent.done(reported, "failed", claim_id="job 1")).status_code == 503
    assert await unproven(agent, ran) == ["execution.claimed", "execution.succeeded"]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE executions SET result = 'nothing ran' WHERE decision_id = ?",
        "UPDATE executions SET status = 'not_run' WHERE decision_id = ?",
        "UPDATE executions SET finished_at = '2026-01-01 00:00:00.000000' WHERE decision_id = ?",
        "UPDATE executions SET worker = 'nobody' WHERE decision_id = ?",
        "UPDATE executions SET agent = 'mallory' WHERE decision_id = ?",
        "UPDATE executions SET claim_id = 'job 2' WHERE decision_id = ?",
        "UPDATE executions SET number = 1 WHERE decision_id = ?",
        "UPDATE executions SET claimed_at = '2026-01-01 00:00:00.000000' WHERE decision_id = ?",
        "UPDATE executions SET status = NULL, result = NULL WHERE decision_id = ?",
        "UPDATE executions SET report_signature = NULL WHERE decision_id = ?",
        "UPDATE executions SET finished_at = NULL WHERE decision_id = ?",
    ],
)
async def test_no_part_of_an_execution_can_be_exchanged(
    service: RunningService, agent: Agent, operator: Agent, change: str
):
    """What was changed is not told. Taking something back is: see the next test."""
    decision = await approved(agent, operator)
    await agent.claim(decision, claim_id="job 1", worker="worker-3")
    await agent.done(decision, "succeeded", claim_id="job 1", result="re_1142")
    in_store(service, change, decision)
    execution = (await agent.get(decision))["execution"]
    told = execution and (execution["status"], execution["result"], execution["worker"])
    assert told in (None, ("claimed", None, "worker-3"))
    assert (await agent.claim(decision, claim_id="job 3")).status_code in (409, 503)


async def test_a_claim_that_was_deleted_can_be_made_again(
    service: RunningService, agent: Agent, operator: Agent
):
    """Who writes the store can have a permitted action run twice, as far as agents go by claims."""
    decision = await approved(agent, operator)
    await agent.claim(decision)
    in_store(service, "DELETE FROM executions WHERE decision_id = ?", decision)
    assert (await agent.claim(decision)).status_code == 201
