"""`/auth/api-keys`: API keys, for administrators."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, StrictBool

from api.decisions.approvers import check_places
from api.decisions.schemas import Distinct, Moment, Strict, allowed_approver
from api.doors.auth import Administrator, Agent, KeyedRoute
from api.doors.deps import ServiceDep
from api.doors.presence import while_present
from api.http.examples import KEY
from api.http.openapi import body_examples, problems
from api.problems.errors import Conflict, NotFound
from store.keys import ApiKey, KeyRecord, is_name, new_key

Scope = Literal[
    "decisions:create", "decisions:read", "decisions:resolve", "audit:read", "keys:admin"
]
MAX_ALLOWED = 1_000
MAX_NUMBER = 1_000_000_000

router = APIRouter(tags=["keys"], route_class=KeyedRoute)


def _name(name: str) -> str:
    if not is_name(name):
        raise ValueError(
            "a name is one line of characters that can be seen, with no space around it; those that"
            " begin with `oidc:` are people's"
        )
    return name


def _future(time: datetime) -> datetime:
    if time <= datetime.now(UTC):
        raise ValueError("a key is made for some time to come")
    return time


Held = Annotated[
    float, Query(ge=0, le=120, allow_inf_nan=False, description="Seconds to hold the request.")
]
Allowed = Annotated[str, BeforeValidator(allowed_approver)]
Number = Annotated[int, Field(strict=True, ge=1, le=MAX_NUMBER)]


class NewKey(Strict):
    name: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_name)] = Field(
        description="Who has it. Keys of one name are one agent's, and approvers read the name."
    )
    scopes: Annotated[list[Scope], Field(min_length=1), Distinct] = Field(
        default=["decisions:create", "decisions:read"],
        description="What it may do; an agent's, where none is given.",
    )
    expires_at: Annotated[Moment, AfterValidator(_future)] | None = None
    approvers: Annotated[list[Allowed], Field(min_length=1, max_length=MAX_ALLOWED)] | None = Field(
        default=None,
        description="Whom it may ask: addresses, and `@example.com` for all of a domain.",
    )
    rate: Number | None = Field(default=None, description="Requests a minute.")
    quota: Number | None = Field(default=None, description="Decisions in a calendar month (UTC).")
    step_up: StrictBool = Field(
        default=False,
        description="An answer by link counts only with a code that was mailed; for critical"
        " decisions it is always so.",
    )


class Key(BaseModel):
    """An API key. `hint` is its beginning. If `approvers`, `rate` or `quota` is null, it has none
    of its own."""

    id: str
    name: str
    hint: str | None
    scopes: list[str]
    approvers: list[str] | None
    rate: int | None
    quota: int | None
    step_up: bool
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute.")


class MadeKey(Key):
    """A new key with its text, which is displayed this once."""

    key: str


class Caller(BaseModel):
    """The caller's key, and what the service sees of the request: behind a proxy, `scheme` is the
    proxy's word. Links in messages begin with `public_url`."""

    name: str
    scopes: list[str]
    approvers: list[str] | None
    rate: int | None
    quota: int | None
    step_up: bool
    expires_at: datetime | None
    scheme: Literal["http", "https"]
    public_url: str
    now: datetime


class Keys(BaseModel):
    api_keys: list[Key]


@router.post(
    "/auth/api-keys",
    status_code=201,
    responses=problems("invalid_request"),
    openapi_extra=body_examples(KEY),
)
async def make(service: ServiceDep, _: Administrator, body: NewKey) -> MadeKey:
    """Make a key. It is in the answer and nowhere else: the service keeps its hash."""
    allowed = [(f"approvers.{n}", each) for n, each in enumerate(body.approvers or ())]
    check_places(service.settings.local_domains, allowed)
    key = new_key()
    made = await service.store.keys.ensure(
        key,
        body.name,
        frozenset(body.scopes),
        expires_at=body.expires_at,
        approvers=body.approvers,
        rate=body.rate,
        quota=body.quota,
        step_up=body.step_up,
    )
    record = await service.store.keys.get(made.id)
    assert record  # noqa: S101 - it was made above
    return MadeKey(**_shown(record).model_dump(), key=key)


@router.get("/auth/whoami", responses=problems("invalid_request"))
async def whoami(service: ServiceDep, key: Agent, request: Request, wait: Held = 0) -> Caller:
    """Identify the caller's key, and return what the service sees of the request.

    With `wait` the request is held like one that waits for a decision, and nobody is asked. It
    shows how long a request may last between client and service.
    """
    async with while_present(request, service.waiting):
        await service.waiting.pause(wait)
    return Caller(
        **_granted(key),
        scheme="https" if request.url.scheme == "https" else "http",
        public_url=service.settings.public_url,
        now=datetime.now(UTC),
    )


@router.get("/auth/api-keys")
async def keys(service: ServiceDep, _: Administrator) -> Keys:
    """List every key that is or was, the newest first."""
    return Keys(api_keys=[_shown(record) for record in await service.store.keys.all()])


@router.delete(
    "/auth/api-keys/{key_id}",
    status_code=204,
    response_class=Response,
    responses=problems("not_found", "own_key"),
)
async def revoke(service: ServiceDep, administrator: Administrator, key_id: str) -> None:
    """End a key, for good and at once; requests that wait with it end within seconds."""
    if key_id == administrator.id:
        raise Conflict("This is the key of this very request; use another one.", code="own_key")
    if not await service.store.keys.revoke(key_id):
        raise NotFound("There is no such key.")


def _granted(key: ApiKey) -> dict[str, Any]:
    return {
        "name": key.name,
        "scopes": sorted(key.scopes),
        "approvers": None if key.approvers is None else list(key.approvers),
        "rate": key.rate,
        "quota": key.quota,
        "step_up": key.step_up,
        "expires_at": key.expires_at,
    }


def _shown(record: KeyRecord) -> Key:
    key = record.key
    return Key(
        id=key.id,
        hint=record.hint,
        **_granted(key),
        created_at=record.created_at.astimezone(UTC),
        revoked_at=record.revoked_at,
        last_used_at=record.last_used_at,
    )
