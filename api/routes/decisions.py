"""`/decisions`: what agents ask."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Body, Response

from api.decisions import decision_of
from api.deps import Agent, IdempotencyKey, The, Wait
from api.errors import Conflict, Gone, NotFound
from api.reading import AuditEntry, Fold
from api.schemas import Audit, AuditLine, Cancellation, NewDecision
from handover.models import Decision, Origin

router = APIRouter(tags=["decisions"])


@router.post(
    "/decisions", status_code=201, response_model=Decision, response_model_exclude_unset=True
)
async def create(
    service: The,
    agent: Agent,
    body: NewDecision,
    response: Response,
    wait: Wait = 0,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """Ask. The same `Idempotency-Key` with the same body gives the same decision."""
    decision_id = await service.decisions.create(agent, body.to_request(), idempotency_key)
    structlog.contextvars.bind_contextvars(decision_id=decision_id)
    response.headers["Location"] = f"/decisions/{decision_id}"
    try:
        return answer(await service.decisions.read_for(agent, decision_id, wait))
    except NotFound as error:
        raise Gone(
            f"This Idempotency-Key made {decision_id}, whose history is no longer kept; use a new"
            " key to ask again."
        ) from error


@router.get("/decisions/{decision_id}", response_model=Decision, response_model_exclude_unset=True)
async def get(service: The, agent: Agent, decision_id: str, wait: Wait = 0) -> dict[str, Any]:
    """The decision as it stands, or as soon as it is settled within `wait` seconds."""
    return answer(await service.decisions.read_for(agent, decision_id, wait))


@router.post(
    "/decisions/{decision_id}/cancel", response_model=Decision, response_model_exclude_unset=True
)
async def cancel(
    service: The,
    agent: Agent,
    decision_id: str,
    response: Response,
    body: Annotated[Cancellation | None, Body()] = None,
) -> dict[str, Any]:
    """Withdraw the question: 202 while no worker has heard of it.

    A settled decision stays what it is: 409, with the outcome.
    """
    fold = await service.decisions.read_for(agent, decision_id)
    if not fold.settled:
        fold = await service.decisions.withdraw(fold, agent, body.notes if body else None)
    decision = answer(fold)
    response.status_code = 200 if fold.settled else 202
    if not fold.settled or decision["origin"] == Origin.AGENT:
        # Also where an earlier request withdrew it: a client repeats what got no answer.
        return decision
    raise Conflict(
        f"The decision is already {decision['status']}.", code="already_settled", decision=decision
    )


@router.get("/decisions/{decision_id}/audit")
async def audit(service: The, agent: Agent, decision_id: str) -> Audit:
    """Everything that happened, in order, with the numbers of the history's events."""
    fold = await service.decisions.read_for(agent, decision_id)
    late = [
        AuditEntry(None, "response.late", late.received_at, asdict(late))
        for late in await service.store.late_responses.of(decision_id)
    ]
    entries = sorted([*fold.entries, *fold.received(), *late], key=lambda entry: entry.at)
    lines = [AuditLine(**asdict(entry)) for entry in entries]
    return Audit(decision_id=decision_id, status=decision_of(fold).status, entries=lines)


def answer(fold: Fold) -> dict[str, Any]:
    """A decision as JSON. `action_permitted` is for those who asked to have it enforced."""
    decision = decision_of(fold).model_dump(mode="json")
    if not decision["enforce"]:
        del decision["action_permitted"]
    return decision
