"""A decision as the API answers it, from a reading of its history."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import handover.proof as said
from handover.models import Decision, DecisionRequest, Origin, Status, is_permitted
from histories.reading import Live, Reading, Void
from workflows import lifecycle, proof
from workflows.messages import DecisionInput, Outcome
from workflows.state import Rules


def read_decision(reading: Reading, now: datetime) -> Decision:
    """Return the decision as the API answers it.

    Raises `proof.UnprovenError` where the run was not started with a decision at all: then there is
    no agent whose it could be. Raises `MissingContentError` unless `stored` was fetched.
    """
    decision = _void(reading) if isinstance(reading, Void) else _live(reading, now)
    if reading.annulled:
        decision.origin = Origin.OPERATOR
        decision.resolved_at = reading.entries[-1].at if reading.entries else now
        decision.response_notes = reading.annulled
    if decision.enforce:
        decision.action_permitted = is_permitted(
            decision.status,
            has_payload=decision.payload is not None,
            execute_at=decision.execute_at,
            now=now,
        )
    return decision


def _void(reading: Void) -> Decision:
    """Return a decision that nobody sealed, without a digest of its payload: that need not have a
    canonical form."""
    claimed = reading.claimed
    if claimed is None:
        raise proof.UnprovenError(reading.annulled)
    return _decision(reading, claimed, claimed.request, Status.CANCELLED, claimed.expires_at)


def _live(reading: Live, now: datetime) -> Decision:
    input, state = reading.input, reading.state
    status = Status.CANCELLED if reading.annulled else state.status
    decision = _decision(reading, input, reading.request, status, state.rules.expires_at)
    decision.escalation_level = state.level
    decision.attachments = list(state.attachments)
    if not reading.annulled:
        decision.unreachable = state.is_unreachable or reading.is_untold(now)
    if not reading.settled:
        decision.stalled = reading.stalled(now)
    if outcome := reading.outcome():
        _add_outcome(decision, state.rules, outcome)
        decision.proof = proof.proof_of(reading.response) if reading.response else None
    decision.payload_digest = said.payload_digest(decision)
    return decision


def _decision(
    reading: Reading,
    input: DecisionInput,
    request: DecisionRequest,
    status: Status,
    expires_at: datetime,
) -> Decision:
    """Return the fields that every decision has."""
    return Decision(
        **request.model_dump(),
        id=reading.decision_id,
        status=status,
        approved=status == Status.APPROVED,
        created_at=input.created_at,
        expires_at=expires_at,
        escalation_level=0,
        notified_at=reading.notified_at,
        notifications=reading.notifications,
        request_digest=input.request_digest,
        idempotency_key=input.idempotency_key,
        execution=reading.execution,
    )


def as_json(decision: Decision) -> dict[str, Any]:
    """Return the decision as agents get it, by request and by callback. `action_permitted` is for
    those who asked to have it enforced."""
    told = decision.model_dump(mode="json")
    if not decision.enforce:
        del told["action_permitted"]
    return told


def as_json_for(decision: Decision, approver: str) -> dict[str, Any]:
    """Return the decision for one of its approvers, with no messages but their own."""
    own = [each for each in decision.notifications if each.approver == approver]
    return as_json_for_others(decision.model_copy(update={"notifications": own}))


def as_json_for_others(decision: Decision) -> dict[str, Any]:
    """Return the decision for everybody but the agent that asked, without what is its own."""
    told = as_json(decision) | {"idempotency_key": None}
    if told["execution"]:
        told["execution"] |= {"claim_id": None}
    return told


def _add_outcome(decision: Decision, rules: Rules, outcome: Outcome) -> None:
    decision.origin = outcome.origin
    decision.resolved_at = outcome.at
    decision.resolved_by = outcome.by
    decision.response_notes = outcome.notes
    if outcome.response:
        decision.response_data = outcome.response.data
        decision.execute_at = lifecycle.execute_at(rules, outcome.response)
