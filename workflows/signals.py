"""The meaning of a signal, read from what it carries in the same way by the workflow and the API.

A signal may carry anything: its sender need not be our API. Whatever it is becomes an event, and
nothing raises.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

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
    CALLBACK_FAILED,
    GIVE_UP_CALLBACK,
    OPERATOR_DECIDE,
    RETRY_CALLBACK,
    CallbackFailed,
    DecisionInput,
    OperatorDecision,
)
from workflows.statements import (
    ATTACH,
    CANCEL,
    DELIVERY_FAILED,
    EXTEND,
    RESPOND,
    STEP_UP,
    Signed,
    SignedAddition,
    SignedCodeRequest,
    SignedExtension,
    SignedFailedDelivery,
    SignedResponse,
    SignedWithdrawal,
)

S = TypeVar("S", bound=Signed)

MAX_REASON = 500
"""Characters of a failure's reason in the record."""


@dataclass(frozen=True, slots=True)
class Listener:
    """One run of one decision, which hears signals."""

    input: DecisionInput
    run_id: str


def interpret(name: str, payloads: Sequence[Payload], listener: Listener, at: datetime) -> Event:
    """Return the event that this signal is to this run, heard at `at`."""
    if name in ORDERS:
        return CallbackNews(at, ORDERS[name])
    read = READERS.get(name)
    if read is None:
        return Refused(at, "unknown_signal", f"There is no signal {name[:100]!r}.")
    try:
        return read(_only_json(payloads), listener, at)
    except Exception as error:
        return Refused(at, "malformed", f"The signal could not be read ({type(error).__name__}).")


def _statement(
    kind: type[S], meaning: Callable[[datetime, S], Event]
) -> Callable[[Any, Listener, datetime], Event]:
    """Return a reader of statements of this kind: their meaning, if it is the service's word to
    this run."""

    def read(content: Any, listener: Listener, at: datetime) -> Event:
        signed = kind.model_validate(content)
        if not proof.verified(signed, listener.input.keyring):
            return Refused(at, "unproven", "It was not signed by this service.")
        if (signed.decision_id, signed.run_id) != (listener.input.id, listener.run_id):
            return Refused(at, "unproven", "It was signed for another decision.")
        return meaning(at, signed)

    return read


def _withdrawn(at: datetime, withdrawal: SignedWithdrawal) -> Withdrawn:
    return Withdrawn(at, Origin.AGENT, withdrawal.agent, withdrawal.notes)


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
    RESPOND: _statement(SignedResponse, Responded),
    CANCEL: _statement(SignedWithdrawal, _withdrawn),
    EXTEND: _statement(SignedExtension, Extended),
    ATTACH: _statement(SignedAddition, Attached),
    STEP_UP: _statement(SignedCodeRequest, CodeRequested),
    DELIVERY_FAILED: _statement(SignedFailedDelivery, FailureReported),
    OPERATOR_DECIDE: _operators,
    CALLBACK_FAILED: _callback_failed,
}
ORDERS = {RETRY_CALLBACK: "callback.retried", GIVE_UP_CALLBACK: "callback.given_up"}
"""Orders that an operator gives with a word and no argument."""


def _only_json(payloads: Sequence[Payload]) -> Any:
    if len(payloads) != 1:
        raise ValueError("a signal carries one argument")
    return json.loads(payloads[0].data)
