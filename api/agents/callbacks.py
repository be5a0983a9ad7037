"""`/auth/callback-secret`: the secrets with which an agent verifies its callbacks."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.doors.auth import Creator, KeyedRoute
from api.doors.deps import ServiceDep
from api.http.openapi import problems

router = APIRouter(tags=["callbacks"], route_class=KeyedRoute)


class Secret(BaseModel):
    id: str
    created_at: datetime
    expires_at: datetime | None = Field(
        description="When it signs no more; null for the newest, which stays."
    )


class MadeCallbackSecret(Secret):
    """A new secret, which is displayed this once."""

    secret: str = Field(description="For any Standard Webhooks library: `whsec_…`.")


class Secrets(BaseModel):
    """The secrets that sign callbacks now, the newest first."""

    secrets: list[Secret]


@router.post("/auth/callback-secret", status_code=201, responses=problems("missing_scope"))
async def rotate(service: ServiceDep, agent: Creator) -> MadeCallbackSecret:
    """Make a new secret for this agent's callbacks. It is in the answer and nowhere else.

    For 24 hours the previous one signs each callback too, also those of pending decisions. There
    are two at most: an older one ends now.
    """
    made, secret = await service.callback_secrets.rotate(agent.name)
    return MadeCallbackSecret(
        id=made.id, created_at=made.created_at, expires_at=made.expires_at, secret=secret
    )


@router.get("/auth/callback-secret", responses=problems("missing_scope"))
async def secrets(service: ServiceDep, agent: Creator) -> Secrets:
    """List the ids and dates of this agent's live secrets, never the secrets themselves."""
    live = await service.callback_secrets.live(agent.name)
    return Secrets(
        secrets=[
            Secret(id=each.id, created_at=each.created_at, expires_at=each.expires_at)
            for each in live
        ]
    )
