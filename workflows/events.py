"""Events that can happen to a decision."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from handover.models import Origin, Status
from workflows.statements import (
    SignedAddition,
    SignedCodeRequest,
    SignedExtension,
    SignedFailedDelivery,
    SignedResponse,
)


@dataclass(frozen=True, slots=True)
class TimePassed:
    at: datetime


@dataclass(frozen=True, slots=True)
class Responded:
    """A response whose signature was found good."""

    at: datetime
    response: SignedResponse


@dataclass(frozen=True, slots=True)
class DeliveryFailed:
    """A message that asks an approver can't reach them."""

    at: datetime
    approver: str
    channel: str
    reason: str


@dataclass(frozen=True, slots=True)
class FailureReported:
    """A message was sent and did not arrive; the signature was found good."""

    at: datetime
    failed: SignedFailedDelivery


@dataclass(frozen=True, slots=True)
class Extended:
    """The agent gives more time; its signature was found good."""

    at: datetime
    extension: SignedExtension


@dataclass(frozen=True, slots=True)
class Attached:
    """The agent shows one more file; its signature was found good."""

    at: datetime
    addition: SignedAddition


@dataclass(frozen=True, slots=True)
class CodeRequested:
    """An approver is to get a code; the signature was found good."""

    at: datetime
    request: SignedCodeRequest


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The agent or an operator ended the decision."""

    at: datetime
    origin: Origin
    by: str | None = None
    notes: str | None = None


@dataclass(frozen=True, slots=True)
class OperatorDecided:
    """Somebody with access to Temporal denied or cancelled, past the API."""

    at: datetime
    status: Status
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class CallbackNews:
    """News of the callback while it is tried. `type` is `callback.failed`, or an operator's order:
    `callback.retried` or `callback.given_up`."""

    at: datetime
    type: str
    details: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Refused:
    """Something was heard that counts for nothing."""

    at: datetime
    reason: str
    message: str
    details: dict[str, Any] = field(default_factory=dict[str, Any])


Event = (
    TimePassed
    | Responded
    | DeliveryFailed
    | FailureReported
    | Extended
    | Attached
    | CodeRequested
    | Withdrawn
    | OperatorDecided
    | CallbackNews
    | Refused
)
