"""`/approvers/{address}`: how an approver reads, set by an administrator.

They set the same for themselves behind the link to their inbox (`api/routes/inbox.py`).
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
from api.schemas import Address, Strict
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

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.language is None and self.time_zone is None:
            raise ValueError("language: set this, or time_zone; DELETE takes both back")
        return self


class Reading(BaseModel):
    """Null is what was not set: then the language of a page is the browser's, and everything else
    as the service has it."""

    address: str
    language: str | None
    time_zone: str | None


@router.get("/approvers/{address}", responses=answers("invalid_request", "not_found"))
async def read(service: The, _: Administrator, address: Of) -> Reading:
    """In which language and by which clock this approver is told everything; 404 where nothing was
    set."""
    return _shown(address, await _known(service, address))


@router.put(
    "/approvers/{address}",
    responses=answers("invalid_request"),
    openapi_extra=body_examples(APPROVER),
)
async def put(service: The, _: Administrator, address: Of, body: NewReading) -> Reading:
    """Set it in the place of what was set before, by whomever; from the next message and page
    on."""
    preferences = Preferences(body.language, body.time_zone)
    await service.store.approvers.set(address, preferences)
    return _shown(address, preferences)


@router.delete(
    "/approvers/{address}",
    status_code=204,
    response_class=Response,
    responses=answers("invalid_request", "not_found"),
)
async def forget(service: The, _: Administrator, address: Of) -> None:
    """Take back what was set."""
    await _known(service, address)
    await service.store.approvers.forget(address)


async def _known(service: The, address: str) -> Preferences:
    preferences = await service.store.approvers.find(address)
    if preferences == Preferences():
        raise NotFound("Nothing is set for this approver.")
    return preferences


def _shown(address: str, preferences: Preferences) -> Reading:
    return Reading(address=address, language=preferences.language, time_zone=preferences.time_zone)
