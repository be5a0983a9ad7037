"""Requests to the service, as strict counterparts of `handover.models`, and its own answers.

Limits stand here and nowhere deeper: the workflow takes the tolerant types, so that tightening a
limit never touches a decision that is under way.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    HttpUrl,
    StrictBool,
    StringConstraints,
    Tag,
    model_validator,
)

from api.decisions.response_types import ApproveDeny, NewResponseType
from api.http.json_checks import check_answer, check_json
from api.problems.handlers import ONE_OR_LIST
from handover import addresses
from handover.models import DecisionRequest, Execution
from links import Codes
from workflows.objections import MAX_ACTION, MAX_ATTACHMENTS, NOT_ME

FORM = "[A-Za-z0-9_-]{16,40}"
"""The form of a name under which a page's form asks for codes."""

MAX_PAYLOAD = 256 * 1024
MAX_DATA = MAX_PAYLOAD + 1024
"""Bytes of an answer's data: a payload in its frame, or 20 fields of text."""
MAX_METADATA = 16 * 1024
MAX_NOTES = 10_000
MAX_RESULT = 1_000
MAX_APPROVERS = 20
MAX_REMINDERS = 10
MAX_STEPS = 10

RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)

Text = Annotated[str, StringConstraints(strict=True)]
Minutes = Annotated[float, Field(strict=True, gt=0, le=525_600, allow_inf_nan=False)]


def _one_or_list(value: Any) -> str:
    return ONE_OR_LIST[0] if isinstance(value, str) else ONE_OR_LIST[1]


def _distinct(values: list[Any]) -> list[Any]:
    if len(set(values)) < len(values):
        raise ValueError("an entry is there twice; name each once")
    return values


def _web_url(url: str) -> str:
    HttpUrl(url)
    return url


def _distinct_people(approvers: list[str]) -> list[str]:
    _distinct([addresses.one_form(each) for each in approvers])
    return approvers


def _address(text: str) -> str:
    """Check a mail address, as people are shown it."""
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError("an e-mail address is a string")  # noqa: TRY004 - pydantic wants ValueError
    return addresses.Address.parse(text).shown


def allowed_approver(text: str) -> str:
    """Check an address, or `@` and a domain that could follow one."""
    if isinstance(text, str) and text.startswith("@"):  # pyright: ignore[reportUnnecessaryIsInstance]
        return _address(f"x{text}").removeprefix("x")
    return _address(text)


def _rfc_3339(value: Any) -> Any:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not RFC_3339.fullmatch(value):
        raise ValueError(
            "send a time with its offset, such as 2026-03-12T14:30:00Z (in a URL, `+` is %2B)"
        )
    return value


def _in_utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("this time is beyond all calendars") from error


def _clean(text: str) -> str:
    """Replace each NUL, which PostgreSQL takes in no text."""
    return text.replace("\x00", "\ufffd")


Moment = Annotated[AwareDatetime, BeforeValidator(_rfc_3339), AfterValidator(_in_utc)]
Address = Annotated[str, BeforeValidator(_address), Field(json_schema_extra={"format": "email"})]
Distinct = AfterValidator(_distinct)
Approvers = Annotated[
    list[Address],
    Field(min_length=1, max_length=MAX_APPROVERS),
    AfterValidator(_distinct_people),
]
Channel = Literal["email", "slack", "webhook"]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewChannelStep(Strict):
    """A channel that is used later, or sooner where those before it fail."""

    channel: Channel
    after_minutes: Annotated[float, Field(strict=True, ge=0, le=525_600, allow_inf_nan=False)] = 0


def _name_or_step(value: Any) -> str:
    return ONE_OR_LIST[0] if isinstance(value, str) else ONE_OR_LIST[1]


def _in_turn(steps: list[Channel | NewChannelStep]) -> list[Channel | NewChannelStep]:
    """Refuse a channel that is named twice, and an order in which nobody is asked at once."""
    whole = [NewChannelStep(channel=each) if isinstance(each, str) else each for each in steps]
    _distinct([step.channel for step in whole])
    if all(step.after_minutes > 0 for step in whole):
        raise ValueError("use one of the channels at once: leave out its after_minutes")
    return steps


