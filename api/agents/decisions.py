"""`/decisions`: the questions of agents."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Body, Request, Response
from pydantic_core import to_json

from api.decisions.documents import already_settled, as_document, decision_of, pending, refusal
from api.decisions.record import record_of
from api.decisions.schemas import Audit, AuditLine, Cancellation, Extension, NewDecision, Resolution
from api.doors.auth import Creator, KeyedRoute, Reader, Resolver
from api.doors.deps import IdempotencyKey, ServiceDep, Wait
from api.doors.presence import while_present
from api.http.examples import CANCEL, CREATE, EXTEND, RESOLVE
from api.http.openapi import UNHEARD, body_examples, headers, problems
from api.problems.errors import Forbidden, Gone, NotFound
from handover.models import Decision, Origin
from histories.reading import Live
from workflows.statements import Response as Answer

router = APIRouter(tags=["decisions"], route_class=KeyedRoute)


@router.post(
    "/decisions",
    status_code=201,
    response_model=Decision,
    response_model_exclude_unset=True,
    responses={201: {"headers": headers(Location="The path of the decision.")}}
    | problems("missing_scope", "approver_not_allowed", "gone")
    | problems("rate_limited", "quota_exceeded", "messages_behind")
    | problems("invalid_request", "idempotency_key_reused", "unknown_attachment"),
    openapi_extra=body_examples(CREATE),
)
async def create(
    service: ServiceDep,
    agent: Creator,
    body: NewDecision,
    request: Request,
    response: Response,
    wait: Wait = 0,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """Ask. The same `Idempotency-Key` with the same body gives the same decision."""
    decision_id = await service.starting.create(agent, body.to_request(), idempotency_key)
    structlog.contextvars.bind_contextvars(decision_id=decision_id)
    response.headers["Location"] = f"/decisions/{decision_id}"
    try:
        async with while_present(request, service.waiting):
            return as_document(await service.decisions.read_for(agent, decision_id, wait), agent)
    except NotFound as error:
        raise Gone(
            f"This Idempotency-Key made {decision_id}, whose history is no longer kept; use a new"
            " key to ask again."
        ) from error


@router.get(
    "/decisions/{decision_id}",
    response_model=Decision,
    response_model_exclude_unset=True,
    responses=problems("not_found", "invalid_request"),
)
async def get(
    service: ServiceDep, agent: Reader, request: Request, decision_id: str, wait: Wait = 0
) -> Response:
    """Return the decision as it stands, or as soon as it is settled within `wait` seconds."""
    async with while_present(request, service.waiting):
        reading = await service.decisions.read_for(agent, decision_id, wait)
        told = as_document(reading, agent, await service.decisions.delivered(decision_id))
    # It was a `Decision` just now: FastAPI would make one of it again, to write it down.
    return Response(to_json(told), media_type="application/json")


@router.post(
    "/decisions/{decision_id}/cancel",
    response_model=Decision,
    response_model_exclude_unset=True,
    responses=UNHEARD
    | problems("not_found", "already_settled", "invalid_request")
    | problems("unavailable", "unconfirmed"),
    openapi_extra=body_examples(CANCEL),
)
async def cancel(
    service: ServiceDep,
    agent: Creator,
    decision_id: str,
    response: Response,
    body: Annotated[Cancellation | None, Body()] = None,
) -> dict[str, Any]:
    """Withdraw the question: 202 while the effect is not known.

    A settled decision stays as it is: 409, with the outcome.
    """
    reading = await service.decisions.read_own(agent, decision_id)
    if isinstance(reading, Live) and not reading.settled:
        reading = await service.telling.withdraw(reading, agent, body.notes if body else None)
    response.status_code = 200 if reading.settled else 202
    if not reading.settled or decision_of(reading).origin == Origin.AGENT:
        # Also where an earlier request withdrew it: a client repeats what got no answer.
        return as_document(reading, agent)
    raise already_settled(reading, agent)


@router.post(
    "/decisions/{decision_id}/extend",
    response_model=Decision,
    response_model_exclude_unset=True,
    responses=UNHEARD
    | problems("not_found", "already_settled", "late", "invalid_request", "not_longer")
    | problems("unavailable", "unconfirmed"),
    openapi_extra=body_examples(EXTEND),
)
async def extend(
    service: ServiceDep, agent: Creator, decision_id: str, body: Extension, response: Response
) -> dict[str, Any]:
    """Give more time: `timeout_minutes` from now. 202 while the effect is not known.

    The deadline only moves later, and at most to a year from the decision's creation.
    """
    expires_at = await service.clock.now() + timedelta(minutes=body.timeout_minutes)
    reading = await service.decisions.read_own(agent, decision_id)
    reading = await service.telling.extend(reading, agent, expires_at)
    decision = decision_of(reading)
    if reading.settled:
        raise already_settled(reading, agent)
    response.status_code = 200 if decision.expires_at >= expires_at else 202
    return as_document(reading, agent)


@router.post(
    "/decisions/{decision_id}/resolve",
    response_model=Decision,
    response_model_exclude_unset=True,
    responses=UNHEARD
    | problems("missing_scope", "own_decision", "not_found", "already_settled", "late", "changed")
    | problems("invalid_request", "invalid_answer", "unknown_attachment")
    | problems("unavailable", "unconfirmed"),
    openapi_extra=body_examples(RESOLVE),
)
async def resolve(
    service: ServiceDep, key: Resolver, decision_id: str, body: Resolution, response: Response
) -> dict[str, Any]:
    """Answer in an approver's place, with a key that has this right. `resolved_by` is the key's
    name.

    The rules are the same as on the page, and nobody approves their own request. 202 while the
    effect is not known.
    """
    received_at = await service.clock.now()
    reading = await service.decisions.read_for(key, decision_id)
    if reading.agent in (None, key.name):
        raise Forbidden("Nobody resolves their own request.", code="own_decision")
    live = pending(reading)
    given = Answer(
        decision_id=decision_id,
        run_id=live.run_id,
        request_digest=live.state.shown_digest,
        approver=key.name,
        choice=body.action,
        notes=body.notes,
        data=await service.answers.with_files(
            body.response_data,
            lambda file: file.uploaded_by == key.name,
            "this key has sent with POST /attachments",
        ),
        received_at=received_at,
        origin=Origin.OPERATOR,
    )
    verdict = await service.answers.take(live, given)
    reading = verdict.reading
    if reading.settled and (verdict.why or not reading.is_settled_by(given)):
        raise already_settled(reading)
    if verdict.why:
        raise refusal(verdict.why, "action")
    response.status_code = 200 if reading.settled else 202
    return as_document(reading)


@router.get("/decisions/{decision_id}/audit", responses=problems("not_found"))
async def audit(service: ServiceDep, agent: Reader, decision_id: str) -> Audit:
    """Return everything that happened, in order, with the numbers of the history's events."""
    reading = await service.decisions.read_for(agent, decision_id)
    refused = await service.store.refused_responses.of(decision_id)
    # In a thread: what changed in a payload of 256 KB takes up to some seconds to find.
    told = await service.store.delivery_events.of(decision_id)
    runs = await service.executions.of(reading)
    entries = await asyncio.to_thread(record_of, reading, refused, told, runs)
    decision = as_document(reading, agent)
    return Audit(
        decision_id=decision_id,
        status=decision["status"],
        execution=decision["execution"],
        entries=[AuditLine(**asdict(entry)) for entry in entries],
    )
