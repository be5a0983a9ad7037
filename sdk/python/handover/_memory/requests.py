"""Valid requests, with the limits of the service and the names that its refusals use."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import partial
from typing import Annotated, Any, Literal, TypeVar, cast
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StringConstraints,
    Tag,
    ValidationError,
)
from pydantic_core import ErrorDetails

from .. import addresses
from .._strict_json import RepeatedNameError, read_json
from ..models import DecisionRequest
from .json_limits import (
    MAX_DATA,
    MAX_METADATA,
    MAX_PAYLOAD,
    UnfitJsonError,
    check_answer,
    check_json,
)
from .refusals import at_fault
from .response_types import complaints_about_type, read_response_type

B = TypeVar("B", bound=BaseModel)
ONE_OR_LIST = ("<one>", "<list>")
ADVICE = {
    "extra_forbidden": "this is not known here; check its spelling, or leave it out",
    "missing": "this is required; send it",
}


def _address(value: Any) -> str:
    return addresses.Address.parse(value if isinstance(value, str) else "").shown


def _distinct(values: list[Any]) -> list[Any]:
    names = [value.channel if isinstance(value, ChannelStep) else value for value in values]
    if len(set(names)) < len(names):
        raise ValueError("an entry is there twice; name each once")
    return values


def _distinct_people(approvers: list[str]) -> list[str]:
    _distinct([addresses.one_form(each) for each in approvers])
    return approvers


def _url(schemes: tuple[str, ...], url: str) -> str:
    try:
        parts = urlsplit(url)
        whole = parts.scheme in schemes and parts.hostname
    except ValueError:
        whole = False
    if not whole:
        raise ValueError(f"this is no {' or '.join(schemes)} URL")
    return url


def _one_or_list(value: Any) -> str:
    return ONE_OR_LIST[isinstance(value, list)]


def _one_or_step(value: Any) -> str:
    return ONE_OR_LIST[isinstance(value, dict | ChannelStep)]


Text = Annotated[str, StringConstraints(strict=True)]
Minutes = Annotated[float, Field(strict=True, gt=0, le=525_600, allow_inf_nan=False)]
Address = Annotated[str, BeforeValidator(_address)]
Distinct = AfterValidator(_distinct)
Approvers = Annotated[
    list[Address], Field(min_length=1, max_length=20), AfterValidator(_distinct_people)
]
Channel = Literal["email", "slack", "webhook"]
OneOr = Annotated[
    Annotated[Address, Tag("<one>")] | Annotated[Approvers, Tag("<list>")],
    Discriminator(_one_or_list),
]
Notes = Annotated[
    Text,
    StringConstraints(max_length=10_000),
    AfterValidator(partial(check_json, most=MAX_PAYLOAD)),
]
WebUrl = Annotated[
    Text,
    StringConstraints(max_length=2_000),
    AfterValidator(partial(_url, ("http", "https"))),
]
CallbackUrl = Annotated[
    Text, StringConstraints(max_length=2_000), AfterValidator(partial(_url, ("https",)))
]
ClaimId = Annotated[Text, StringConstraints(pattern=r"^[ -~]{1,255}$")]
AttachmentId = Annotated[Text, StringConstraints(pattern=r"^att_[0-9a-f]{32}$")]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ChannelStep(Strict):
    channel: Channel
    after_minutes: Annotated[float, Field(strict=True, ge=0, le=525_600, allow_inf_nan=False)] = 0


ChannelOrStep = Annotated[
    Annotated[Channel, Tag("<one>")] | Annotated[ChannelStep, Tag("<list>")],
    Discriminator(_one_or_step),
]
Channels = Annotated[list[ChannelOrStep], Field(min_length=1, max_length=3), Distinct]


class EscalationStep(Strict):
    after_minutes: Minutes
    approvers: Approvers


class NewDecision(Strict):
    """The body of `POST /decisions`, without `response_type`."""

    action: Annotated[Text, StringConstraints(min_length=1, max_length=2_000, pattern=r"\S")]
    approver: OneOr
    context: Annotated[Text, StringConstraints(max_length=100_000)] | None = None
    urgency: Literal["low", "medium", "high", "critical"] = "medium"
    timeout_minutes: Minutes = 60
    escalation: Annotated[list[EscalationStep], Field(max_length=10)] = []
    channel: Annotated[
        Annotated[Channel, Tag("<one>")] | Annotated[Channels, Tag("<list>")],
        Discriminator(_one_or_list),
    ] = "email"
    options: Annotated[
        list[Literal["approve", "deny", "modify"]], Field(min_length=1), Distinct
    ] = ["approve", "deny", "modify"]
    payload: (
        Annotated[dict[str, Any], AfterValidator(partial(check_json, most=MAX_PAYLOAD))] | None
    ) = None
    context_images: Annotated[list[WebUrl], Field(max_length=5)] = []
    attachment_ids: Annotated[list[AttachmentId], Field(max_length=5), Distinct] = []
    callback_url: CallbackUrl | None = None
    enforce: StrictBool = False
    metadata: Annotated[
        dict[str, Text], AfterValidator(partial(check_json, most=MAX_METADATA))
    ] = {}
    remind_after_minutes: Minutes | None = None
    remind_every_minutes: Annotated[float, Field(ge=1, le=525_600, allow_inf_nan=False)] | None = (
        None
    )
    max_reminders: Annotated[int, Field(strict=True, ge=0, le=10)] | None = None


class Resolution(Strict):
    action: Literal["approve", "deny", "modify"]
    notes: Notes | None = None
    response_data: (
        Annotated[dict[str, Any], AfterValidator(partial(check_answer, most=MAX_DATA))] | None
    ) = None


class Cancellation(Strict):
    notes: Notes | None = None


class Extension(Strict):
    timeout_minutes: Minutes


class NewClaim(Strict):
    claim_id: ClaimId | None = None
    worker: (
        Annotated[
            Text,
            StringConstraints(min_length=1, max_length=200, pattern=r"\S"),
            AfterValidator(partial(check_json, most=MAX_PAYLOAD)),
        ]
        | None
    ) = None
    instead_of: ClaimId | None = None


class NewReport(Strict):
    claim_id: ClaimId
    status: Literal["succeeded", "failed", "not_run"]
    result: (
        Annotated[
            Text,
            StringConstraints(max_length=1_000),
            AfterValidator(partial(check_json, most=MAX_PAYLOAD)),
        ]
        | None
    ) = None


class Filters(Strict):
    """The parameters of `GET /decisions`."""

    status: (
        Literal["pending", "approved", "denied", "modified", "scheduled", "expired", "cancelled"]
        | None
    ) = None
    approver: Address | None = None
    agent: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    urgency: Literal["low", "medium", "high", "critical"] | None = None
    created_after: AwareDatetime | None = None
    idempotency_key: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    limit: int = Field(default=20, ge=1, le=100)
    cursor: str | None = None


def read_body(model: type[B], body: Any) -> B:
    """Read a body. Raises `Refusal`, naming the fields."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise at_fault(*_named(error)) from error


