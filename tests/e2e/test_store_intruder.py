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

from store.keys import new_key
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
    async with httpx2.AsyncClient() as browser:
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
    async with httpx2.AsyncClient() as browser:
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
