"""The service's parts, as routes receive them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Query, Request
from temporalio.client import Client

from api.access.bearers import Bearers
from api.access.limiting import Limits
from api.answers.answering import Answers
from api.answers.step_up import StepUp
from api.decisions.clock import Clock
from api.decisions.decisions import Decisions
from api.decisions.executions import Executions
from api.decisions.metrics import Metrics
from api.decisions.starting import Starting
from api.decisions.telling import Telling
from api.decisions.waiting import Waiting
from api.files.downloads import Downloads
from api.files.images import Images
from api.files.uploads import Uploads
from api.people.linked import Linked
from api.people.readers import Readers
from histories.encryption import Encryption
from links import LinkKeys
from outgoing import GuardedClient
from settings.model import Settings
from settings.secrets import Secrets
from slack_app.app import SlackApp
from store import Store
from store.callbacks import CallbackSecrets
from store.webhooks import Webhooks


@dataclass(frozen=True, slots=True)
class Service:
    """All parts of one API process."""

    settings: Settings
    secrets: Secrets
    encryption: Encryption
    client: Client
    store: Store
    images: Images
    uploads: Uploads
    downloads: Downloads
    links: LinkKeys
    linked: Linked
    readers: Readers
    waiting: Waiting
    clock: Clock
    decisions: Decisions
    starting: Starting
    telling: Telling
    executions: Executions
    answers: Answers
    step_up: StepUp
    callback_secrets: CallbackSecrets
    webhooks: Webhooks
    outgoing: GuardedClient
    metrics: Metrics
    bearers: Bearers
    limits: Limits
    slack: SlackApp | None


def the_service(request: Request) -> Service:
    return request.app.state.service


async def _given(request: Request) -> Service:
    # FastAPI would call a plain function in a thread, for each request anew.
    return the_service(request)


ServiceDep = Annotated[Service, Depends(_given)]

Wait = Annotated[
    float,
    Query(
        ge=0, le=120, allow_inf_nan=False, description="Seconds to hold the request until settled."
    ),
]
IdempotencyKey = Annotated[
    str | None,
    Header(min_length=1, max_length=255, description="Same key and body: same decision."),
]
