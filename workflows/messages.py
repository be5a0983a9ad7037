"""The data that travel to, from and around `DecisionWorkflow`: one object in, one object out.

All of it is tolerant (`handover.models.Wire`), because a recorded history has to be readable by
every later version.
"""

from __future__ import annotations

from pydantic import AwareDatetime, Field

from handover.models import (
    Attachment,
    ChannelStep,
    DecisionRequest,
    Origin,
    Signature,
    Status,
    Wire,
)
from workflows.statements import SignedResponse

WORKFLOW = "DecisionWorkflow"
OPERATOR_DECIDE = "operator_decide"
CALLBACK_FAILED = "callback_failed"
RETRY_CALLBACK = "retry_callback"
GIVE_UP_CALLBACK = "give_up_callback"
SEND_NOTIFICATION = "send_notification"
DELIVER_CALLBACK = "deliver_callback"

REMINDER = "reminder"
QUESTIONS = ("decision-request", "escalation")
"""Messages that ask somebody for the first time: one that fails has others asked."""

ASKING = (*QUESTIONS, REMINDER)
"""Messages with a question in them: who gets none of these does not know that they are asked."""

CODE = "code"
DELIVERY_FAILURE = "delivery-failure"
CODES_USED_UP = "codes-used-up"
TO_THE_OPERATOR = (DELIVERY_FAILURE, CODES_USED_UP)
"""Messages of which the operator is the `approver`."""

STATUS_ATTRIBUTE = "HandoverStatus"
URGENCY_ATTRIBUTE = "HandoverUrgency"
AGENT_ATTRIBUTE = "HandoverAgent"
APPROVER_ATTRIBUTE = "HandoverApprover"
EXPIRES_AT_ATTRIBUTE = "HandoverExpiresAt"
"""The attribute with the deadline as it was at the start; an extension does not move it. By this
and nothing else an inbox is put in order before its histories are read."""

HELD_BACK = "HeldBack"
"""Error type of an attempt that came too early for its reader. Temporal's retry is the timer."""

UNDELIVERABLE = "Undeliverable"
"""Error type of a notification that no retry can deliver: the address is bad."""

GAVE_UP = "CallbackGone"
"""Error type of a callback that no retry can deliver, or that was retried for long enough."""


class Reminders(Wire):
    """The reminders of those who were asked last and have not answered: in minutes from then."""

    after_minutes: float
    every_minutes: float
    most: int


class DecisionInput(Wire):
    """The input with which the workflow is started.

    `seal` is the API's signature over all the rest. It is what lets the API tell a decision that it
    started from one that somebody started straight through Temporal.
    """

    id: str
    agent: str
    agent_id: str
    """The API key that asked: `agent` is its name."""
    request: DecisionRequest
    request_digest: str
    """The digest of the whole request, also of what `stored` names."""
    stored: dict[str, str] = Field(default_factory=dict[str, str])
    """Parts of the request that are too large for a history (see `stored.py`)."""
    attachments: list[Attachment] = Field(default_factory=list[Attachment])
    """The files that the agent sent before it asked."""
    created_at: AwareDatetime
    expires_at: AwareDatetime
    rules_version: int
    keyring: dict[str, str]
    """The keys that may sign responses: key id to Ed25519 public key (base64)."""
    receipts: bool = True
    step_up: bool = False
    """True if an approver's answer counts only with a code that was mailed to them."""
    reminders: Reminders | None = None
    routes: dict[str, list[ChannelStep]] = Field(default_factory=dict[str, list[ChannelStep]])
    """The channels of those who have set them themselves; others are asked as the request says."""
    operator: str | None = None
    """The e-mail address that is told when an approver cannot be reached."""
    idempotency_key: str | None = None
    """The key with which the agent asked."""
    indexed: bool = True
    """True if the server knows our search attributes; an unknown one would fail the workflow."""
    seal: Signature | None = None


class Outcome(Wire):
    """The end of a decision; the workflow's result. A person's response carries its proof."""

    status: Status
    origin: Origin
    at: AwareDatetime
    by: str | None = None
    notes: str | None = None
    response: SignedResponse | None = None


class SendNotificationInput(Wire):
    """One message to one approver. The text is made from the decision, which the id names."""

    decision_id: str
    message: str
    """The template: `decision-request`, `reminder`, `escalation`, `settled`, `receipt` or `code`;
    those of `TO_THE_OPERATOR` go to the operator, who is the `approver` then."""
    approver: str
    channel: str
    outcome: Outcome | None = None
    number: int = 0
    """The number that tells several of one kind to one person apart."""
    code_id: str | None = None


class NotificationSent(Wire):
    provider: str
    message_id: str


class DeliverCallbackInput(Wire):
    """One callback: the agent's own URL is told the outcome of this decision."""

    decision_id: str


class CallbackDelivered(Wire):
    status_code: int
    attempts: int


class CallbackFailed(Wire):
    """News from the activity to its workflow of an attempt that failed, for operators to read."""

    attempt: int
    reason: str
    next_at: AwareDatetime | None = None
    """The time of the next attempt; None if there is no further one."""


class OperatorDecision(Wire):
    """An operator's decision past the API, straight in Temporal: `deny` or `cancel`. Who it was and
    why has to be said; it cannot be proven, so it can never be an approval."""

    decision: str
    name: str = Field(min_length=1, max_length=200)
    reason: str = Field(min_length=1, max_length=2000)
