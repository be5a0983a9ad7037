"""`POST /decisions/{id}/cancel`: the agent takes its question back."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from fastapi import Response
from temporalio.client import Client

from api.agents import decisions as routes
from api.decisions.clock import Clock
from api.decisions.decisions import Decisions
from api.decisions.executions import Executions
from api.decisions.signing import Signer
from api.decisions.telling import Telling
from api.decisions.waiting import Waiting
from api.problems.errors import Conflict
from histories.loading import Histories
from histories.reading import Reading
from store import open_store
from store.keys import ApiKey
from tests.api.agent import Agent, link_to, refused_fields, someone
from tests.approver import newest_mail, press
from tests.service import RunningService
from tests.support import eventually


async def test_a_withdrawn_decision_says_so_everywhere(
    agent: Agent, service: RunningService
) -> None:
    """To the agent, to the one who waits, in the record, on the page and in the approver's mail."""
    approver = someone()
    decision = (await agent.ask(approver=approver, enforce=True))["id"]
    link = await link_to(service, approver)
    await agent.audited(decision, "notification.sent")
    waiter = asyncio.create_task(agent.get(decision, wait=60))
    answer = await agent.cancel(decision, notes="Solved\notherwise")
    assert answer.status_code == 200
    for told in (answer.json(), await waiter, await agent.get(decision)):
        assert (told["status"], told["origin"]) == ("cancelled", "agent")
        assert (told["resolved_by"], told["response_notes"]) == (agent.name, "Solved\notherwise")
        assert (told["approved"], told["action_permitted"]) == (False, False)
    entries = await agent.audit(decision)
    entry = next(each for each in entries if each["type"] == "decision.cancelled")
    assert (entry["details"]["origin"], entry["details"]["by"]) == ("agent", agent.name)
    assert entry["details"]["notes"] == "Solved\notherwise"
    page = await agent.http.get(link)
    assert "Withdrawn by the agent" in page.text
    assert 'name="choice"' not in page.text
    assert "Withdrawn" in (await newest_mail(service, approver, "Withdrawn"))["Subject"]


async def test_an_answer_after_the_withdrawal_comes_too_late(
    agent: Agent, service: RunningService
) -> None:
    """409 for the approver, and the decision stays withdrawn."""
    approver = someone()
    decision = (await agent.ask(approver=approver))["id"]
    link = await link_to(service, approver)
    form = {"choice": "approve", "digest": "0" * 64}
    await agent.cancel(decision)
    page = await agent.http.post(link, data=form)
    assert page.status_code == 409
    assert "Withdrawn by the agent" in page.text
    assert (await agent.get(decision))["status"] == "cancelled"


@pytest.mark.parametrize("choice", ["approve", "deny"])
async def test_a_settled_decision_stays_what_it_is(
    agent: Agent, service: RunningService, choice: str
) -> None:
    """409 with the decision as it stands, which did not change."""
    approver = someone()
    decision = (await agent.ask(approver=approver))["id"]
    await press(await link_to(service, approver), choice)
    before = await agent.get(decision)
    answer = await agent.cancel(decision, notes="never mind")
    assert (answer.status_code, answer.json()["code"]) == (409, "already_settled")
    for settled in (answer.json()["decision"], await agent.get(decision)):
        assert settled == before | {"notifications": settled["notifications"]}


async def test_withdrawing_again_changes_nothing(agent: Agent) -> None:
    """A client may repeat what got no answer: the first withdrawal stands, and its notes."""
    decision = (await agent.ask())["id"]
    assert (await agent.cancel(decision, notes="first")).status_code == 200
    again = await agent.cancel(decision, notes="again")
    assert (again.status_code, again.json()["response_notes"]) == (200, "first")
    types = [entry["type"] for entry in await agent.audit(decision)]
    assert types.count("decision.cancelled") == 1


async def test_withdrawals_at_once_end_one_decision(agent: Agent) -> None:
    """Each is told that it is cancelled, and the record has it once."""
    decision = (await agent.ask())["id"]
    answers = await asyncio.gather(*(agent.cancel(decision) for _ in range(4)))
    assert {(answer.status_code, answer.json()["status"]) for answer in answers} == {
        (200, "cancelled")
    }
    types = [entry["type"] for entry in await agent.audit(decision)]
    assert types.count("decision.cancelled") == 1


async def test_a_decision_that_ends_just_before_the_withdrawal_is_a_conflict(
    agent: Agent, service: RunningService, temporal: Client, tmp_path: Path
) -> None:
    """Between reading and signalling the workflow may end: 409 with the outcome, and no 404."""
    approver = someone()
    decision = (await agent.ask(approver=approver))["id"]
    secrets = json.loads((service.data_dir / "secrets.json").read_text())
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path}/store.db")
    signer, clock = Signer([secrets["signing_keys"]]), Clock(temporal)
    waiting = Waiting(temporal, Histories(temporal, signer.keyring), most=10)
    decisions = ReadsLate(temporal, store, Executions(store, signer, clock), waiting)
    telling = Telling(temporal, store.contents, signer, waiting, clock, decisions)
    decisions.before = await decisions.read(decision)
    await press(await link_to(service, approver), "approve")

    async def ended() -> bool:
        return (await decisions.read_live(decision)).closed

    await eventually(ended)
    with pytest.raises(Conflict) as conflict:
        await routes.cancel(
            cast(Any, Parts(decisions, telling)),
            ApiKey("key_1", agent.name),
            decision,
            Response(),
        )
    await store.close()
    assert conflict.value.more["decision"]["status"] == "approved"


@dataclass
class Parts:
    """What the route takes of a service."""

    decisions: Decisions
    telling: Telling


class ReadsLate(Decisions):
    """Reads the decision for its agent as it was a moment `before`, once."""

    before: Reading | None = None

    async def read_own(self, agent: ApiKey, decision_id: str) -> Reading:
        before, self.before = self.before, None
        return before or await super().read_own(agent, decision_id)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"notes": 7}, "notes"),
        ({"notes": "x" * 10_001}, "notes"),
        ({"notes": "\ud800"}, "notes"),
        ({"reason": "x"}, "reason"),
        ([], "body"),
    ],
)
async def test_a_bad_withdrawal_is_refused_by_name(agent: Agent, body: object, field: str) -> None:
    """422, and the decision is still open."""
    decision = (await agent.ask())["id"]
    answer = await agent.http.post(
        f"/decisions/{decision}/cancel",
        content=json.dumps(body),
        headers={"Content-Type": "application/json"},
    )
    assert refused_fields(answer) == [field]
    assert (await agent.get(decision))["status"] == "pending"


@pytest.mark.parametrize("body", [b"", b"null", b"{}", b'{"notes": null}'])
async def test_a_withdrawal_needs_no_words(agent: Agent, body: bytes) -> None:
    """No body, null and an empty object all withdraw."""
    decision = (await agent.ask())["id"]
    answer = await agent.http.post(
        f"/decisions/{decision}/cancel",
        content=body,
        headers={"Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
