"""`/decisions/{id}/claim` and `/done`: a permitted action runs once, and the record says how it
ended."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Response

from api.decisions.documents import as_document, decision_of
from api.decisions.schemas import NewClaim, NewReport
from api.doors.auth import Creator, KeyedRoute
from api.doors.deps import ServiceDep
from api.http.examples import CLAIM, DONE
from api.http.openapi import body_examples, problems
from api.problems.errors import Conflict
from handover.models import Decision, Execution, ExecutionStatus, Status, is_permitted
from histories.reading import Live, Reading
from store.keys import ApiKey

router = APIRouter(tags=["decisions"], route_class=KeyedRoute)

ENDED = {
    ExecutionStatus.CLAIMED: "has not said how that ended",
    ExecutionStatus.SUCCEEDED: "reported that it succeeded",
    ExecutionStatus.FAILED: "reported that it failed",
}


@router.post(
    "/decisions/{decision_id}/claim",
    status_code=201,
    response_model=Decision,
    response_model_exclude_unset=True,
    responses={200: {"model": Decision, "description": "It was claimed under this name before."}}
    | problems("not_found", "not_permitted", "already_claimed", "invalid_request"),
    openapi_extra=body_examples(CLAIM),
)
async def claim(
    service: ServiceDep,
    agent: Creator,
    decision_id: str,
    response: Response,
    body: Annotated[NewClaim | None, Body()] = None,
) -> dict[str, Any]:
    """Take the one run that the decision permits, before the action runs.

    One of all claims gets it. The same `claim_id` again is answered with 200, so that a claim whose
    answer was lost can be repeated. Every other claim is refused, unless its `instead_of` names one
    that failed, or whose worker has died: then it replaces that one.
    """
    asked = await service.decisions.read_own(agent, decision_id)
    reading = _permitting(asked, agent, await service.clock.now())
    given = body or NewClaim()
    claim_id = given.claim_id or f"claim_{secrets.token_hex(13)}"
    execution, is_new = await service.executions.claim(
        reading, agent.name, claim_id, given.worker, given.instead_of
    )
    reading = replace(reading, execution=execution)
    if not is_new and not _is_open(execution, claim_id):
        raise Conflict(
            _already_claimed(execution),
            code="already_claimed",
            decision=as_document(reading, agent),
        )
    response.status_code = 201 if is_new else 200
    return as_document(reading, agent)


@router.post(
    "/decisions/{decision_id}/done",
    response_model=Decision,
    response_model_exclude_unset=True,
    responses=problems("not_found", "not_claimed", "already_reported", "invalid_request"),
    openapi_extra=body_examples(DONE),
)
async def done(
    service: ServiceDep, agent: Creator, decision_id: str, body: NewReport
) -> dict[str, Any]:
    """Report how the run of this claim ended. A repeated report gets the same answer.

    With `not_run` the action may be claimed again.
    """
    reading = await service.decisions.read_own(agent, decision_id)
    run = await service.executions.report(reading, body.claim_id, body.status, body.result)
    if run is None or run.report is None:
        raise Conflict(
            "The decision was not claimed under this claim_id.",
            code="not_claimed",
            decision=as_document(reading, agent),
        )
    execution = (await service.executions.of(reading)).current
    reading = replace(reading, execution=execution)
    if (run.report.status, run.report.result) != (body.status, body.result):
        raise Conflict(
            f"It was reported before: {run.report.status}.",
            code="already_reported",
            decision=as_document(reading, agent),
        )
    return as_document(reading, agent)


def _permitting(reading: Reading, agent: ApiKey, now: datetime) -> Live:
    """Return the decision, which permits its action. Raises `Conflict`, with the decision as it
    stands, if it does not."""
    decision = decision_of(reading)
    if isinstance(reading, Live) and is_permitted(
        decision.status,
        has_payload=decision.payload is not None,
        execute_at=decision.execute_at,
        now=now,
    ):
        return reading
    why = f"it is {decision.status}"
    if decision.status == Status.SCHEDULED and decision.execute_at:
        why = f"it is permitted from {_moment(decision.execute_at)} on"
    elif decision.status == Status.MODIFIED:
        why = "it was changed in words, of which none can be run"
    raise Conflict(
        f"The decision does not permit its action: {why}.",
        code="not_permitted",
        decision=as_document(reading, agent),
    )


def _is_open(execution: Execution, claim_id: str) -> bool:
    return (execution.claim_id, execution.status) == (claim_id, ExecutionStatus.CLAIMED)


def _already_claimed(execution: Execution) -> str:
    worker = f" ({execution.worker})" if execution.worker else ""
    return (
        f"The action was claimed by {execution.claimed_by}{worker} at"
        f" {_moment(execution.claimed_at)}, who {ENDED[ExecutionStatus(execution.status)]}."
    )


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
