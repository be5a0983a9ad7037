"""`/approvers/{address}`: how an approver reads, and where their own system is asked, set by an
administrator.

How they read, they set for themselves behind the link to their inbox (`api/routes/inbox.py`). Where
somebody's system is asked is an administrator's word alone: it answers in their name.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from fastapi import APIRouter, Path, Response
from pydantic import AfterValidator, BaseModel, Field, model_validator

from api.auth import Administrator, KeyedRoute
from api.deps import The
from api.errors import NotFound
from api.examples import APPROVER
from api.openapi import answers, body_examples
from api.schemas import Address, Strict, WebhookUrl
from api.urls import check_url
from store.approvers import Preferences
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


Of = Annotated[Address, Path(description="Their e-mail address, in any case of its letters.")]
Language = Literal["en", "de", "fr"]
TimeZone = Annotated[str, Field(min_length=1, max_length=LONGEST), AfterValidator(_zone)]


class NewReading(Strict):
    """What is left out, or null, is taken back."""

    language: Language | None = None
    time_zone: TimeZone | None = Field(default=None, examples=["Europe/Berlin"])
    webhook_url: WebhookUrl | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.language is self.time_zone is self.webhook_url is None:
            raise ValueError(
                "language: set this, time_zone or webhook_url; DELETE takes all of them back"
            )
        return self


class Reading(BaseModel):
    """Null is what was not set: then the language of a page is the browser's, and everything else
    as the service has it."""

    address: str
    language: str | None
    time_zone: str | None
    webhook_url: str | None


class MadeSecret(BaseModel):
    webhook_secret: str = Field(
        description="For any Standard Webhooks library: `whsec_…`. It is shown this once."
    )


class SetReading(Reading):
    webhook_secret: str | None = Field(
        default=None,
        description="What the webhooks are signed with: with the first `webhook_url`, this once.",
    )


@router.get("/approvers/{address}", responses=answers("invalid_request", "not_found"))
async def read(service: The, _: Administrator, address: Of) -> Reading:
    """In which language and by which clock this approver is told everything, and where their own
    system is asked; 404 where nothing was set."""
    return await _known(service, address)


@router.put(
    "/approvers/{address}",
    responses=answers("invalid_request"),
    response_model_exclude_unset=True,
    openapi_extra=body_examples(APPROVER),
)
async def put(service: The, _: Administrator, address: Of, body: NewReading) -> SetReading:
    """Set it in the place of what was set before, by whomever; from the next message and page on.

    With the first `webhook_url`, the answer has the secret that its requests are signed with; a
    later one keeps it, and without one it is gone.
    """
    if body.webhook_url:
        await check_url(service.outgoing, body.webhook_url, "webhook_url")
    preferences = Preferences(body.language, body.time_zone)
    await service.store.approvers.set(address, preferences)
    shown = SetReading(**_shown(address, preferences, body.webhook_url).model_dump())
    if body.webhook_url is None:
        await service.webhooks.remove(address)
    elif secret := await service.webhooks.set(address, body.webhook_url):
        shown.webhook_secret = secret
    return shown


@router.post(
    "/approvers/{address}/webhook-secret",
    status_code=201,
    responses=answers("invalid_request", "not_found"),
)
async def rotate(service: The, _: Administrator, address: Of) -> MadeSecret:
    """A new secret for this approver's webhooks. It is in the answer and nowhere else.

    For 24 hours each is signed with the previous one too. 404 where no `webhook_url` is set.
    """
    secret = await service.webhooks.rotate(address)
    if secret is None:
        raise NotFound("No webhook is set for this approver.")
    return MadeSecret(webhook_secret=secret)


@router.delete(
    "/approvers/{address}",
    status_code=204,
    response_class=Response,
    responses=answers("invalid_request", "not_found"),
)
async def forget(service: The, _: Administrator, address: Of) -> None:
    """Take back all that was set, the webhook too."""
    await _known(service, address)
    await service.store.approvers.forget(address)


async def _known(service: The, address: str) -> Reading:
    preferences = await service.store.approvers.find(address)
    webhook_url = await service.webhooks.url(address)
    if preferences == Preferences() and webhook_url is None:
        raise NotFound("Nothing is set for this approver.")
    return _shown(address, preferences, webhook_url)


def _shown(address: str, preferences: Preferences, webhook_url: str | None) -> Reading:
    return Reading(
        address=address,
        language=preferences.language,
        time_zone=preferences.time_zone,
        webhook_url=webhook_url,
    )
