"""`/approvers/{address}`: an administrator's settings for an approver: language, time zone, when
and by which channels they are asked, and their own system.

Approvers set all but the last themselves, behind the link to their inbox (`api/pages/inbox.py`).
Only an administrator sets the address of somebody's system, because it answers in their name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Path, Response
from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator

from api.decisions.approvers import check_places
from api.decisions.schemas import (
    Address,
    NewChannelStep,
    OneChannelOrMore,
    Strict,
    Text,
    WebhookUrl,
)
from api.decisions.urls import check_url
from api.doors.auth import Administrator, KeyedRoute
from api.doors.deps import ServiceDep
from api.http.examples import APPROVER
from api.http.openapi import body_examples, problems
from api.people.preferences import LONGEST_DIGEST, SHORTEST_DIGEST
from api.problems.errors import NotFound, invalid
from handover.models import BY_URGENCY, Channel
from store.approvers import Preferences, QuietHours, Use
from templates.reader import is_time_zone

LONGEST = 64
"""Characters of a time zone's name; the longest has half of that."""

router = APIRouter(tags=["approvers"], route_class=KeyedRoute)


def _zone(name: str) -> str:
    if not is_time_zone(name):
        raise ValueError(
            f"{name!r} is no time zone of IANA's; names are such as 'Europe/Berlin' and 'UTC'"
        )
    return name


ApproverPath = Annotated[Address, Path(description="Their e-mail address, in any spelling.")]
Language = Literal["en", "de", "fr"]
TimeZone = Annotated[str, Field(min_length=1, max_length=LONGEST), AfterValidator(_zone)]


