"""The wire types: an agent's requests, and the service's answers.

They are tolerant on purpose: fields and statuses that this version does not know survive a round
trip, so that a newer service never breaks an older agent and a tightened limit never stops a
running decision from reading its own input. The service's own strict types refuse wrong requests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from .addresses import in_small_letters

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
    """The kind of whoever decided. `AGENT`: the agent withdrew; `DEV`: `dev_mode`, which asks
    nobody, or the person at the terminal."""

    HUMAN = "human"
    TIMEOUT = "timeout"
    POLICY = "policy"
    OPERATOR = "operator"
    AGENT = "agent"
    DEV = "dev"


class Choice(StrEnum):
    """A choice that an approver may press."""

    APPROVE = "approve"
    DENY = "deny"
    MODIFY = "modify"


class Urgency(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


BY_URGENCY = tuple(reversed(Urgency))
"""Urgencies, the most urgent first."""


class ExecutionStatus(StrEnum):
    """The state of a permitted action. `CLAIMED`: the agent runs it, or has died doing so, and has
    not said how it ended. `NOT_RUN`: it did not run after all, and may be claimed again."""

    CLAIMED = "claimed"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    NOT_RUN = "not_run"


class Channel(StrEnum):
    """A way to reach approvers."""

    EMAIL = "email"
    SLACK = "slack"
    WEBHOOK = "webhook"


class Wire(BaseModel):
    model_config = ConfigDict(extra="allow")


class ChannelStep(Wire):
    """A channel, and how many minutes after asking it is used: at once, or only if no answer has
    come by then, or if those before it have failed."""

    channel: str
    after_minutes: float = 0


class EscalationStep(Wire):
    """Backup approvers, asked `after_minutes` from creation when nobody has answered."""

    after_minutes: float
    approvers: list[str]


class TextField(Wire):
    """One field of a `text_input`; `name` is the key of its value in `response_data`."""

    name: str
    label: str | None = None
    required: bool = False
    placeholder: str | None = None


class ResponseType(Wire):
    """The kind of answer that is asked for; `type` decides which of the further fields it has.

    `choose`: `choices`. `text_input`: `fields`. `number_input`: `min` and `max`, both inclusive.
    `schedule`: `allow_immediate`. `file_upload`: `max_files`, and `accept` (media types such as
    `image/*`, or endings such as `.pdf`). `label` is the question beside the field.
    """

    type: str = "approve_deny"
    label: str | None = None
    choices: list[str] | None = None
    fields: list[TextField] | None = None
    min: float | None = None
    max: float | None = None
    placeholder: str | None = None
    allow_immediate: bool | None = None
    max_files: int | None = None
    accept: list[str] | None = None

    @model_serializer(mode="wrap")
    def _without_what_is_not_set(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the fields of other types."""
        return {name: value for name, value in serialize(self).items() if value is not None}


class Attachment(Wire):
    """A file, from the agent or from an approver. `sha256` (hex) and `size` (bytes) describe its
    content; `type` is a media type; `url` needs the agent's key."""

    id: str
    name: str
    url: str
    type: str
    size: int
    sha256: str


class DecisionRequest(Wire):
    """An agent's question. Times are minutes from creation."""

    action: str
    approver: str | list[str]
    context: str | None = None
    urgency: Open[Urgency] = Urgency.MEDIUM
    timeout_minutes: float = 60
    escalation: list[EscalationStep] = Field(default_factory=list[EscalationStep])
    channel: str | list[str | ChannelStep] = Channel.EMAIL.value
    options: list[Open[Choice]] = Field(default_factory=lambda: list[Choice | str](Choice))
    payload: dict[str, Any] | None = None
    response_type: ResponseType = Field(default_factory=ResponseType)
    context_images: list[str] = Field(default_factory=list[str])
    attachment_ids: list[str] = Field(default_factory=list[str])
    callback_url: str | None = None
    enforce: bool = False
    metadata: dict[str, str] = Field(default_factory=dict[str, str])
    remind_after_minutes: float | None = None
    """Minutes from asking to the first reminder; None for the urgency's own. Later ones come
    `remind_every_minutes`, at most `max_reminders`."""
    remind_every_minutes: float | None = None
    max_reminders: int | None = None

    @property
    def approvers(self) -> list[str]:
        """Return the people who are asked first."""
        return [self.approver] if isinstance(self.approver, str) else self.approver

    @property
    def channels(self) -> list[ChannelStep]:
        """Return the channels by which approvers are asked, and when."""
        given = [self.channel] if isinstance(self.channel, str) else self.channel
        return [ChannelStep(channel=each) if isinstance(each, str) else each for each in given]

    def in_one_spelling(self) -> Self:
        """Return the one form of the request's spellings: one approver or channel as a text or a
        list of one, addresses in small letters, a channel that is used at once by its name."""
        steps = [
            step.model_copy(update={"approvers": [*map(in_small_letters, step.approvers)]})
            for step in self.escalation
        ]
        channels = [step if step.after_minutes else step.channel for step in self.channels]
        spelled = {
            "approver": _alone([*map(in_small_letters, self.approvers)]),
            "escalation": steps,
            "channel": _alone(channels),
        }
        return self.model_copy(update=spelled)


def _alone(values: Sequence[object]) -> object:
    """Return the only text of a list, or else the list."""
    match values:
        case [str() as only]:
            return only
        case _:
            return values


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


class Signature(Wire):
    """An Ed25519 signature (base64) by the key that `key_id` names."""

    key_id: str
    value: str


class Proof(Wire):
    """The answer that settled a decision, as the service signed it: see `handover.proof`.

    `received_at` is when the service received it; `request_digest` is the digest of what was shown
    to its writer, `data_digest` that of their notes and data. `stored` has the digest of each of
    these that the service keeps apart because it is large.
    """

    decision_id: str
    run_id: str
    request_digest: str
    received_at: AwareDatetime
    approver: str
    choice: str
    data_digest: str
    stored: dict[str, str] = Field(default_factory=dict[str, str])
    origin: Open[Origin]
    step_up: str | None = None
    """Name of the code that the approver typed besides pressing a button."""
    signature: Signature


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


class PublicKey(Wire):
    """A key that verifies the service's signatures, as a JSON Web Key (RFC 8037)."""

    kid: str
    kty: str = "OKP"
    crv: str | None = None
    x: str | None = None
    use: str = "sig"
    alg: str | None = None


class PublicKeys(Wire):
    """All keys that the service signs with or has signed with, and still believes."""

    keys: list[PublicKey]


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


def is_permitted(
    status: str, *, has_payload: bool, execute_at: datetime | None, now: datetime
) -> bool:
    """Return whether the agent may act on this status at `now`.

    A modified decision permits its modified payload; without a payload the approver has rewritten
    the action in words, and nothing exact is permitted. A scheduled one permits from `execute_at`
    on.
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
