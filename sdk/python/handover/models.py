"""The wire types: an agent's requests, and the service's answers.

They are tolerant on purpose: fields and statuses that this version does not know survive a round
trip, so that a newer service never breaks an older agent and a tightened limit never stops a
running decision from reading its own input. The service's own strict types refuse wrong requests.

All of them are imported from here. Those that proofs and errors need too are at home in `_wire`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from pydantic import Field, PrivateAttr

from ._wire import (
    BY_URGENCY,
    Attachment,
    Channel,
    ChannelStep,
    Choice,
    DecisionRequest,
    EscalationStep,
    ExecutionStatus,
    Open,
    Origin,
    Proof,
    PublicKey,
    PublicKeys,
    ResponseType,
    Signature,
    Status,
    TextField,
    Urgency,
    Wire,
    is_permitted,
)

__all__ = [
    "BY_URGENCY",
    "Attachment",
    "AuditEntry",
    "Channel",
    "ChannelStep",
    "Choice",
    "Decision",
    "DecisionRequest",
    "DecisionSummary",
    "EscalationStep",
    "Execution",
    "ExecutionStatus",
    "Notification",
    "Open",
    "Origin",
    "Proof",
    "PublicKey",
    "PublicKeys",
    "Reading",
    "ResponseType",
    "Signature",
    "Status",
    "TextField",
    "Urgency",
    "Wire",
    "is_permitted",
]


class Notification(Wire):
    """One message to one approver. `result` is `pending`; `sent`: the provider has it; `delivered`,
    if the provider reports it; or `failed`, with its `reason`. One that is `pending` with a
    `reason` did not go out `since` then, and is retried."""

    message: str
    approver: str
    channel: str
    result: str
    at: datetime
    provider_message_id: str | None = None
    reason: str | None = None
    since: datetime | None = None


class AuditEntry(Wire):
    """One line of a decision's record. `event_id` is the number of its event in the workflow's
    history; a line without one was recorded after the workflow had ended."""

    type: str
    at: datetime
    event_id: int | None = None
    details: dict[str, Any] = Field(default_factory=dict[str, Any])


class Execution(Wire):
    """The one run of what was permitted, and how it ended.

    `claimed_by` is the name of the agent's API key, and `worker` the agent's word for what runs it,
    a host or a job for example. `finished_at` and `result` are null until it has reported.
    """

    status: Open[ExecutionStatus]
    claim_id: str | None = None
    """Name of the claim, which its report needs; only the agent that asked reads it."""
    claimed_by: str
    worker: str | None = None
    claimed_at: datetime
    finished_at: datetime | None = None
    result: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """The payload that may run, in the objects of the program that asked; or why it cannot run."""

    payload: Mapping[str, Any] | None = None
    unfit: str | None = None


class Decision(Wire):
    """A decision as the service answers it. `approved` is true for the status `approved` alone."""

    id: str
    status: Open[Status]
    created_at: datetime
    expires_at: datetime
    action: str = ""
    context: str | None = None
    urgency: Open[Urgency] = Urgency.MEDIUM
    approved: bool = False
    options: list[Open[Choice]] = Field(default_factory=list[Choice | str])
    timeout_minutes: float = 60
    response_type: ResponseType = Field(default_factory=ResponseType)
    response_notes: str | None = None
    response_data: dict[str, Any] | None = None
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    execute_at: datetime | None = None
    context_images: list[str] = Field(default_factory=list[str])
    attachments: list[Attachment] = Field(default_factory=list[Attachment])
    enforce: bool = False
    action_permitted: bool | None = None
    """Whether the action may run now; set for `enforce` decisions only."""
    approver: str | list[str] = ""
    escalation_level: int = 0
    notified_at: datetime | None = None
    """When the question first reached somebody, as far as is known; null until then."""
    unreachable: bool = False
    """Whether nobody who may answer was reached: no channel is left, or none has worked for five
    minutes (or for half of the time, if that is less). Unless that changes, or somebody resolves
    it, this decision expires; `undelivered` has the reasons."""
    stalled: str | None = None
    """Why its workflow does not go on while it is pending, which needs an operator. Answers that
    come meanwhile are kept, and count once it goes on."""
    origin: Open[Origin] | None = None
    payload: dict[str, Any] | None = None
    payload_digest: str | None = None
    """SHA-256 (hex) of the canonical JSON (RFC 8785) of the payload, or of the changed one if the
    status is `modified`. Approvers see its beginning."""
    metadata: dict[str, str] = Field(default_factory=dict[str, str])
    remind_after_minutes: float | None = None
    remind_every_minutes: float | None = None
    max_reminders: int | None = None
    notifications: list[Notification] = Field(default_factory=list[Notification])
    proof: Proof | None = None
    """Null unless a person or an operator decided."""
    request_digest: str | None = None
    """SHA-256 (hex) of the question, as `handover.proof.request_digest` makes it: every signature
    about this decision covers it."""
    idempotency_key: str | None = None
    """The key with which it was asked; only the agent that asked reads it."""
    execution: Execution | None = None
    """Null until the agent claims what was permitted."""
    _reading: Reading | None = PrivateAttr(default=None)

    @property
    def reading(self) -> Reading | None:
        """Return the reading; None if the question was JSON only, or if this program did not ask
        it."""
        return self._reading

    def read(self, reading: Reading) -> Self:
        """Return the decision, with what it permits here."""
        copy = self.model_copy()
        copy._reading = reading
        return copy

    @property
    def settled(self) -> bool:
        return self.status != Status.PENDING

    @property
    def undelivered(self) -> list[Notification]:
        """Return the messages that have not gone out yet and are retried, each with its
        `reason`."""
        return [each for each in self.notifications if each.result == "pending" and each.reason]

    def verify(
        self,
        keys: PublicKeys | Mapping[str, Any],
        *,
        request: DecisionRequest | Mapping[str, Any] | None = None,
    ) -> None:
        """Verify, without the service, that this is what a person or an operator decided.

        `keys` are the service's, from `client.keys()` or from a copy of
        `/.well-known/handover-keys`, best from before the decision. `request` is your question,
        with the names that `create` takes, and each field of it has to match the decision's.

        Raises `ProofError`, which says what does not hold, also for a decision that nobody has
        answered; `ConfigurationError` without `handover-sdk[verify]`.
        """
        from .proof import verify  # its libraries are needed for this alone

        verify(self, keys, request)


class DecisionSummary(Wire):
    """A decision in a list; `client.decisions.get(summary.id)` has all of it."""

    id: str
    status: Open[Status]
    approved: bool = False
    action: str = ""
    urgency: Open[Urgency] = Urgency.MEDIUM
    agent: str = ""
    approver: str | list[str] = ""
    created_at: datetime
    expires_at: datetime
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    origin: Open[Origin] | None = None
    escalation_level: int = 0
    execute_at: datetime | None = None

    @property
    def settled(self) -> bool:
        return self.status != Status.PENDING
