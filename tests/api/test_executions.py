"""`POST /decisions/{id}/claim` and `/done`: one approval, one run, and a record of how it ended."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from store.keys import AUDIT, READ
from tests.api.agent import Agent, someone
from tests.api.systems import System
from tests.support import eventually


async def approved(agent: Agent, operator: Agent, **fields: object) -> str:
    decision = (await agent.ask(**fields))["id"]
    answer = await operator.resolve(decision, "approve")
    assert answer.json()["status"] == "approved"
    return decision


async def test_of_many_who_claim_at_once_one_runs(agent: Agent, operator: Agent) -> None:
    """All others are told who has it and since when; nothing is left to chance or to a 500."""
    decision = await approved(agent, operator)
    claims = (agent.claim(decision, worker=f"worker-{number}") for number in range(40))
    answers = await asyncio.gather(*claims)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 39}
    [won] = [answer.json() for answer in answers if answer.status_code == 201]
    execution = won["execution"]
    assert (execution["claimed_by"], execution["status"]) == (agent.name, "claimed")
    for refused in (answer.json() for answer in answers if answer.status_code == 409):
        assert refused["code"] == "already_claimed"
        assert (
            f"{agent.name} ({execution['worker']}) at {execution['claimed_at'][:19]}Z"
            in (refused["error"])
        )
        assert refused["decision"]["execution"] == execution
    assert (await agent.get(decision))["execution"] == execution


async def test_a_claim_whose_answer_was_lost_is_repeated(agent: Agent, operator: Agent) -> None:
    """Under its name it is the same claim, however often and at once, until it is reported."""
    decision = await approved(agent, operator)
    answers = await asyncio.gather(*(agent.claim(decision, claim_id="job 1") for _ in range(10)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 9}
    assert len({str(answer.json()["execution"]) for answer in answers}) == 1
    ends = ("succeeded", "succeeded", "failed", "failed")
    reports = await asyncio.gather(*(agent.done(decision, end, claim_id="job 1") for end in ends))
    assert Counter(report.status_code for report in reports) == {200: 2, 409: 2}
    again = await agent.claim(decision, claim_id="job 1")
    assert (again.status_code, again.json()["code"]) == (409, "already_claimed")


async def test_what_is_given_back_is_claimed_by_one(agent: Agent, operator: Agent) -> None:
    """However many come for it; the record has all of it, in order, and says who has it by now."""
    decision = await approved(agent, operator)
    await agent.claim(decision, claim_id="job 1")
    given_back = await agent.done(decision, "not_run", claim_id="job 1", result="The disk is full.")
    assert given_back.json()["execution"] is None
    answers = await asyncio.gather(*(agent.claim(decision) for _ in range(10)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 9}
    audit = (await agent.http.get(f"/decisions/{decision}/audit")).json()
    lines = [(e["type"], e["details"]) for e in audit["entries"] if "execution" in e["type"]]
    by = {"by": agent.name}
    assert lines == [
        ("execution.claimed", by | {"worker": None}),
        ("execution.given_back", by | {"result": "The disk is full."}),
        ("execution.claimed", by | {"worker": None}),
    ]
    assert (audit["execution"]["status"], audit["execution"]["finished_at"]) == ("claimed", None)


async def test_of_many_who_take_a_claims_place_one_runs(agent: Agent, operator: Agent) -> None:
    """Its worker has died, and all who come after it know its name; the first report of all is of
    the claim that it names, and leaves the others as they are."""
    decision = await approved(agent, operator)
    await agent.claim(decision, claim_id="job 1", worker="worker-1")
    claims = (agent.claim(decision, worker="worker-2", instead_of="job 1") for _ in range(10))
    answers = await asyncio.gather(*claims)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 9}
    await agent.done(decision, "not_run", claim_id="job 1")
    audit = (await agent.http.get(f"/decisions/{decision}/audit")).json()
    by = {"by": agent.name}
    assert [(e["type"], e["details"]) for e in audit["entries"] if "execution" in e["type"]] == [
        ("execution.claimed", by | {"worker": "worker-1"}),
        ("execution.claimed_again", by | {"worker": "worker-2"}),
        ("execution.given_back", by | {"result": None}),
    ]
    assert audit["execution"]["worker"] == "worker-2"


async def test_what_is_scheduled_is_claimed_from_its_time_on(agent: Agent, operator: Agent) -> None:
    """Before it, the answer says when."""
    decision = (await agent.ask(response_type={"type": "schedule"}))["id"]
    moment = datetime.now(UTC) + timedelta(seconds=2)
    later = {"execute_at": moment.isoformat()}
    answer = await operator.resolve(decision, "approve", response_data=later)
    assert answer.json()["status"] == "scheduled"
    refused = await agent.claim(decision)
    assert refused.json()["code"] == "not_permitted"
    assert f"from {moment:%Y-%m-%dT%H:%M:%SZ} on" in refused.json()["error"]

    async def claimed() -> bool:
        return (await agent.claim(decision)).status_code == 201

    await eventually(claimed)
    execution = (await agent.get(decision))["execution"]
    assert datetime.fromisoformat(execution["claimed_at"]) >= moment.replace(microsecond=0)


@pytest.mark.parametrize("choice", ["deny", "modify"])
async def test_what_nobody_permitted_is_not_claimed(
    agent: Agent, operator: Agent, choice: str
) -> None:
    """A no, and a change in words; nor does it ask the store who has it."""
    decision = (await agent.ask(enforce=True))["id"]
    data = {"response_data": {"action": "Send a voucher"}} if choice == "modify" else {}
    await operator.resolve(decision, choice, **data)
    refused = await agent.claim(decision)
    assert (refused.status_code, refused.json()["code"]) == (409, "not_permitted")
    assert refused.json()["decision"]["action_permitted"] is False
    assert (await agent.done(decision, "failed", claim_id="x")).json()["code"] == "not_claimed"


async def test_only_the_agent_that_asked_claims(
    agent: Agent, operator: Agent, another_agent: Agent
) -> None:
    """To other agents it is not there, also with every right; a key that only reads may not; the
    name of the claim and the key of the question are told to nobody else."""
    decision = (await agent.post({"action": "Refund", "approver": someone()}, key=someone())).json()
    await operator.resolve(decision["id"], "approve")
    for stranger in (another_agent, operator):
        assert (await stranger.claim(decision["id"])).status_code == 404
        report = await stranger.done(decision["id"], "failed", claim_id="job 1")
        assert report.status_code == 404
    reads = frozenset({READ, AUDIT})
    async with await Agent.with_new_key(agent.service, agent.name, reads) as reader:
        assert (await reader.claim(decision["id"])).json()["code"] == "missing_scope"
        assert (await agent.claim(decision["id"], claim_id="job 1")).status_code == 201
        own = await reader.get(decision["id"])
    assert (own["execution"]["claim_id"], own["idempotency_key"]) == (
        "job 1",
        decision["idempotency_key"],
    )
    audit = (await operator.http.get(f"/decisions/{decision['id']}/audit")).json()
    refused = (await operator.resolve(decision["id"], "deny")).json()
    for seen in (await operator.get(decision["id"]), audit, refused["decision"]):
        assert seen["execution"]["status"] == "claimed"
        assert seen["execution"]["claim_id"] is None
        assert seen.get("idempotency_key") is None


async def test_an_approvers_system_is_told_what_became_of_it(agent: Agent) -> None:
    """Without what is the agent's own."""
    system = await System.asked_by(agent)
    await system.answer(choice="approve")
    await agent.claim(system.decision, claim_id="job 1", worker="worker-3")
    told = (await system.read())["decision"]
    assert told["execution"]["worker"] == "worker-3"
    assert (told["execution"]["claim_id"], told["idempotency_key"]) == (None, None)


@pytest.mark.parametrize(
    ("status", "language", "told"),
    [
        (None, "en", "The agent began with it on <time.*?</time>, and has not told how it ended."),
        ("succeeded", "en", "The agent has done it, as it told on <time.*?</time>."),
        ("failed", "de", "Der Agent hat es versucht und am <time.*?</time> gemeldet, dass es"),
    ],
)
async def test_the_approver_reads_what_became_of_it(
    agent: Agent, status: str | None, language: str, told: str
) -> None:
    """On the page that their link opens; the agent's words are quoted and make no element."""
    system = await System.asked_by(agent)
    await system.answer(choice="approve")
    assert "What became of it" not in (await agent.http.get(system.page)).text
    await agent.claim(system.decision, claim_id="job 1")
    if status:
        await agent.done(system.decision, status, claim_id="job 1", result="<b>re_1142</b>")
    headers = {"Accept-Language": language}
    page = (await agent.http.get(system.page, headers=headers)).text
    assert re.search(told, page, re.DOTALL)
    assert ("&lt;b&gt;re_1142&lt;/b&gt;" in page) is bool(status)
    assert "<b>re_1142" not in page
