"""What travels to, from and around `DecisionWorkflow`: one object in, one object out.

All of it is tolerant (`handover.models.Wire`), because a recorded history has to be readable by
every later version.
"""

from __future__ import annotations

from typing import Any

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

WORKFLOW = "DecisionWorkflow"
RESPOND = "respond"
CANCEL = "cancel"
EXTEND = "extend"
ATTACH = "attach"
STEP_UP = "step_up"
DELIVERY_FAILED = "delivery_failed"
OPERATOR_DECIDE = "operator_decide"
CALLBACK_FAILED = "callback_failed"
RETRY_CALLBACK = "retry_callback"
GIVE_UP_CALLBACK = "give_up_callback"
SEND_NOTIFICATION = "send_notification"
DELIVER_CALLBACK = "deliver_callback"

REMINDER = "reminder"
ASKING = ("decision-request", "escalation", REMINDER)
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
"""As it was at the start; an extension does not move it. By this and nothing else an inbox is put
in order before its histories are read."""

UNDELIVERABLE = "Undeliverable"
"""Error type of a notification that no retry can deliver: the address is bad."""

GAVE_UP = "CallbackGone"
"""Error type of a callback that no retry can deliver, or that was retried for long enough."""


class Reminders(Wire):
    """When those are reminded who were asked last and have not answered: in minutes from then."""

    after_minutes: float
    every_minutes: float
    most: int


class DecisionInput(Wire):
    """What the workflow is started with.

    `seal` is the API's signature over all the rest. It is what lets the API tell a decision that it
    started from one that somebody started straight through Temporal.
    """

    id: str
    agent: str
    agent_id: str
    """The API key that asked: `agent` is its name."""
    request: DecisionRequest
    request_digest: str
    """Of the whole request, also of what `stored` names."""
    stored: dict[str, str] = Field(default_factory=dict[str, str])
    """Parts of the request that are too large for a history (see `stored.py`)."""
    attachments: list[Attachment] = Field(default_factory=list[Attachment])
    """The files that the agent sent before it asked."""
    created_at: AwareDatetime
    expires_at: AwareDatetime
    rules_version: int
    keyring: dict[str, str]
    """Who may sign responses: key id to Ed25519 public key (base64)."""
    receipts: bool = True
    step_up: bool = False
    """An approver's answer counts only with a code that was mailed to them."""
    reminders: Reminders | None = None
    routes: dict[str, list[ChannelStep]] = Field(default_factory=dict[str, list[ChannelStep]])
    """By what those are asked who have set it themselves; the others as the request says."""
    operator: str | None = None
    """Who is told by e-mail when an approver cannot be reached."""
    idempotency_key: str | None = None
    """With which the agent asked."""
    indexed: bool = True
    """Whether the server knows our search attributes; an unknown one would fail the workflow."""
    seal: Signature | None = None


class Statement(Wire):
    """What the API says, and signs, about one run of one decision."""

    decision_id: str
    run_id: str
    """The run of the workflow. Without it, what was said in one run could be said again in another
    that somebody started under the same id."""
    request_digest: str
    """Of the decision's request. A response has that of what was shown: see `State.shown`."""
    received_at: AwareDatetime
    """When the API had it. This instant alone decides whether a response was in time."""


class Response(Statement):
    """What an approver sent. `choice` is `approve`, `deny`, `modify` or `not_me`.

    With the origin `operator` it is the word of a key that may resolve, and `approver` its name.
    """

    approver: str
    choice: str
    notes: str | None = None
    data: dict[str, Any] | None = None
    stored: dict[str, str] = Field(default_factory=dict[str, str])
    """`notes` or `data` where they are too large for a history (see `stored.py`)."""
    origin: Origin = Origin.HUMAN
    step_up: str | None = None
    """Names the code that came with it."""


class SignedResponse(Response):
    signature: Signature


class Withdrawal(Statement):
    """The agent takes its question back."""

    agent: str
    notes: str | None = None


class SignedWithdrawal(Withdrawal):
    signature: Signature


class Extension(Statement):
    """The agent gives its approvers more time."""

    agent: str
    expires_at: AwareDatetime


class SignedExtension(Extension):
    signature: Signature


class Addition(Statement):
    """The agent shows one more file."""

    agent: str
    attachment: Attachment


class SignedAddition(Addition):
    signature: Signature


class CodeRequest(Statement):
    """An approver needs a code before their answer counts. `code_id` names it; what it is stands
    nowhere: it follows from its name and a key that Temporal does not have (`links.codes`)."""

    approver: str
    code_id: str


class SignedCodeRequest(CodeRequest):
    signature: Signature


class FailedDelivery(Statement):
    """A message that was sent did not arrive, as its provider told the API later.

    `provider_event_id` names what the provider told, `provider_message_id` the message.
    """

    approver: str
    channel: str
    message: str
    reason: str
    provider_message_id: str
    provider_event_id: str


class SignedFailedDelivery(FailedDelivery):
    signature: Signature


class Claim(Statement):
    """The agent takes the one run that the decision permits. It is kept in the store, since the
    workflow may be over by then, and so is a `Report`.

    `number` counts the claims of a decision: there is another after one that was given back, or
    whose place is taken.
    """

    number: int
    agent: str
    claim_id: str
    worker: str | None = None


class SignedClaim(Claim):
    signature: Signature


class Report(Statement):
    """The agent says how the run of this claim ended: `succeeded`, `failed`, or `not_run`."""

    number: int
    agent: str
    claim_id: str
    status: str
    result: str | None = None


class SignedReport(Report):
    signature: Signature


class Outcome(Wire):
    """What a decision ended with; the workflow's result. A person's response carries its proof."""

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
    """Its template: `decision-request`, `reminder`, `escalation`, `settled`, `receipt` or `code`;
    those of `TO_THE_OPERATOR` go to the operator, who is the `approver` then."""
    approver: str
    channel: str
    outcome: Outcome | None = None
    number: int = 0
    """Tells several of one kind to one person apart."""
    code_id: str | None = None


class NotificationSent(Wire):
    provider: str
    message_id: str


class DeliverCallbackInput(Wire):
    """Tell the agent's own URL the outcome of this decision."""

    decision_id: str


class CallbackDelivered(Wire):
    status_code: int
    attempts: int


class CallbackFailed(Wire):
    """What the activity tells its workflow of an attempt that failed, for operators to read."""

    attempt: int
    reason: str
    next_at: AwareDatetime | None = None
    """None when there is no further attempt."""


class OperatorDecision(Wire):
    """What an operator may decide past the API, straight in Temporal: `deny` or `cancel`. Who it
    was and why has to be said; it cannot be proven, so it can never be an approval."""

    decision: str
    name: str = Field(min_length=1, max_length=200)
    reason: str = Field(min_length=1, max_length=2000)
