"""The API's composition root: `python -m uvicorn api.main:app`."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any

from fastapi import FastAPI

import logs
from api import errors, openapi
from api.decisions import Decisions
from api.deps import Service
from api.metrics import Metrics
from api.requests import BodyLimit, Requests
from api.routes import attachments, decisions, health, lists, outbox, pages, problems
from api.signing import Signer
from api.uploads import max_body
from api.waiting import Waiting
from config import connect, create_once, load_secrets, load_settings
from links import LinkKeys
from store import open_store
from store.files import open_files
from store.keys import new_key

FIRST_KEY = "local-agent"
"""Name of the key that the first start makes. Approvers read it as the name of who asks."""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    settings = load_settings()
    logs.configure(settings.log_level)
    secrets = load_secrets(settings)
    signer = Signer(secrets.signing_keys, secrets.verify_keys)
    client = await connect(lazy=True)
    store = await open_store(settings.store_url)
    await store.keys.ensure(create_once(settings.data_dir / "api-key", new_key()), FIRST_KEY)
    waiting = Waiting(client, signer.keyring, settings.max_waits)
    service = app.state.service = Service(
        settings=settings,
        secrets=secrets,
        client=client,
        store=store,
        files=open_files(settings.storage_url),
        links=LinkKeys(secrets.link_keys),
        waiting=waiting,
        decisions=Decisions(
            client,
            store,
            signer,
            waiting,
            task_queue=settings.task_queue,
            receipts=settings.receipts,
        ),
        metrics=Metrics(client, store),
    )
    answer_waits_when_stopped(waiting.close)
    gc.freeze()  # what was loaded to start with stays: no need to go through it again
    preparing = asyncio.create_task(service.decisions.prepare())
    yield
    preparing.cancel()
    await store.close()


def answer_waits_when_stopped(close: Callable[[], None]) -> None:
    """Answer open long-polls on the signal itself.

    uvicorn waits for open requests before it tells the application that it stops, so they would
    hold it up for as long as they may wait. Its own handler still runs.
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        before = signal.getsignal(number)

        def handle(received: int, frame: FrameType | None, before: Any = before) -> None:
            loop.call_soon_threadsafe(close)
            if callable(before):
                before(received, frame)

        signal.signal(number, handle)


app = FastAPI(
    title="Handover",
    version="0.1.0",
    summary="Ask a person before an AI agent acts.",
    lifespan=lifespan,
)
app.add_middleware(BodyLimit, most=max_body)
app.add_middleware(Requests)
errors.install(app)
for routes in (decisions, attachments, lists, pages, outbox, health, problems):
    app.include_router(routes.router)
openapi.install(app)
