"""A server, built with Flask, that receives outcomes at its `callback_url`.

    export HANDOVER_CALLBACK_SECRET=whsec_…    # what POST /auth/callback-secret shows once
    flask --app examples/receiver_flask.py run --port 8080

Callbacks come by https: put a proxy that speaks it in front. The server answers as soon as it has
stored the outcome, and acts on it afterwards: a callback without an answer within 20 seconds is
sent again, and recognised by its id.
"""

from __future__ import annotations

import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from flask import Flask, request

from handover import Status, WebhookVerificationError
from handover.webhooks import CallbackEvent, verify

SECRETS = os.environ["HANDOVER_CALLBACK_SECRET"].split()  # two, while one takes the other's place
DATABASE = os.environ.get("RECEIVER_DATABASE", "callbacks.db")

app = Flask(__name__)
later = ThreadPoolExecutor(max_workers=4)


@app.post("/handover")
def receive() -> tuple[str, int]:
    try:
        event = verify(request.get_data(), request.headers, SECRETS)
    except WebhookVerificationError as error:
        return str(error), 400
    if is_new(event):
        later.submit(act_on, event)
    return "", 204


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
