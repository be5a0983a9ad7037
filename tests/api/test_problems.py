"""Every code of the table, provoked over HTTP on the running service."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.operatorservice.v1 import RemoveSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError

from api.problems.table import MEDIA_TYPE, PROBLEMS
from store.keys import ADMIN, AGENT_SCOPES, RESOLVE, new_key
from tests.activities.sendgrid_events import EventWebhook
from tests.api.agent import Agent, in_store, no_worker, question
from tests.api.codes import use_up_codes
from tests.api.systems import System
from tests.dev_server import SEARCH_ATTRIBUTES, DevServer
from tests.line import READ, SIGNAL, Line
from tests.service import RunningService
from tests.support import eventually

MB = 1024 * 1024
NOTE = b"The parcel arrived broken."


@dataclass
class World:
    """Who there is. `spare` is an agent of a service whose worker may be stopped."""

    agent: Agent
    resolver: Agent
    spare: Agent
    spare_resolver: Agent
    temporal: Client
    program: Path
    folder: Path
    stack: AsyncExitStack

    async def limited(self, **fields: Any) -> Agent:
        """An agent whose key is not as others are."""
        limited = await Agent.with_new_key(self.agent.service, **fields)
        return await self.stack.enter_async_context(limited)

    async def upload(self, content: bytes, path: str = "/attachments") -> httpx2.Response:
        return await self.agent.http.post(path, files={"file": ("note.txt", content)})

    async def resolve(self, decision: str, **body: Any) -> httpx2.Response:
        return await self.resolver.http.post(f"/decisions/{decision}/resolve", json=body)

    async def extend(self, decision: str, minutes: float) -> httpx2.Response:
        body = {"timeout_minutes": minutes}
        return await self.agent.http.post(f"/decisions/{decision}/extend", json=body)


@pytest.fixture
async def world(
    agent: Agent,
    spare: Agent,
    temporal: Client,
    dev_server_program: Path,
    tmp_path: Path,
) -> AsyncIterator[World]:
    scopes = AGENT_SCOPES | {RESOLVE}
    async with (
        await Agent.with_new_key(agent.service, scopes=scopes) as resolver,
        await Agent.with_new_key(spare.service, scopes=scopes) as spare_resolver,
        AsyncExitStack() as stack,
    ):
        servers = (temporal, dev_server_program, tmp_path)
        yield World(agent, resolver, spare, spare_resolver, *servers, stack)


async def bad_request(w: World) -> httpx2.Response:
    headers = {"Content-Type": "application/json"}
    return await w.agent.http.post("/decisions", content=b"\xff\xfe{", headers=headers)


async def malformed_key(w: World) -> httpx2.Response:
    headers = {"Authorization": "Bearer ho_nobody"}
    return await w.agent.http.post("/decisions", json=question(), headers=headers)


async def unauthorized(w: World) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {new_key()}"}
    return await w.agent.http.post("/decisions", json=question(), headers=headers)


async def needs_code(w: World) -> httpx2.Response:
    return await (await System.asked_by(w.agent, urgency="critical")).answer("approve")


async def too_many_codes(w: World) -> httpx2.Response:
    system = await System.asked_by(w.agent, urgency="critical")
    use_up_codes(w.agent.service, system.decision, system.approver)
    return await system.answer("approve")


async def missing_scope(w: World) -> httpx2.Response:
    decision = (await w.agent.ask())["id"]
    return await w.agent.http.post(f"/decisions/{decision}/resolve", json={"action": "approve"})


async def not_signed(w: World) -> httpx2.Response:
    key = EventWebhook().public_key
    address = w.agent.service.environment["TEMPORAL_ADDRESS"]
    service = RunningService(address, w.folder, HANDOVER_SENDGRID_EVENT_KEY=key)
    w.stack.callback(service.stop)
    await service.start_api()
    return await EventWebhook().post(service.base_url, [])


async def own_decision(w: World) -> httpx2.Response:
    return await w.resolve((await w.resolver.ask())["id"], action="approve")


async def approver_not_allowed(w: World) -> httpx2.Response:
    return await (await w.limited(approvers=["@example.org"])).post(question())


async def not_found(w: World) -> httpx2.Response:
    return await w.agent.http.get("/decisions/dec_never")


async def method_not_allowed(w: World) -> httpx2.Response:
    return await w.agent.http.put("/decisions")


async def already_settled(w: World) -> httpx2.Response:
    decision = (await w.agent.ask())["id"]
    await w.agent.cancel(decision)
    answer = await w.extend(decision, 600)
    assert answer.json()["decision"]["status"] == "cancelled"
    return answer


async def late(w: World) -> httpx2.Response:
    async with no_worker(w.spare.service):
        decision = await w.spare.ask(timeout_minutes=0.001)
        expires_at = datetime.fromisoformat(decision["expires_at"])
        await eventually(lambda: datetime.now(UTC) > expires_at)
        return await w.spare_resolver.http.post(
            f"/decisions/{decision['id']}/resolve", json={"action": "approve"}
        )


async def changed(w: World) -> httpx2.Response:
    """Answered with what was read just before a file was added; it takes some tries to meet."""

    async def met() -> httpx2.Response | None:
        decision = (await w.agent.ask())["id"]
        attaching = asyncio.create_task(w.upload(NOTE, f"/decisions/{decision}/attachments"))
        await asyncio.sleep(random.uniform(0, 0.05))
        answer = await w.resolve(decision, action="approve")
        await attaching
        return answer if answer.status_code == 409 else None

    return await eventually(met, timeout=120)


async def not_permitted(w: World) -> httpx2.Response:
    return await w.agent.claim((await w.agent.ask())["id"])


async def already_claimed(w: World) -> httpx2.Response:
    decision = await _approved(w)
    await w.agent.claim(decision)
    answer = await w.agent.claim(decision)
    assert answer.json()["decision"]["execution"]["status"] == "claimed"
    return answer


async def not_claimed(w: World) -> httpx2.Response:
    return await w.agent.done(await _approved(w), "succeeded", claim_id="claim-1")


async def already_reported(w: World) -> httpx2.Response:
    decision = await _approved(w)
    await w.agent.claim(decision, claim_id="claim-1")
    await w.agent.done(decision, "failed", claim_id="claim-1")
    return await w.agent.done(decision, "succeeded", claim_id="claim-1")


async def _approved(w: World) -> str:
    decision = (await w.agent.ask())["id"]
    await w.resolve(decision, action="approve")
    return decision


async def own_key(w: World) -> httpx2.Response:
    admin = await w.limited(scopes=frozenset({ADMIN}))
    [(key_id,)] = in_store(admin.service, "SELECT id FROM api_keys WHERE name = ?", admin.name)
    return await admin.http.delete(f"/auth/api-keys/{key_id}")


async def gone(w: World) -> httpx2.Response:
    body = question()
    decision = (await w.agent.post(body, key="kept")).json()["id"]
    execution = WorkflowExecution(workflow_id=decision)
    await w.temporal.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(namespace=w.temporal.namespace, workflow_execution=execution)
    )

    async def deleted() -> bool:
        return (await w.agent.http.get(f"/decisions/{decision}")).status_code == 404

    await eventually(deleted)
    return await w.agent.post(body, key="kept")


async def content_too_large(w: World) -> httpx2.Response:
    return await w.agent.post(question(context="x" * 3 * MB))


async def file_too_large(w: World) -> httpx2.Response:
    return await w.upload(b"x" * (10 * MB + 1))


async def invalid_request(w: World) -> httpx2.Response:
    return await w.agent.post(question(action=""))


async def idempotency_key_reused(w: World) -> httpx2.Response:
    await w.agent.post(question(), key="used")
    return await w.agent.post(question(), key="used")


async def invalid_answer(w: World) -> httpx2.Response:
    decision = (await w.agent.ask(options=["approve", "deny"]))["id"]
    return await w.resolve(decision, action="modify", response_data={"action": "Wait"})


async def not_longer(w: World) -> httpx2.Response:
    return await w.extend((await w.agent.ask(timeout_minutes=60))["id"], 1)


async def unknown_attachment(w: World) -> httpx2.Response:
    return await w.agent.post(question(attachment_ids=["att_" + "0" * 32]))


async def too_many_attachments(w: World) -> httpx2.Response:
    path = f"/decisions/{(await w.agent.ask())['id']}/attachments"
    for _ in range(5):
        assert (await w.upload(NOTE, path)).is_success
    return await w.upload(NOTE, path)


async def file_type_refused(w: World) -> httpx2.Response:
    return await w.upload(b"\x7fELF\x02\x01\x01" + bytes(64))


async def file_empty(w: World) -> httpx2.Response:
    return await w.upload(b"")


async def rate_limited(w: World) -> httpx2.Response:
    agent = await w.limited(rate=1)
    await agent.http.get("/decisions/dec_1")
    return await agent.http.get("/decisions/dec_1")


async def quota_exceeded(w: World) -> httpx2.Response:
    agent = await w.limited(quota=1)
    await agent.ask()
    return await agent.post(question())


async def messages_behind(w: World) -> httpx2.Response:
    """Nobody begins the decision that was asked before."""
    (folder := w.folder / "behind").mkdir()
    temporal = w.agent.service.environment["TEMPORAL_ADDRESS"]
    service = RunningService(temporal, folder, HANDOVER_MAX_LAG="0.1")
    w.stack.callback(service.stop)
    await service.start_api()
    async with Agent.of(service) as agent:

        async def refused() -> httpx2.Response | None:
            answer = await agent.post(question())
            return None if answer.is_success else answer

        return await eventually(refused, timeout=30)


async def internal(w: World) -> httpx2.Response:
    """The store holds something that nobody wrote there."""
    async with await Agent.with_new_key(w.agent.service) as broken:
        statement = "UPDATE api_keys SET scopes = 'no JSON' WHERE name = ?"
        in_store(w.agent.service, statement, broken.name)
        answer = await broken.http.get("/decisions/dec_1")
        in_store(w.agent.service, "DELETE FROM api_keys WHERE name = ?", broken.name)
        return answer


async def lists_unavailable(w: World) -> httpx2.Response:
    async with another_temporal(w) as (server, agent):
        client = await server.client()
        names = list(SEARCH_ATTRIBUTES)

        async def listed() -> httpx2.Response | None:
            request = RemoveSearchAttributesRequest(
                namespace=client.namespace, search_attributes=names
            )
            with suppress(RPCError):  # they are gone already
                await client.operator_service.remove_search_attributes(request)
            answer = await agent.http.get("/decisions")
            return None if answer.is_success else answer

        return await eventually(listed, timeout=90)


async def unavailable(w: World) -> httpx2.Response:
    async with another_temporal(w) as (server, agent):
        server.stop()
        return await agent.http.get("/decisions/dec_1")


async def unconfirmed(w: World) -> httpx2.Response:
    """Temporal has it, and its word of that gets lost."""
    line = Line(w.agent.service.environment["TEMPORAL_ADDRESS"])
    await line.mend()
    service = RunningService(line.address, w.folder)
    w.stack.callback(service.stop)
    await service.start_api()
    async with Agent.of(service) as agent:
        decision = (await agent.ask())["id"]
        line.keep_back()
        cancelling = asyncio.create_task(agent.cancel(decision))
        await line.has_answers(READ, 1)
        line.pass_on()
        await line.has_answers(SIGNAL, 1)
        await line.cut(losing=True)
        return await cancelling


@asynccontextmanager
async def another_temporal(w: World) -> AsyncIterator[tuple[DevServer, Agent]]:
    """A Temporal server and an API that this test may break."""
    for name in ("temporal", "service"):
        (w.folder / name).mkdir()
    server = DevServer(w.program, w.folder / "temporal")
    service = RunningService(server.address, w.folder / "service")
    try:
        await server.start()
        await service.start_api()
        async with Agent.of(service) as agent:
            yield server, agent
    finally:
        service.stop()
        server.stop()


PROVOKED: dict[str, Callable[[World], Awaitable[httpx2.Response]]] = {
    provoke.__name__: provoke
    for provoke in (
        *(malformed_key, approver_not_allowed, own_key, rate_limited, quota_exceeded),
        *(messages_behind,),
        *(bad_request, unauthorized, missing_scope, not_signed, own_decision),
        *(not_found, method_not_allowed),
        *(not_permitted, already_claimed, not_claimed, already_reported),
        *(already_settled, late, changed, gone, content_too_large, file_too_large),
        *(invalid_request, idempotency_key_reused, invalid_answer, needs_code, not_longer),
        *(too_many_codes, unconfirmed),
        *(unknown_attachment, too_many_attachments, file_type_refused, file_empty),
        *(internal, lists_unavailable, unavailable),
    )
}


@pytest.mark.parametrize("code", PROBLEMS)
async def test_every_code_can_be_had(world: World, code: str) -> None:
    """Whole documents, with the status and title of the table, and the request's id."""
    answer = await PROVOKED[code](world)
    document = answer.json()
    assert answer.headers["Content-Type"] == MEDIA_TYPE
    assert document["code"] == code, document
    assert answer.status_code == document["status"] == PROBLEMS[code].status
    assert document["type"] == f"/problems/{code}"
    assert document["title"] == PROBLEMS[code].title
    assert document["detail"] == document["error"]
    [request_id] = answer.headers.get_list("X-Request-Id")
    assert document["instance"] == f"urn:request:{request_id}"
    if answer.status_code == 422:
        assert document["errors"]
        assert all(error["field"] and error["message"] for error in document["errors"])
    if answer.status_code in (429, 503):
        assert int(answer.headers["Retry-After"]) > 0
