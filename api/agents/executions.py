"""`/decisions/{id}/claim` and `/done`: a permitted action runs once, and the record says how it
ended."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Response

from api.decisions.decisions import answer, decision_of
from api.decisions.schemas import NewClaim, NewReport
from api.doors.auth import Creator, KeyedRoute
from api.doors.deps import The
from api.http.examples import CLAIM, DONE
from api.http.openapi import answers, body_examples
from api.problems.errors import Conflict
from handover.models import Decision, Execution, ExecutionStatus, Status, is_permitted
from store.keys import ApiKey
from workflows.reading import Fold

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
    | answers("not_found", "not_permitted", "already_claimed", "invalid_request"),
    openapi_extra=body_examples(CLAIM),
)
async def claim(
    service: The,
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
    fold = await service.decisions.read_own(agent, decision_id)
    _check_permitted(fold, agent, await service.clock.now())
    given = body or NewClaim()
    claim_id = given.claim_id or f"claim_{secrets.token_hex(13)}"
    fold.execution, is_new = await service.decisions.executions.claim(
        fold, agent.name, claim_id, given.worker, given.instead_of
    )
    if not is_new and not _is_open(fold.execution, claim_id):
        raise Conflict(
            _already_claimed(fold.execution), code="already_claimed", decision=answer(fold, agent)
        )
    response.status_code = 201 if is_new else 200
    return answer(fold, agent)


@router.post(
    "/decisions/{decision_id}/done",
    response_model=Decision,
    response_model_exclude_unset=True,
    responses=answers("not_found", "not_claimed", "already_reported", "invalid_request"),
    openapi_extra=body_examples(DONE),
)
async def done(service: The, agent: Creator, decision_id: str, body: NewReport) -> dict[str, Any]:
    """Report how the run of this claim ended. A repeated report gets the same answer.

    With `not_run` the action may be claimed again.
    """
    fold = await service.decisions.read_own(agent, decision_id)
    run = await service.decisions.executions.report(fold, body.claim_id, body.status, body.result)
    if run is None or run.report is None:
        raise Conflict(
            "The decision was not claimed under this claim_id.",
            code="not_claimed",
            decision=answer(fold, agent),
        )
    fold.execution = (await service.decisions.executions.of(fold)).current
    if (run.report.status, run.report.result) != (body.status, body.result):
        raise Conflict(
            f"It was reported before: {run.report.status}.",
            code="already_reported",
            decision=answer(fold, agent),
        )
    return answer(fold, agent)


def _check_permitted(fold: Fold, agent: ApiKey, now: datetime) -> None:
    """Check that the action is permitted. Raises `Conflict`, with the decision as it stands."""
    decision = decision_of(fold)
    if is_permitted(
        decision.status,
        has_payload=decision.payload is not None,
        execute_at=decision.execute_at,
        now=now,
    ):
        return
    why = f"it is {decision.status}"
    if decision.status == Status.SCHEDULED and decision.execute_at:
        why = f"it is permitted from {_moment(decision.execute_at)} on"
    elif decision.status == Status.MODIFIED:
        why = "it was changed in words, of which none can be run"
    raise Conflict(
        f"The decision does not permit its action: {why}.",
        code="not_permitted",
        decision=answer(fold, agent),
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
