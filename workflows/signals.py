"""From what a signal carries to what it means: the same reading for the workflow and the API.

A signal may carry anything: its sender need not be our API. Whatever it is becomes an event, and
nothing raises.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from temporalio.api.common.v1 import Payload

from handover.models import Origin, Status
from workflows import proof
from workflows.events import (
    Attached,
    CallbackNews,
    CodeRequested,
    Event,
    Extended,
    FailureReported,
    OperatorDecided,
    Refused,
    Responded,
    Withdrawn,
)
from workflows.messages import (
    ATTACH,
    CALLBACK_FAILED,
    CANCEL,
    DELIVERY_FAILED,
    EXTEND,
    GIVE_UP_CALLBACK,
    OPERATOR_DECIDE,
    RESPOND,
    RETRY_CALLBACK,
    STEP_UP,
    CallbackFailed,
    DecisionInput,
    OperatorDecision,
    Signature,
    SignedAddition,
    SignedCodeRequest,
    SignedExtension,
    SignedFailedDelivery,
    SignedResponse,
    SignedWithdrawal,
    Statement,
)

MAX_REASON = 500
"""Characters of a failure's reason in the record."""


@dataclass(frozen=True, slots=True)
class Listener:
    """One run of one decision, which hears signals."""

    input: DecisionInput
    run_id: str


def interpret(name: str, payloads: Sequence[Payload], listener: Listener, at: datetime) -> Event:
    """The event that this signal is to this run, heard at `at`."""
    if name in ORDERS:
        return CallbackNews(at, ORDERS[name])
    read = READERS.get(name)
    if read is None:
        return Refused(at, "unknown_signal", f"There is no signal {name[:100]!r}.")
    try:
        return read(_only_json(payloads), listener, at)
    except Exception as error:
        return Refused(at, "malformed", f"The signal could not be read ({type(error).__name__}).")


def _response(content: Any, listener: Listener, at: datetime) -> Event:
    response = SignedResponse.model_validate(content)
    statement = proof.response_statement(response)
    return _refusal(response, statement, response.signature, listener, at) or Responded(
        at, response
    )


def _withdrawal(content: Any, listener: Listener, at: datetime) -> Event:
    withdrawal = SignedWithdrawal.model_validate(content)
    statement = proof.withdrawal_statement(withdrawal)
    return _refusal(withdrawal, statement, withdrawal.signature, listener, at) or Withdrawn(
        at, Origin.AGENT, withdrawal.agent, withdrawal.notes
    )


def _extension(content: Any, listener: Listener, at: datetime) -> Event:
    extension = SignedExtension.model_validate(content)
    statement = proof.extension_statement(extension)
    return _refusal(extension, statement, extension.signature, listener, at) or Extended(
        at, extension
    )


def _addition(content: Any, listener: Listener, at: datetime) -> Event:
    addition = SignedAddition.model_validate(content)
    statement = proof.addition_statement(addition)
    return _refusal(addition, statement, addition.signature, listener, at) or Attached(at, addition)


def _code_request(content: Any, listener: Listener, at: datetime) -> Event:
    request = SignedCodeRequest.model_validate(content)
    statement = proof.code_statement(request)
    return _refusal(request, statement, request.signature, listener, at) or CodeRequested(
        at, request
    )


def _failed_delivery(content: Any, listener: Listener, at: datetime) -> Event:
    failed = SignedFailedDelivery.model_validate(content)
    statement = proof.failure_statement(failed)
    return _refusal(failed, statement, failed.signature, listener, at) or FailureReported(
        at, failed
    )


def _operators(content: Any, listener: Listener, at: datetime) -> Event:
    said = OperatorDecision.model_validate(content)
    status = {"deny": Status.DENIED, "cancel": Status.CANCELLED}.get(said.decision)
    if status is None:
        message = "An operator can deny or cancel here; an approval takes POST …/resolve."
        return Refused(at, "not_provable", message, {"by": said.name})
    return OperatorDecided(at, status, said.name, said.reason)


def _callback_failed(content: Any, listener: Listener, at: datetime) -> Event:
    failed = CallbackFailed.model_validate(content)
    details = failed.model_dump(mode="json") | {"reason": failed.reason[:MAX_REASON]}
    return CallbackNews(at, "callback.failed", details)


READERS = {
    RESPOND: _response,
    CANCEL: _withdrawal,
    EXTEND: _extension,
    ATTACH: _addition,
    STEP_UP: _code_request,
    DELIVERY_FAILED: _failed_delivery,
    OPERATOR_DECIDE: _operators,
    CALLBACK_FAILED: _callback_failed,
}
ORDERS = {RETRY_CALLBACK: "callback.retried", GIVE_UP_CALLBACK: "callback.given_up"}
"""What an operator orders with a word and no argument."""


def _refusal(
    said: Statement, statement: bytes, signature: Signature, listener: Listener, at: datetime
) -> Refused | None:
    """Why this is not the service's word to this run, or None where it is."""
    input = listener.input
    if not proof.holds(statement, signature, input.keyring):
        return Refused(at, "unproven", "It was not signed by this service.")
    if (said.decision_id, said.run_id) != (input.id, listener.run_id):
        return Refused(at, "unproven", "It was signed for another decision.")
    return None


def _only_json(payloads: Sequence[Payload]) -> Any:
    if len(payloads) != 1:
        raise ValueError("a signal carries one argument")
    return json.loads(payloads[0].data)