Clock = Annotated[Text, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class NewQuietHours(Strict):
    """Quiet hours of every day, by the clocks of the approver's time zone; over midnight if `to` is
    earlier."""

    start: Clock = Field(alias="from", examples=["20:00"])
    end: Clock = Field(alias="to", examples=["07:00"])

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.start == self.end:
            raise ValueError("`from` and `to` are the same; leave quiet_hours out for none")
        return self


NewDigest = Annotated[
    int,
    Field(
        strict=True,
        ge=SHORTEST_DIGEST,
        le=LONGEST_DIGEST,
        description="No more than one mail with requests in so many minutes; critical ones pass.",
    ),
]


class NewChannels(Strict):
    """The `channel`, by urgency, of decisions that name none."""

    critical: OneChannelOrMore | None = None
    high: OneChannelOrMore | None = None
    medium: OneChannelOrMore | None = None
    low: OneChannelOrMore | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.uses:
            raise ValueError("name an urgency, or leave channels out")
        return self

    @property
    def uses(self) -> dict[str, list[Use]]:
        """Return each channel with when it is used, by urgency."""
        given = ((urgency, getattr(self, urgency)) for urgency in BY_URGENCY)
        return {urgency: _uses(channels) for urgency, channels in given if channels}


class NewReading(Strict):
    """An approver's new settings. A field that is left out, or null, is removed."""

    language: Language | None = None
    time_zone: TimeZone | None = Field(default=None, examples=["Europe/Berlin"])
    quiet_hours: NewQuietHours | None = None
    digest_minutes: NewDigest | None = None
    channels: NewChannels | None = None
    webhook_url: WebhookUrl | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if all(getattr(self, name) is None for name in type(self).model_fields):
            raise ValueError("language: set this or another field; DELETE takes all of them back")
        return self

    @model_validator(mode="after")
    def _has_what_is_asked(self) -> Self:
        if self.webhook_url is None and (lacking := self._urgencies_with(Channel.WEBHOOK)):
            raise ValueError(f"channels.{lacking[0]}: 'webhook' needs a webhook_url beside it")
        return self

    def check_slack(self, lacking: Sequence[str]) -> None:
        """Check that Slack is set up if it is to be used; `lacking` are the missing settings.
        Raises `Invalid`."""
        if lacking and (urgencies := self._urgencies_with(Channel.SLACK)):
            raise invalid(
                f"channels.{urgencies[0]}",
                f"'slack' is not set up here: an operator has to set {' and '.join(lacking)};"
                " until then, use 'email'.",
            )

    def to_preferences(self) -> Preferences:
        quiet = self.quiet_hours
        return Preferences(
            language=self.language,
            time_zone=self.time_zone,
            quiet_hours=QuietHours.of(quiet.model_dump(by_alias=True)) if quiet else None,
            digest_minutes=self.digest_minutes,
            channels=self.channels.uses if self.channels else None,
        )

    def _urgencies_with(self, channel: str) -> list[str]:
        given = self.channels.uses if self.channels else {}
        return [
            urgency for urgency, uses in given.items() if channel in [u["channel"] for u in uses]
        ]


def _uses(given: str | Sequence[str | NewChannelStep]) -> list[Use]:
    return [
        Use(channel=each, after_minutes=0)
        if isinstance(each, str)
        else Use(channel=each.channel, after_minutes=each.after_minutes)
        for each in ([given] if isinstance(given, str) else given)
    ]


class Used(BaseModel):
    """A channel, and how long after the question it is used."""

    channel: str
    after_minutes: float


class Reading(BaseModel):
    """An approver's settings. Null means not set: then a page is in the browser's language, and the
    service's default holds for the rest."""

    address: str
    language: str | None
    time_zone: str | None
    quiet_hours: NewQuietHours | None
    digest_minutes: int | None
    channels: dict[str, list[Used]] | None
    webhook_url: str | None


class MadeWebhookSecret(BaseModel):
    webhook_secret: str = Field(
        description="For any Standard Webhooks library: `whsec_…`. It is shown this once."
    )


class SetReading(Reading):
    webhook_secret: str | None = Field(
        default=None,
        description="What the webhooks are signed with: with the first `webhook_url`, this once.",
    )


@router.get("/approvers/{address}", responses=problems("invalid_request", "not_found"))
async def read(service: ServiceDep, _: Administrator, address: ApproverPath) -> Reading:
    """Return an approver's settings: how they read, when and by which channels they are asked, and
    their own system. 404 if nothing is set."""
    return await _known(service, address)


@router.put(
    "/approvers/{address}",
    responses=problems("invalid_request"),
    response_model_exclude_unset=True,
    openapi_extra=body_examples(APPROVER),
)
async def put(
    service: ServiceDep, _: Administrator, address: ApproverPath, body: NewReading
) -> SetReading:
    """Replace all earlier settings, whoever made them, from the next message and page on.

    With the first `webhook_url`, the answer has the secret that signs its requests; a later one
    keeps it, and without a `webhook_url` it is gone.
    """
    check_places(service.settings.local_domains, [("address", address)])
    if body.webhook_url:
        await check_url(service.outgoing, body.webhook_url, "webhook_url")
    body.check_slack(service.settings.lacking_for_slack)
    preferences = body.to_preferences()
    await service.store.approvers.set(address, preferences)
    told = _shown(address, preferences, body.webhook_url)
    shown = SetReading.model_validate(told.model_dump(by_alias=True))
    if body.webhook_url is None:
        await service.webhooks.remove(address)
    elif secret := await service.webhooks.set(address, body.webhook_url):
        shown.webhook_secret = secret
    return shown


@router.post(
    "/approvers/{address}/webhook-secret",
    status_code=201,
    responses=problems("invalid_request", "not_found"),
)
async def rotate(service: ServiceDep, _: Administrator, address: ApproverPath) -> MadeWebhookSecret:
    """Make a new secret for this approver's webhooks. It is in the answer and nowhere else.

    For 24 hours the previous one signs each webhook too. 404 if no `webhook_url` is set.
    """
    secret = await service.webhooks.rotate(address)
    if secret is None:
        raise NotFound("No webhook is set for this approver.")
    return MadeWebhookSecret(webhook_secret=secret)


@router.delete(
    "/approvers/{address}",
    status_code=204,
    response_class=Response,
    responses=problems("invalid_request", "not_found"),
)
async def forget(service: ServiceDep, _: Administrator, address: ApproverPath) -> None:
    """Remove all settings, the webhook too."""
    await _known(service, address)
    await service.store.approvers.forget(address)


async def _known(service: ServiceDep, address: str) -> Reading:
    preferences = await service.store.approvers.find(address)
    webhook_url = await service.webhooks.url(address)
    if preferences == Preferences() and webhook_url is None:
        raise NotFound("Nothing is set for this approver.")
    return _shown(address, preferences, webhook_url)


def _used(channels: dict[str, list[Use]] | None) -> dict[str, list[Used]] | None:
    if channels is None:
        return None
    return {urgency: [Used(**each) for each in uses] for urgency, uses in channels.items()}


def _shown(address: str, preferences: Preferences, webhook_url: str | None) -> Reading:
    quiet = preferences.quiet_hours
    return Reading(
        address=address,
        language=preferences.language,
        time_zone=preferences.time_zone,
        quiet_hours=NewQuietHours.model_validate(quiet.told()) if quiet else None,
        digest_minutes=preferences.digest_minutes,
        channels=_used(preferences.channels),
        webhook_url=webhook_url,
    )
