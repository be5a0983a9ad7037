"""Each kind of failure, once for each way a message goes: what Temporal is told, and the store.

No mail server says when to come back, so SMTP has nothing there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP
from temporalio.exceptions import ApplicationErrorCategory

from activities.channels.email import EmailChannel
from activities.channels.errors import OPERATOR_WAIT
from activities.channels.notice import Channel
from activities.channels.sendgrid import SendGrid
from activities.channels.slack import SlackChannel
from activities.channels.smtp import Smtp
from activities.channels.webhook import WebhookChannel
from links import LinkKeys
from outgoing import Exceptions, GuardedClient
from slack_app.web import SlackWeb
from tests.activities import sendgrid_server
from tests.activities.mailbox import Mailbox
from tests.activities.samples import ANN
from tests.activities.scenes import Scene
from tests.activities.sendgrid_server import API_KEY, SendGridServer
from tests.activities.stores import Book, Sent
from tests.receiver import Receiver, say
from tests.slack_server import TOKEN, SlackServer
from tests.slack_server import refusal as slack_refusal
from workflows.messages import UNDELIVERABLE, SendNotificationInput

SENDER = "Handover <handover@mail.example.com>"
Opened = AsyncGenerator[Channel]


@asynccontextmanager
async def by_sendgrid(answer: sendgrid_server.Answer) -> Opened:
    server = SendGridServer()
    server.answers.append(answer)
    yield EmailChannel(SendGrid(API_KEY, server.url), SENDER)
    server.stop()


@asynccontextmanager
async def by_smtp(said: dict[str, str]) -> Opened:
    mailbox, loop = Mailbox(), asyncio.get_running_loop()
    vars(mailbox).update(said)
    server = await loop.create_server(lambda: SMTP(mailbox, loop=loop), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    yield EmailChannel(Smtp("127.0.0.1", port, tls="none"), SENDER)
    server.close()
    await server.wait_closed()


@asynccontextmanager
async def by_slack(answer: Any) -> Opened:
    server = SlackServer()
    server.join(ANN)
    server.next("chat.postMessage", answer)
    yield SlackChannel(SlackWeb(TOKEN, server.url), LinkKeys(["k" * 32]), Sent())
    server.stop()


@asynccontextmanager
async def by_webhook(behaviour: Any) -> Opened:
    async with Receiver() as receiver:
        receiver.behaviours.append(behaviour)
        client = GuardedClient(Exceptions.parse(["127.0.0.0/8"]))
        yield WebhookChannel(client, Book(receiver.url))


Open = Callable[[Any], AbstractAsyncContextManager[Channel]]

PROVIDERS: dict[str, tuple[str, Open, dict[str, Any]]] = {
    "SendGrid": (
        "email",
        by_sendgrid,
        {
            "undeliverable": sendgrid_server.refusal(
                400, "Does not contain a valid address.", "personalizations.0.to.0.email"
            ),
            "away": sendgrid_server.refusal(503, "busy"),
            "busy": sendgrid_server.refusal(429, "too many", headers={"Retry-After": "40"}),
            "refused": sendgrid_server.refusal(401, "The authorization grant is invalid"),
        },
    ),
    "SMTP": (
        "email",
        by_smtp,
        {
            "undeliverable": {"rcpt": "550 5.1.1 No such user"},
            "away": {"rcpt": "451 4.7.1 Try later"},
            "refused": {"mail": "550 5.7.1 Not your sender"},
        },
    ),
    "Slack": (
        "slack",
        by_slack,
        {
            "undeliverable": slack_refusal("is_archived"),
            "away": slack_refusal("internal_error"),
            "busy": slack_refusal("ratelimited", 429, Retry_After="40"),
            "refused": slack_refusal("token_revoked"),
        },
    ),
    "webhook": (
        "webhook",
        by_webhook,
        {
            "undeliverable": say(410),
            "away": say(503),
            "busy": say(429, Retry_After="40"),
            "refused": say(401),
        },
    ),
}

KINDS: dict[str, tuple[str, bool, timedelta | None, str]] = {
    "undeliverable": (UNDELIVERABLE, True, None, "failed"),
    "away": ("Deferred", False, None, "deferred"),
    "busy": ("Deferred", False, timedelta(seconds=40), "deferred"),
    "refused": ("ProviderRefused", False, OPERATOR_WAIT, "refused"),
}
"""The error's type, whether it is the last word, when to come back, and what the store has."""


@pytest.mark.parametrize(
    ("provider", "kind"),
    [(provider, kind) for provider, (_, _, failures) in PROVIDERS.items() for kind in failures],
)
async def test_each_kind_of_failure(scene: Scene, provider: str, kind: str) -> None:
    """Nobody is skipped for what is not about them, and what is away for a moment wakes nobody."""
    channel, open, failures = PROVIDERS[provider]
    type, is_final, delay, result = KINDS[kind]
    decision = await scene.decision(channel=channel)
    asked = SendNotificationInput(
        decision_id=decision.id, message="decision-request", approver=ANN, channel=channel
    )
    async with open(failures[kind]) as carrier:
        scene.channels[channel] = carrier
        error = await scene.failure(asked)
    assert (error.type, error.non_retryable, error.next_retry_delay) == (type, is_final, delay)
    assert (error.category == ApplicationErrorCategory.BENIGN) is (type == "Deferred")
    assert [row["result"] for row in scene.deliveries.rows] == [result]
