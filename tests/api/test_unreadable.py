"""A decision that nobody can make sense of any more: it says so itself, and is in nobody's way."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes

from api.decisions.signing import Signer
from tests.api.agent import Agent, in_store, someone
from tests.api.inboxes import Inbox, page_url, results
from tests.support import eventually
from tests.workflows.harness import make_input, stranger
from workflows import options
from workflows.messages import WORKFLOW, DecisionInput

NONSENSE = "{" + "x" * 20_000
"""What the store has in the place of a payload: by its digest just what was put there."""


async def unreadable(agent: Agent, temporal: Client, approver: str, where: str) -> str:
    """One that the service has sealed, that no worker of ours works on."""
    secrets = json.loads((agent.service.data_dir / "secrets.json").read_text())
    signer = stranger if where == "another key" else Signer([secrets["signing_keys"]])
    digest = hashlib.sha256(NONSENSE.encode()).hexdigest()
    request: dict[str, Any] = {"approver": approver}
    changes: dict[str, Any] = {"agent": agent.name, "keyring": signer.keyring}
    if where == "history":  # no version of the rules can count to this
        request["escalation"] = [{"after_minutes": 1e300, "approvers": [someone()]}]
    if where == "store":
        changes["stored"] = {"payload": digest}
        in_store(
            agent.service,
            "INSERT OR IGNORE INTO contents (digest, body, created_at) VALUES (?, ?, ?)",
            *(digest, NONSENSE, "2026-01-01 00:00:00"),
        )
    input = make_input(**request).model_copy(update=changes)
    await temporal.start_workflow(
        WORKFLOW,
        signer.seal(input),
        id=input.id,
        task_queue="nobody",
        search_attributes=_indexed(input, approver),
    )
    return input.id


def _indexed(input: DecisionInput, approver: str) -> TypedSearchAttributes:
    return TypedSearchAttributes(
        [
            SearchAttributePair(options.STATUS_KEY, "pending"),
            SearchAttributePair(options.URGENCY_KEY, "medium"),
            SearchAttributePair(options.AGENT_KEY, input.agent),
            SearchAttributePair(options.EXPIRES_AT_KEY, input.expires_at),
            SearchAttributePair(options.APPROVER_KEY, [approver]),
        ]
    )


@pytest.mark.parametrize("where", ["history", "store", "another key"])
async def test_one_decision_that_cannot_be_read_breaks_no_other(
    another_agent: Agent, temporal: Client, where: str
) -> None:
    """503 for itself, with its name, or that of the key that it takes; lists leave it out and count
    it; inbox, answers and records of all others go on."""
    agent, approver = another_agent, someone()
    broken = await unreadable(agent, temporal, approver, where)
    sound = [(await agent.ask(approver=approver))["id"] for _ in range(2)]
    for path in ("", "/audit", "?wait=1"):
        answer = await agent.http.get(f"/decisions/{broken}{path}")
        assert answer.status_code == 503, answer.text
        named = broken if where != "another key" else next(iter(stranger.keyring))
        assert named in answer.json()["error"]
    page = await agent.http.get(page_url(agent.service, approver, broken))
    assert page.status_code == 503
    assert named in page.text

    async def listed() -> bool:
        answer = await agent.http.get("/decisions", params={"approver": approver})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found = {each["id"] for each in page["decisions"]}
        # What the store lacks is not looked for in a list.
        return (found, page["unreadable"]) == (
            ({*sound, broken}, 0) if where == "store" else ({*sound}, 1)
        )

    await eventually(listed)
    inbox = await Inbox.with_all(agent.service, approver, *sound)
    if where != "store":
        assert "One more that may wait for you cannot be shown right now" in inbox.answer.text
    first, second = sound
    approve = inbox.values[first]["approve"]
    form = {f"answer.{first}": approve, f"answer.{broken}": approve.replace("deny", "approve")}
    page = await agent.http.post(inbox.url, data={**form, "send": "1"})
    assert page.status_code == 200, page.text
    assert len(results(page)) == 2
    assert (await agent.get(first))["status"] == "approved"
    assert await agent.audit(second)
    assert (await agent.get(second))["status"] == "pending"
