"""From what a signal carries to what it means: the same reading for the workflow and the API.

A signal may carry anything: its sender need not be our API. Whatever it is becomes an event, and
nothing raises.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from temporalio.api.common.v1 import Payload

from handover.models import Origin
from workflows import proof
from workflows.lifecycle import Event, Refused, Responded, Withdrawn
from workflows.messages import CANCEL, RESPOND, DecisionInput, SignedResponse, SignedWithdrawal


def interpret(name: str, payloads: Sequence[Payload], input: DecisionInput, at: datetime) -> Event:
    """The event that this signal is to this decision, heard at `at`."""
    if name not in (RESPOND, CANCEL):
        return Refused(at, "unknown_signal", f"There is no signal {name[:100]!r}.")
    try:
        content = _only_json(payloads)
        return _response(content, input, at) if name == RESPOND else _withdrawal(content, input, at)
    except Exception as error:
        return Refused(at, "malformed", f"The signal could not be read ({type(error).__name__}).")


def _response(content: Any, input: DecisionInput, at: datetime) -> Event:
    response = SignedResponse.model_validate(content)
    statement = proof.response_statement(response)
    if not proof.holds(statement, response.signature, input.keyring):
        return _unproven(at, "It was not signed by this service.")
    if not _is_about(response.decision_id, response.request_digest, input):
        return _unproven(at, "It was signed for another decision.")
    return Responded(at, response)


def _withdrawal(content: Any, input: DecisionInput, at: datetime) -> Event:
    withdrawal = SignedWithdrawal.model_validate(content)
    statement = proof.withdrawal_statement(withdrawal)
    if not proof.holds(statement, withdrawal.signature, input.keyring):
        return _unproven(at, "It was not signed by this service.")
    if not _is_about(withdrawal.decision_id, withdrawal.request_digest, input):
        return _unproven(at, "It was signed for another decision.")
    return Withdrawn(at, Origin.AGENT, withdrawal.agent, withdrawal.notes)


def _is_about(decision_id: str, request_digest: str, input: DecisionInput) -> bool:
    return (decision_id, request_digest) == (input.id, input.request_digest)


def _unproven(at: datetime, message: str) -> Refused:
    return Refused(at, "unproven", message)


def _only_json(payloads: Sequence[Payload]) -> Any:
    if len(payloads) != 1:
        raise ValueError("a signal carries one argument")
    return json.loads(payloads[0].data)