ChannelOrStep = Annotated[
    Annotated[Channel, Tag("<one>")] | Annotated[NewChannelStep, Tag("<list>")],
    Discriminator(_name_or_step),
]
Channels = Annotated[
    list[ChannelOrStep], Field(min_length=1, max_length=3), AfterValidator(_in_turn)
]
OneAddressOrMore = Annotated[
    Annotated[Address, Tag("<one>")] | Annotated[Approvers, Tag("<list>")],
    Discriminator(_one_or_list),
]
OneChannelOrMore = Annotated[
    Annotated[Channel, Tag("<one>")] | Annotated[Channels, Tag("<list>")],
    Discriminator(_one_or_list),
]
Options = Annotated[list[Literal["approve", "deny", "modify"]], Field(min_length=1), Distinct]
ImageUrl = Annotated[
    Text,
    StringConstraints(max_length=2_000),
    AfterValidator(_web_url),
    Field(json_schema_extra={"format": "uri"}),
]
WebhookUrl = Annotated[
    Text,
    StringConstraints(min_length=1, max_length=2_000),
    Field(
        description="Where this approver's system is asked, after the Standard Webhooks, by"
        " decisions with the channel `webhook`: https, at a public address.",
        json_schema_extra={"format": "uri"},
    ),
]
CallbackUrl = Annotated[
    Text,
    StringConstraints(min_length=1, max_length=2_000),
    Field(
        description="Told the outcome, after the Standard Webhooks: https, at a public address.",
        json_schema_extra={"format": "uri"},
    ),
]
AttachmentId = Annotated[Text, StringConstraints(pattern=r"^att_[0-9a-f]{32}$")]

Payload = Annotated[dict[str, Any], AfterValidator(partial(check_json, most=MAX_PAYLOAD))]
Metadata = Annotated[dict[str, Text], AfterValidator(partial(check_json, most=MAX_METADATA))]
ResponseData = Annotated[dict[str, Any], AfterValidator(partial(check_answer, most=MAX_DATA))]
Notes = Annotated[
    Text,
    StringConstraints(max_length=MAX_NOTES),
    AfterValidator(check_json),
    AfterValidator(_clean),
]


ClaimId = Annotated[Text, StringConstraints(pattern=r"^[ -~]{1,255}$")]


class NewEscalationStep(Strict):
    after_minutes: Minutes
    approvers: Approvers


class NewDecision(Strict):
    """The body of `POST /decisions`."""

    action: Annotated[Text, StringConstraints(min_length=1, max_length=MAX_ACTION, pattern=r"\S")]
    approver: OneAddressOrMore
    context: Annotated[Text, StringConstraints(max_length=100_000)] | None = None
    urgency: Literal["low", "medium", "high", "critical"] = "medium"
    timeout_minutes: Minutes = 60
    escalation: Annotated[list[NewEscalationStep], Field(max_length=MAX_STEPS)] = []
    channel: Annotated[
        OneChannelOrMore | None,
        Field(
            description="One or several, at once or each `after_minutes`: the later ones only where"
            " no answer has come by then, or the earlier ones failed. By default as the approver"
            " has set it for this urgency, else `email`."
        ),
    ] = None
    options: Annotated[
        Options,
        Field(description="By default all three for `approve_deny`; else `approve` and `deny`."),
    ] = ["approve", "deny", "modify"]
    payload: Payload | None = None
    response_type: NewResponseType = ApproveDeny()
    context_images: Annotated[list[ImageUrl], Field(max_length=5)] = []
    attachment_ids: Annotated[list[AttachmentId], Field(max_length=MAX_ATTACHMENTS), Distinct] = []
    callback_url: CallbackUrl | None = None
    enforce: StrictBool = False
    metadata: Metadata = {}
    remind_after_minutes: Annotated[
        Minutes | None,
        Field(description="From the moment of asking; by default what suits the urgency."),
    ] = None
    remind_every_minutes: Annotated[
        Annotated[float, Field(ge=1, le=525_600, allow_inf_nan=False)] | None,
        Field(description="Between one reminder and the next."),
    ] = None
    max_reminders: Annotated[
        Annotated[int, Field(strict=True, ge=0, le=MAX_REMINDERS)] | None,
        Field(description="To each who is asked; 0 for none."),
    ] = None

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        for index, step in enumerate(self.escalation):
            if step.after_minutes >= self.timeout_minutes:
                raise ValueError(
                    f"escalation.{index}.after_minutes: the decision expires after"
                    f" {self.timeout_minutes:g} minutes; escalate earlier"
                )
        self._check_channels()
        self._check_options()
        check_json(self.model_dump(mode="json"))
        return self

    def _check_channels(self) -> None:
        given = self.channel if isinstance(self.channel, list) else []
        for index, step in enumerate(given):
            if isinstance(step, NewChannelStep) and step.after_minutes >= self.timeout_minutes:
                raise ValueError(
                    f"channel.{index}.after_minutes: the decision expires after"
                    f" {self.timeout_minutes:g} minutes; use it earlier"
                )

    def _check_options(self) -> None:
        """Have `approve` among the options if a value is asked for: `approve` alone brings it."""
        if isinstance(self.response_type, ApproveDeny):
            return
        if "options" not in self.model_fields_set:
            self.options = ["approve", "deny"]
        elif "approve" not in self.options:
            raise ValueError(
                f"options: offer 'approve' too, which answers {self.response_type.type!r}"
            )

    def to_request(self) -> DecisionRequest:
        """Return the request. It has a channel only if the agent named one (`model_fields_set`)."""
        told = self.model_dump(mode="json")
        if self.channel is None:
            del told["channel"]
        return DecisionRequest.model_validate(told)


