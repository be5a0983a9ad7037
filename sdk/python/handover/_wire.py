"""The wire types below a decision: the words in it, the question, and the proof of the answer.

`handover.models` adds the decision itself, and is where all of them are imported from; only
`handover.proof` and `handover.exceptions`, which it imports, come here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from .addresses import in_small_letters

E = TypeVar("E", bound=StrEnum)
Open = Annotated[E | str, Field(union_mode="left_to_right")]
"""A value of an enumeration, or a word that a newer service knows and we do not."""


class Word(StrEnum):
    """The base of the enumerations."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.__module__ = "handover.models"  # where users import it: checkpoints name it by this


class Status(Word):
    """Where a decision stands. Everything but `PENDING` is final."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    MODIFIED = "modified"
    SCHEDULED = "scheduled"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Origin(Word):
    """The kind of whoever decided. `AGENT`: the agent withdrew; `DEV`: `dev_mode`, which asks
    nobody, or the person at the terminal."""

    HUMAN = "human"
    TIMEOUT = "timeout"
    POLICY = "policy"
    OPERATOR = "operator"
    AGENT = "agent"
    DEV = "dev"


class Choice(Word):
    """A choice that an approver may press."""

    APPROVE = "approve"
    DENY = "deny"
    MODIFY = "modify"


class Urgency(Word):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


BY_URGENCY = tuple(reversed(Urgency))
"""Urgencies, the most urgent first."""


class ExecutionStatus(Word):
    """The state of a permitted action. `CLAIMED`: the agent runs it, or has died doing so, and has
    not said how it ended. `NOT_RUN`: it did not run after all, and may be claimed again."""

    CLAIMED = "claimed"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    NOT_RUN = "not_run"


class Channel(Word):
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
