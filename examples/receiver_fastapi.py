"""A server, built with FastAPI, that receives outcomes at its `callback_url`.

    export HANDOVER_CALLBACK_SECRET=whsec_…    # what POST /auth/callback-secret shows once
    uvicorn --app-dir examples receiver_fastapi:app --port 8080

Callbacks come by https: put a proxy that speaks it in front. The server answers as soon as it has
stored the outcome, and acts on it afterwards: a callback without an answer within 20 seconds is
sent again, and recognised by its id.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

from fastapi import BackgroundTasks, FastAPI, HTTPException, Request

from handover import Status, WebhookVerificationError
from handover.webhooks import CallbackEvent, verify

SECRETS = os.environ["HANDOVER_CALLBACK_SECRET"].split()  # two, while one takes the other's place
DATABASE = os.environ.get("RECEIVER_DATABASE", "callbacks.db")

app = FastAPI()


@app.post("/handover", status_code=204)
async def receive(request: Request, later: BackgroundTasks) -> None:
    try:
        event = verify(await request.body(), request.headers, SECRETS)
    except WebhookVerificationError as error:
        raise HTTPException(400, str(error)) from error
    if is_new(event):
        later.add_task(act_on, event)


def is_new(event: CallbackEvent) -> bool:
    """Store the event once, and return whether it is new; its id is known even after a restart."""
    with closing(sqlite3.connect(DATABASE)) as database, database:
        database.execute("CREATE TABLE IF NOT EXISTS callbacks (id PRIMARY KEY, event)")
        added = database.execute(
            "INSERT OR IGNORE INTO callbacks VALUES (?, ?)", (event.id, event.model_dump_json())
        )
        return added.rowcount == 1


def act_on(event: CallbackEvent) -> None:
    """Continue the agent's work here. It may do what was permitted, and nothing else."""
    decision = event.decision
    if decision.status == Status.APPROVED:
        print(f"{decision.id}: go ahead with {decision.payload}", flush=True)
    else:
        print(f"{decision.id}: {decision.status}, leave it", flush=True)