class Cancellation(Strict):
    """The body of `POST /decisions/{id}/cancel`."""

    notes: Notes | None = None


class Extension(Strict):
    """The body of `POST /decisions/{id}/extend`: minutes from now to the new deadline."""

    timeout_minutes: Minutes


class NewClaim(Strict):
    """The body of `POST /decisions/{id}/claim`."""

    claim_id: Annotated[
        ClaimId | None,
        Field(
            description="Names the claim: the same again is the same claim, until it is reported."
            " Make it up at random. By default the service does."
        ),
    ] = None
    worker: Annotated[
        Annotated[
            Text,
            StringConstraints(min_length=1, max_length=200, pattern=r"\S"),
            AfterValidator(check_json),
            AfterValidator(_clean),
        ]
        | None,
        Field(description="Who runs it, for whoever finds it claimed: a host or a job."),
    ] = None
    instead_of: Annotated[
        ClaimId | None,
        Field(
            description="The `claim_id` of a claim that failed, or whose worker has died: this one"
            " takes its place, and nobody else's."
        ),
    ] = None


class NewReport(Strict):
    """The body of `POST /decisions/{id}/done`: how the run of this claim ended."""

    claim_id: ClaimId
    status: Annotated[
        Literal["succeeded", "failed", "not_run"],
        Field(description="With `not_run`, the action may be claimed again."),
    ]
    result: Annotated[
        Annotated[
            Text,
            StringConstraints(max_length=MAX_RESULT),
            AfterValidator(check_json),
            AfterValidator(_clean),
        ]
        | None,
        Field(description="In short, for the record."),
    ] = None


class Resolution(Strict):
    """The body of `POST /decisions/{id}/resolve`. `response_data` is as the response type has it;
    for `modify` it has `payload`, or `action` where the decision has no payload."""

    action: Literal["approve", "deny", "modify"]
    notes: Notes | None = None
    response_data: ResponseData | None = None


class NewResponse(Strict):
    """The body of `POST /responses/{token}`. `digest` is that of what is answered; `response_data`
    is as for `resolve`, and files are named by the ids with which they were sent."""

    choice: Literal["approve", "deny", "modify", "not_me"]
    digest: Annotated[Text, StringConstraints(max_length=100), AfterValidator(check_json)]
    notes: Notes | None = None
    response_data: ResponseData | None = None
    code: Annotated[
        Annotated[Text, StringConstraints(max_length=Codes.LONGEST), AfterValidator(check_json)]
        | None,
        Field(description="What was mailed to the approver, where the decision needs it."),
    ] = None
    form: Annotated[
        Annotated[Text, StringConstraints(pattern=f"^{FORM}$")] | None,
        Field(description="The `form` of the answer that asked for the code."),
    ] = None

    @model_validator(mode="after")
    def _check_data(self) -> Self:
        if self.choice == NOT_ME and self.response_data:
            raise ValueError("response_data: 'not_me' takes none; say why in `notes`")
        return self


class AuditLine(BaseModel):
    """One line of the record. `event_id` is the number of the history's event; None for what the
    store keeps."""

    event_id: int | None
    type: str
    at: datetime
    details: dict[str, Any]


class Audit(BaseModel):
    decision_id: str
    status: str
    execution: Execution | None = Field(
        description="Of a permitted action that was claimed: who runs it, and how that ended."
    )
    entries: list[AuditLine]