def read_document(content: bytes) -> Any:
    """Read a JSON document. Raises `Refusal` for a repeated name."""
    try:
        return read_json(content)
    except RepeatedNameError as error:
        raise at_fault((".".join(error.path), error.why)) from error


def read_request(content: bytes, local_domains: Collection[str] = ()) -> DecisionRequest:
    """Return a request with the service's defaults. Raises `Refusal`, naming the fields."""
    body = cast(dict[str, Any], read_document(content))
    given_type = body.pop("response_type", {"type": "approve_deny"})
    errors: list[tuple[str, str]] = []
    asked, response_type = None, {}
    try:
        asked = NewDecision.model_validate(body)
    except ValidationError as error:
        errors += _named(error)
    try:
        response_type = read_response_type(given_type)
    except ValidationError as error:
        errors += _named(error, "response_type")
    if errors or asked is None:
        raise at_fault(*errors)
    if response_type["type"] != "approve_deny" and "options" not in body:
        asked.options = ["approve", "deny"]
    if errors := [*complaints_about_type(response_type), *_together(asked, response_type["type"])]:
        raise at_fault(*errors)
    request = DecisionRequest(**asked.model_dump(mode="json"), response_type=response_type)  # pyright: ignore[reportArgumentType]
    if errors := list(_out_of_reach(request, local_domains)):
        raise at_fault(*errors)
    return request


def _out_of_reach(
    request: DecisionRequest, local_domains: Collection[str]
) -> Iterable[tuple[str, str]]:
    """Return addresses of private networks that nobody has allowed."""
    lists = [("approver", request.approver)]
    lists += [(f"escalation.{n}.approvers", e.approvers) for n, e in enumerate(request.escalation)]
    for field, given in lists:
        named = [(field, given)] if isinstance(given, str) else _numbered(field, given)
        for name, text in named:
            address = addresses.Address.parse(text)
            if address.is_local and not address.is_within(local_domains):
                why = "is in a network of its own, which no mail from the internet gets to"
                yield name, f"{text} {why}"


def _numbered(field: str, given: list[str]) -> list[tuple[str, str]]:
    return [(f"{field}.{number}", each) for number, each in enumerate(given)]


def _together(asked: NewDecision, response_type: str) -> Iterable[tuple[str, str]]:
    """Check rules over several fields."""
    minutes = asked.timeout_minutes
    for index, step in enumerate(asked.escalation):
        if step.after_minutes >= minutes:
            why = f"the decision expires after {minutes:g} minutes; escalate earlier"
            yield f"escalation.{index}.after_minutes", why
    steps = asked.channel if isinstance(asked.channel, list) else []
    later = [step.after_minutes if isinstance(step, ChannelStep) else 0 for step in steps]
    if later and all(later):
        yield "channel", "use one of the channels at once: leave out its after_minutes"
    for index, after in enumerate(later):
        if after >= minutes:
            why = f"the decision expires after {minutes:g} minutes; use it earlier"
            yield f"channel.{index}.after_minutes", why
    if response_type != "approve_deny" and "approve" not in asked.options:
        yield "options", f"offer 'approve' too, which answers {response_type!r}"


def _named(error: ValidationError, *outer: str) -> list[tuple[str, str]]:
    return [
        (
            ".".join([*outer, *_inner(found["loc"]), *_within(found)]) or "body",
            ADVICE.get(found["type"]) or found["msg"].removeprefix("Value error, "),
        )
        for found in error.errors(include_url=False)
    ]


def _within(found: ErrorDetails) -> list[str]:
    """Return the path into JSON of any shape."""
    error = found.get("ctx", {}).get("error")
    return list(error.path) if isinstance(error, UnfitJsonError) else []


def _inner(location: Sequence[str | int]) -> list[str]:
    return [str(part) for part in location if part not in ONE_OR_LIST]
