"""The API's composition root: `python -m uvicorn api.main:app`."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access.bearers import Bearers
from api.access.limiting import Limits, TellStandings
from api.access.oidc import Issuer
from api.agents import attachments, callbacks, decisions, executions, lists
from api.answers.answering import Answers
from api.answers.step_up import StepUp
from api.decisions.backlog import Backlog
from api.decisions.clock import Clock
from api.decisions.decisions import Decisions
from api.decisions.executions import Executions
from api.decisions.metrics import Metrics
from api.decisions.signing import Signer
from api.decisions.starting import Starting
from api.decisions.telling import Telling
from api.decisions.waiting import Waiting
from api.doors.deps import Service
from api.files.downloads import Downloads
from api.files.images import Images
from api.files.uploads import Uploads
from api.http import assets, openapi, problems
from api.http.multipart import max_body
from api.http.requests import BodyLimit, Proxies, Requests, Slashes
from api.operators import approvers, codec, health, keys, outbox, previews, wellknown
from api.pages import files, images, inbox
from api.pages import page as pages
from api.people.linked import Linked
from api.people.readers import Readers
from api.problems import handlers
from api.providers import route as events
from api.slack import route as slack
from api.systems import responses
from handover import __version__
from histories.loading import Histories
from links import Codes, LinkKeys
from outgoing import GuardedClient
from settings import logs
from settings.errors import ConfigurationError, naming
from settings.loading import load_exceptions, load_settings
from settings.model import Settings
from settings.private import create_once, keep_private
from settings.secrets import Secrets, load_encryption, load_secrets
from settings.temporal import connect
from slack_app.app import SlackApp
from slack_app.web import SlackWeb
from store import Store, UnusableStoreError, open_store
from store.files import FilesError, open_files
from store.keys import new_key
from templates import Reader

log = logging.getLogger(__name__)

FIRST_KEY = "local-agent"
"""Name of the key that the first start makes. Approvers read it as the name of the agent."""


SLACK_TIMEOUT = 5
"""Seconds for a call to Slack, since somebody who pressed a button waits for the result."""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    settings = load_settings(limits_of)
    logs.configure(settings.log_level, addresses=not settings.encrypts)
    for warning in (*settings.warnings, *keep_private(settings.data_dir)):
        log.warning(warning)
    with naming("HANDOVER_DATA_DIR", OSError):
        secrets = load_secrets(settings)
        first_key = create_once(settings.data_dir / "api-key", new_key())
    with naming(settings.store_setting, UnusableStoreError):
        store = await open_store(settings.store)
    await store.keys.ensure(first_key, FIRST_KEY)
    await store.callback_secrets(secrets.link_keys).reseal()
    await store.webhooks(secrets.link_keys).reseal()
    service = app.state.service = await assembled(settings, secrets, store)
    app.state.trusted_proxies = settings.trusted_proxies
    answer_waits_when_stopped(service.waiting.close)
    gc.freeze()  # what was loaded to start with stays: no need to go through it again
    gc.set_threshold(10_000, 10, 10)  # nor, as often, through what a thousand held requests keep
    beside = [
        asyncio.create_task(work)
        for work in (service.starting.prepare(), service.bearers.watch(), service.clock.watch())
    ]
    yield
    for task in beside:
        task.cancel()
    await service.limits.close()
    await store.close()


async def assembled(settings: Settings, secrets: Secrets, store: Store) -> Service:
    """Make the parts of the service, and put them together. Raises `ConfigurationError`."""
    signer = Signer(secrets.signing_keys, secrets.verify_keys)
    encryption = load_encryption(settings)
    client = await connect(encryption, lazy=True)
    outgoing = GuardedClient(load_exceptions(settings))
    with naming("HANDOVER_FILES_URL", FilesError):
        files = open_files(settings.storage_url)
    histories = Histories(client, signer.keyring, settings.revoked_keys)
    waiting = Waiting(client, histories, settings.max_waits)
    backlog = Backlog(client, settings.task_queue, settings.max_lag)
    clock = Clock(client)
    executions = Executions(store, signer, clock)
    is_told_of_mails = bool(settings.sendgrid_event_key)
    decisions = Decisions(client, store, executions, waiting, is_told_of_mails=is_told_of_mails)
    starting = Starting(
        client,
        store,
        signer,
        clock,
        decisions=decisions,
        task_queue=settings.task_queue,
        receipts=settings.receipts,
        operator=settings.operator_email,
        encryption=encryption,
        outgoing=outgoing,
        backlog=backlog,
        lacking_for_slack=settings.lacking_for_slack,
        local_domains=settings.local_domains,
    )
    telling = Telling(client, store.contents, signer, waiting, clock, decisions)
    metrics = Metrics(client, store, backlog)
    links = LinkKeys(secrets.link_keys, settings.revoked_keys)
    limits = limits_of(settings)
    answers = Answers(
        decisions, telling, store.attachments, store.refused_responses, metrics.time_to_answer
    )
    return Service(
        settings=settings,
        secrets=secrets,
        encryption=encryption,
        client=client,
        store=store,
        images=Images(store.images, files, outgoing),
        uploads=Uploads(files, store.attachments, settings.public_url),
        downloads=Downloads(files),
        links=links,
        linked=Linked(links, decisions, limits),
        readers=Readers(store.approvers, Reader(settings.language, settings.time_zone)),
        waiting=waiting,
        clock=clock,
        decisions=decisions,
        starting=starting,
        telling=telling,
        executions=executions,
        answers=answers,
        step_up=StepUp(Codes(secrets.link_keys), store.codes, telling, answers),
        callback_secrets=store.callback_secrets(secrets.link_keys),
        webhooks=store.webhooks(secrets.link_keys),
        outgoing=outgoing,
        metrics=metrics,
        bearers=Bearers(store, issuer_of(settings), waiting.release),
        limits=limits,
        slack=slack_app(settings),
    )


def limits_of(settings: Settings) -> Limits:
    """Open the limits that the settings name. Raises `ConfigurationError`."""
    with naming("HANDOVER_LIMITS_URL", ValueError):
        return Limits(
            settings.limits_url.get_secret_value(),
            rate=settings.rate_limit,
            link_rate=settings.link_rate_limit,
            fail_open=settings.limits_fail == "open",
        )


def slack_app(settings: Settings) -> SlackApp | None:
    """Return the Slack app, or None if Slack is not set up, or only in part."""
    token, secret = settings.slack_bot_token, settings.slack_signing_secret
    if not token or not secret:
        return None
    web = SlackWeb(token.get_secret_value(), settings.slack_api_url, timeout=SLACK_TIMEOUT)
    return SlackApp(web, secret.get_secret_value())


def issuer_of(settings: Settings) -> Issuer | None:
    if settings.oidc_issuer and settings.oidc_audience:
        return Issuer(settings.oidc_issuer, settings.oidc_audience, settings.oidc_scopes_claim)
    return None


def answer_waits_when_stopped(close: Callable[[], None]) -> None:
    """Answer open long-polls on the signal itself.

    uvicorn waits for open requests before it tells the application to stop, so they would hold it
    up for as long as they may wait. Its own handler still runs.
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        before = signal.getsignal(number)

        def handle(received: int, frame: FrameType | None, before: Any = before) -> None:
            loop.call_soon_threadsafe(close)
            if callable(before):
                before(received, frame)

        signal.signal(number, handle)


