"""The wire types: what an agent sends, what the service answers.

They are tolerant on purpose: fields and statuses that this version does not know survive a round
trip, so that a newer service never breaks an older agent and a tightened limit never stops a
running decision from reading its own input. What the service refuses stands in its own strict
types.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

E = TypeVar("E", bound=StrEnum)
Open = Annotated[E | str, Field(union_mode="left_to_right")]
"""A value of an enumeration, or a word that a newer service knows and we do not."""


class Status(StrEnum):
    """Where a decision stands. Everything but `PENDING` is final."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    MODIFIED = "modified"
    SCHEDULED = "scheduled"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Origin(StrEnum):
    """Who decided. `AGENT`: the agent withdrew; `DEV`: nobody was asked, `dev_mode` approved."""

    HUMAN = "human"
    TIMEOUT = "timeout"
    POLICY = "policy"
    OPERATOR = "operator"
    AGENT = "agent"
    DEV = "dev"


class Choice(StrEnum):
    """What an approver may press."""

    APPROVE = "approve"
    DENY = "deny"
    MODIFY = "modify"


class Urgency(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Channel(StrEnum):
    """How an approver is reached."""

    EMAIL = "email"
    SLACK = "slack"
    WEBHOOK = "webhook"


class Wire(BaseModel):
    model_config = ConfigDict(extra="allow")


class EscalationStep(Wire):
    """Backup approvers, asked `after_minutes` from creation when nobody has answered."""

    after_minutes: float
    approvers: list[str]


class ResponseType(Wire):
    """What kind of answer is asked for; `type` decides which further fields it has."""

    type: str = "approve_deny"


class DecisionRequest(Wire):
    """What an agent asks. Times are minutes from creation."""

    action: str
    approver: str | list[str]
    context: str | None = None
    urgency: Open[Urgency] = Urgency.MEDIUM
    timeout_minutes: float = 60
    escalation: list[EscalationStep] = Field(default_factory=list[EscalationStep])
    channel: str | list[str] = Channel.EMAIL.value
    options: list[Open[Choice]] = Field(default_factory=lambda: list[Choice | str](Choice))
    payload: dict[str, Any] | None = None
    response_type: ResponseType = Field(default_factory=ResponseType)
    context_images: list[str] = Field(default_factory=list[str])
    attachment_ids: list[str] = Field(default_factory=list[str])
    callback_url: str | None = None
    enforce: bool = False
    metadata: dict[str, str] = Field(default_factory=dict[str, str])

    @property
    def approvers(self) -> list[str]:
        """Who is asked first."""
        return [self.approver] if isinstance(self.approver, str) else self.approver

    @property
    def channels(self) -> list[str]:
        return [self.channel] if isinstance(self.channel, str) else self.channel


class Notification(Wire):
    """One message to one approver: `result` is `pending`, `sent` or `failed`, with its `reason`."""

    message: str
    approver: str
    channel: str
    result: str
    at: datetime
    provider_message_id: str | None = None
    reason: str | None = None


class AuditEntry(Wire):
    """One line of a decision's record. `event_id` is the number of the event in the workflow's
    history that it was read from; without one, it was recorded after the workflow had ended."""

    type: str
    at: datetime
    event_id: int | None = None
    details: dict[str, Any] = Field(default_factory=dict[str, Any])


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
    attachments: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]])
    enforce: bool = False
    action_permitted: bool | None = None
    """Whether the action may run now; the service tells it for `enforce` decisions only."""
    approver: str | list[str] = ""
    escalation_level: int = 0
    origin: Open[Origin] | None = None
    payload: dict[str, Any] | None = None
    metadata: dict[str, str] = Field(default_factory=dict[str, str])
    notifications: list[Notification] = Field(default_factory=list[Notification])

    @property
    def settled(self) -> bool:
        return self.status != Status.PENDING


def is_permitted(
    status: str, *, has_payload: bool, execute_at: datetime | None, now: datetime
) -> bool:
    """Whether the agent may act on this status at `now`.

    A modified decision permits its modified payload; without a payload the approver rewrote the
    action in words, and nothing exact was permitted. A scheduled one permits from `execute_at` on.
    """
    match status:
        case Status.APPROVED:
            return True
        case Status.MODIFIED:
            return has_payload
        case Status.SCHEDULED:
            return execute_at is not None and now >= execute_at
        case _:
            return False
