"""What each scope lets a key do: every operation with every scope, on the running service."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx2
import pytest
from fastapi.routing import APIRoute

import api
from api.doors.auth import KeyedRoute, _takes_key
from api.http.openapi import operations
from api.main import app
from store.keys import ADMIN, AUDIT, CREATE, READ, RESOLVE, SCOPES
from tests.api.agent import Agent, question
from tests.service import RunningService

NOTE = {"file": ("note.txt", b"The parcel arrived broken.")}

MAY = {
    "POST /decisions": {CREATE},
    "GET /decisions": {READ, RESOLVE, AUDIT},
    "GET /decisions/{decision_id}": {READ, RESOLVE, AUDIT},
    "POST /decisions/{decision_id}/cancel": {CREATE},
    "POST /decisions/{decision_id}/extend": {CREATE},
    "POST /decisions/{decision_id}/claim": {CREATE},
    "POST /decisions/{decision_id}/done": {CREATE},
    "POST /decisions/{decision_id}/resolve": {RESOLVE},
    "GET /decisions/{decision_id}/audit": {READ, RESOLVE, AUDIT},
    "POST /decisions/{decision_id}/attachments": {CREATE},
    "GET /decisions/{decision_id}/attachments": {READ, RESOLVE, AUDIT},
    "POST /attachments": {CREATE, RESOLVE},
    "GET /attachments/{attachment_id}": {READ, RESOLVE, AUDIT},
    "POST /auth/api-keys": {ADMIN},
    "GET /auth/api-keys": {ADMIN},
    "DELETE /auth/api-keys/{key_id}": {ADMIN},
    "GET /approvers/{address}": {ADMIN},
    "PUT /approvers/{address}": {ADMIN},
    "DELETE /approvers/{address}": {ADMIN},
    "POST /approvers/{address}/webhook-secret": {ADMIN},
    "POST /codec/decode": {AUDIT},
    "POST /auth/callback-secret": {CREATE},
    "GET /auth/callback-secret": {CREATE},
    "GET /auth/whoami": {*SCOPES},
}
"""Which scopes open an operation; each of them alone does."""

BODIES: dict[str, dict[str, object]] = {
    "POST /decisions": question(),
    "POST /decisions/{decision_id}/extend": {"timeout_minutes": 600},
    "POST /decisions/{decision_id}/resolve": {"action": "deny"},
    "POST /decisions/{decision_id}/done": {"claim_id": "claim-1", "status": "succeeded"},
    "POST /auth/api-keys": {"name": "made-in-test-scopes"},
    "PUT /approvers/{address}": {"language": "de"},
    "POST /codec/decode": {"payloads": []},
}


@pytest.fixture(scope="module")
async def keys(service: RunningService) -> AsyncIterator[dict[str, Agent]]:
    """One agent's keys, each with one scope."""
    async with AsyncExitStack() as stack:
        yield {
            scope: await stack.enter_async_context(
                await Agent.with_new_key(service, "agent-of-test-scopes", frozenset({scope}))
            )
            for scope in sorted(SCOPES)
        }


async def send(agent: Agent, operation: str, **ids: str) -> httpx2.Response:
    method, path = operation.split()
    known = {"key_id": "key_never", "attachment_id": "att_never", "address": "ann@example.com"}
    path = path.format(**known | ids)
    if path.endswith("attachments") and method == "POST":
        return await agent.http.post(path, files=NOTE)
    return await agent.http.request(method, path, json=BODIES.get(operation))


def is_refused(answer: httpx2.Response) -> bool:
    return answer.status_code == 403 and answer.json()["code"] == "missing_scope"


def test_the_table_has_every_operation_that_takes_a_key() -> None:
    """A new one has to say here which scope opens it."""
    keyed = {
        f"{method.upper()} {path}"
        for path, methods in app.openapi()["paths"].items()
        for method, operation in methods.items()
        if "security" in operation
    }
    assert keyed == set(MAY)
    assert len(list(operations(app.openapi()))) > len(MAY)


def test_every_route_that_takes_a_key_asks_for_it_before_the_body() -> None:
    """Its router has the class that does so, and looks again before it answers a held request."""
    names = [module.name for module in pkgutil.walk_packages(api.__path__, "api.")]
    routers = [getattr(importlib.import_module(name), "router", None) for name in names]
    found = [route for router in routers if router for route in router.routes]
    keyed = [r for r in found if isinstance(r, APIRoute) and _takes_key(r.dependant)]
    assert len(keyed) >= len(MAY)
    assert [route.path for route in keyed if not isinstance(route, KeyedRoute)] == []


@pytest.mark.parametrize("operation", MAY)
async def test_each_scope_opens_what_it_should(keys: dict[str, Agent], operation: str) -> None:
    """Every other scope is 403, and the answer names one that would do."""
    decision = (await keys[CREATE].ask())["id"]
    for scope, agent in keys.items():
        answer = await send(agent, operation, decision_id=decision)
        if scope in MAY[operation]:
            assert not is_refused(answer), (scope, answer.text)
            assert answer.status_code != 401
        else:
            assert is_refused(answer), (scope, answer.text)
            assert any(named in answer.json()["error"] for named in MAY[operation])
    status = (await keys[READ].get(decision))["status"]
    assert status == ("cancelled" if operation.endswith("cancel") else "pending")


async def test_what_belongs_to_other_agents(agent: Agent, keys: dict[str, Agent]) -> None:
    """An agent's scopes do not reach it: it is not there. Who may audit or resolve sees it."""
    decision = (await agent.ask())["id"]
    paths = [f"/decisions/{decision}{rest}" for rest in ("", "/audit", "/attachments")]
    for path in paths:
        assert (await keys[READ].http.get(path)).status_code == 404
        for scope in (AUDIT, RESOLVE):
            assert (await keys[scope].http.get(path)).status_code == 200
    for change in ("cancel", "extend", "attachments", "claim", "done"):
        operation = f"POST /decisions/{{decision_id}}/{change}"
        answer = await send(keys[CREATE], operation, decision_id=decision)
        assert answer.status_code == 404
    assert (await agent.get(decision))["status"] == "pending"


async def test_who_audits_reads_files_and_lists_of_all(
    agent: Agent, keys: dict[str, Agent]
) -> None:
    """And an agent's key neither."""
    file = (await agent.http.post("/attachments", files=NOTE)).json()
    await agent.ask(attachment_ids=[file["id"]])
    assert (await keys[AUDIT].http.get(file["url"])).status_code == 200
    assert (await keys[READ].http.get(file["url"])).status_code == 404
    params = {"agent": agent.name}
    assert (await keys[AUDIT].http.get("/decisions", params=params)).status_code == 200
    refused = await keys[READ].http.get("/decisions", params=params)
    assert is_refused(refused)


async def test_keys_of_one_name_are_one_agent(service: RunningService) -> None:
    """One asks, another one of the same name reads and withdraws."""
    async with (
        await Agent.with_new_key(service) as first,
        await Agent.with_new_key(service, first.name) as second,
    ):
        decision = (await first.ask())["id"]
        assert (await second.get(decision))["id"] == decision
        assert (await second.cancel(decision)).json()["status"] == "cancelled"


async def test_all_scopes_together_still_approve_nothing_of_their_own(
    service: RunningService,
) -> None:
    """Nobody approves their own request, whatever else they may do."""
    async with await Agent.with_new_key(service, scopes=SCOPES) as everything:
        decision = (await everything.ask())["id"]
        answer = await everything.resolve(decision, "approve")
        assert (answer.status_code, answer.json()["code"]) == (403, "own_decision")
        assert (await everything.get(decision))["status"] == "pending"