class SayWhyNot:
    """ASGI middleware: if settings keep the service from starting, it reports what is wrong with
    them, and not a place in the code."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def tell(message: Message) -> None:
            fault = sys.exception()
            if message["type"] == "lifespan.startup.failed" and isinstance(
                fault, ConfigurationError
            ):
                message["message"] = str(fault)
            await send(message)

        await self._app(scope, receive, tell if scope["type"] == "lifespan" else send)


# Its page of the API loads nothing from elsewhere, as FastAPI's own would.
app = FastAPIOffline(
    title="Handover",
    version=__version__,
    summary="Ask a person before an AI agent acts.",
    redoc_url=None,
    lifespan=lifespan,
    redirect_slashes=False,
    # Looked for with each request; and what it would tell others has links in it.
    telemetry={"tracing": False, "metrics": False, "logs": False},
)
app.add_middleware(BodyLimit, most=max_body)
app.add_middleware(codec.FromTheUi)
app.add_middleware(TellStandings)
app.add_middleware(Slashes)
app.add_middleware(Requests)
app.add_middleware(Proxies)
app.add_middleware(SayWhyNot)
handlers.install(app)
for routes in (
    decisions,
    executions,
    attachments,
    files,
    lists,
    keys,
    approvers,
    callbacks,
    events,
    pages,
    responses,
    slack,
    inbox,
    assets,
    images,
    previews,
    outbox,
    codec,
    health,
    problems,
    wellknown,
):
    app.include_router(routes.router)
openapi.install(app)
