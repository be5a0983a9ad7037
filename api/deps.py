"""What the routes are given: the service's parts, and who is asking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from temporalio.client import Client

from api.decisions import Decisions
from api.errors import Forbidden, Unauthorized
from api.metrics import Metrics
from api.waiting import Waiting
from config import Secrets, Settings
from links import LinkKeys
from store import Store
from store.files import Files
from store.keys import RESOLVE, ApiKey


@dataclass(frozen=True, slots=True)
class Service:
    """Everything that one API process is made of."""

    settings: Settings
    secrets: Secrets
    client: Client
    store: Store
    files: Files
    links: LinkKeys
    waiting: Waiting
    decisions: Decisions
    metrics: Metrics


def the_service(request: Request) -> Service:
    return request.app.state.service


The = Annotated[Service, Depends(the_service)]
bearer = HTTPBearer(auto_error=False, description="An API key: `ho_…`")


async def the_agent(
    service: The,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> ApiKey:
    """The agent whose key this is. Raises `Unauthorized`."""
    if credentials is None:
        raise Unauthorized("Send your API key: `Authorization: Bearer ho_…`.")
    agent = await service.store.keys.find(credentials.credentials)
    if agent is None:
        raise Unauthorized("This API key is not known here.")
    return agent


Agent = Annotated[ApiKey, Depends(the_agent)]


async def the_resolver(key: Agent) -> ApiKey:
    """A key that may resolve decisions. Raises `Forbidden`."""
    if RESOLVE not in key.scopes:
        raise Forbidden(f"This takes a key with the scope {RESOLVE}, which this one does not have.")
    return key


Resolver = Annotated[ApiKey, Depends(the_resolver)]

Wait = Annotated[
    float,
    Query(
        ge=0, le=60, allow_inf_nan=False, description="Seconds to hold the request until settled."
    ),
]
IdempotencyKey = Annotated[
    str | None,
    Header(min_length=1, max_length=255, description="Same key and body: same decision."),
]
