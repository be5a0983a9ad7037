"""Decisions, notices and e-mails for these tests, sealed and signed as the API does it."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from activities.channels.email import Email, compose, parse_sender, together
from activities.channels.notice import Notice, Unreached
from api.decisions.signing import Signer
from handover.models import DecisionRequest, EscalationStep, Origin, Status
from workflows import lifecycle, proof
from workflows.messages import DecisionInput, Outcome, Reminders
from workflows.statements import Response, SignedResponse

SIGNER = Signer([base64.b64encode(bytes(range(32))).decode()])
OTHER_SIGNER = Signer([base64.b64encode(bytes(32)).decode()])
NOW = datetime.now(UTC).replace(microsecond=0)
"""When all of these are asked; in the tests of activities, when their module began."""

SENDER = parse_sender("Handover <handover@mail.example.com>")
ANN, BOB, CARL = "ann@example.com", "bob@example.com", "carl@example.com"
OPERATOR = "operator@example.com"
LINK = "https://handover.example.com/d/key.token.signature"
INBOX = "https://handover.example.com/i/key.token.signature"


def make_decision(
    decision_id: str = "dec_1",
    signer: Signer = SIGNER,
    stored: dict[str, str] | None = None,
    operator: str | None = None,
    reminders: dict[str, float] | None = None,
    **changes: Any,
) -> DecisionInput:
    """A decision that asks Ann, and Bob and Carl in ten minutes; `changes` are of its request."""
    fields: dict[str, Any] = {
        "action": "Refund order 1142",
        "approver": ANN,
        "timeout_minutes": 30,
        "escalation": [EscalationStep(after_minutes=10, approvers=[BOB, CARL])],
    }
    request = DecisionRequest(**(fields | changes))
    return signer.seal(
        DecisionInput(
            id=decision_id,
            agent="refund-bot",
            agent_id="key_1",
            request=request,
            request_digest=proof.request_digest(request),
            stored=stored or {},
            created_at=NOW,
            expires_at=NOW + timedelta(minutes=request.timeout_minutes),
            rules_version=lifecycle.RULES_VERSION,
            keyring=signer.keyring,
            operator=operator,
            reminders=Reminders.model_validate(reminders) if reminders else None,
            indexed=False,
        )
    )


def begun_now(decision: DecisionInput, signer: Signer = SIGNER) -> DecisionInput:
    """The same, for what goes by the clock to the second."""
    now = datetime.now(UTC)
    times = {"created_at": now, "expires_at": now + (decision.expires_at - decision.created_at)}
    return signer.seal(decision.model_copy(update=times))


def sign_response(
    decision: DecisionInput, approver: str, choice: str, signer: Signer = SIGNER, **changes: Any
) -> SignedResponse:
    fields: dict[str, Any] = {
        "decision_id": decision.id,
        "run_id": "run",
        "request_digest": decision.request_digest,
        "approver": approver,
        "choice": choice,
        "received_at": NOW + timedelta(minutes=1),
    }
    return signer.sign(Response(**(fields | changes)), SignedResponse)


def make_outcome(
    decision: DecisionInput,
    approver: str = BOB,
    choice: str = "approve",
    signer: Signer = SIGNER,
    **changes: Any,
) -> Outcome:
    """What the rules make of this approver's answer; `changes` are of the response."""
    response = sign_response(decision, approver, choice, signer, **changes)
    statuses = {"approve": Status.APPROVED, "deny": Status.DENIED, "modify": Status.MODIFIED}
    return Outcome(
        status=statuses[choice],
        origin=Origin.HUMAN,
        at=response.received_at,
        by=approver,
        notes=response.notes,
        response=response,
    )


def make_notice(
    message: str = "decision-request",
    approver: str = ANN,
    outcome: Outcome | None = None,
    **changes: Any,
) -> Notice:
    """`changes` are of the decision's request. What is of no approver goes to the operator."""
    decision = make_decision(**changes)
    if outcome is None and message in ("settled", "receipt"):
        outcome = make_outcome(decision, notes="Checked with the warehouse.")
    now = NOW + timedelta(minutes=5)
    if message == "code":
        return Notice(decision, message, approver, "", now, code="482913")
    if message == "codes-used-up":
        return Notice(decision, message, OPERATOR, "", now, without_codes=[ANN])
    if message == "delivery-failure":
        unreached = [Unreached(ANN, "email", "550 no such user")]
        return Notice(decision, message, OPERATOR, "", now, unreached=unreached, asked_now=[BOB])
    notice = Notice(decision, message, approver, LINK, now, outcome, inbox=INBOX)
    if message == "digest":
        return together([replace(notice, message="decision-request"), notice])
    return notice


def make_email(message: str = "decision-request", approver: str = ANN, **changes: Any) -> Email:
    """`changes` are of the decision's request."""
    return compose(make_notice(message, approver, **changes), SENDER)
