"""The worker: runs decisions and sends their messages. `python worker.py`, as many as one likes.

This is the composition root: settings -> secrets -> client -> store -> activities -> Worker.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from datetime import timedelta

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from activities.callbacks import Callbacks
from activities.channels.email import EmailChannel, EmailTransport
from activities.channels.notice import Channel as Carrier
from activities.channels.outbox import Outbox
from activities.channels.sendgrid import SendGrid
from activities.channels.slack import SlackChannel
from activities.channels.smtp import Smtp
from activities.channels.webhook import WebhookChannel
from activities.checking import Checked, Checking
from activities.notifications import Notifications
from activities.requests import Requests
from activities.task_queues import working
from handover.models import Channel
from histories.encryption import Encryption
from histories.loading import Histories
from links import Codes, LinkKeys
from outgoing import GuardedClient
from settings import logs
from settings.errors import ConfigurationError, naming
from settings.loading import load_exceptions, load_settings
from settings.model import Settings
from settings.private import keep_private
from settings.secrets import load_encryption, load_secrets
from settings.temporal import connect
from slack_app.web import SlackWeb
from store import UnusableStoreError, open_store
from templates import Reader
from workflows import proof

logger = logging.getLogger("worker")

GRACE = timedelta(seconds=3)
"""Time for messages under way when the worker is told to stop. `make run` ends within five
seconds."""

RETRY_SECONDS = 1.0
"""Seconds between two tries to reach a Temporal server that isn't there yet."""


async def run(settings: Settings) -> None:
    """Work until cancelled. Raises `ConfigurationError`, and the errors that end Temporal's
    worker."""
    with naming("HANDOVER_DATA_DIR", OSError):
        secrets = load_secrets(settings)
    encryption = load_encryption(settings)
    email = email_channel(settings)
    outgoing = GuardedClient(load_exceptions(settings))
    with naming(settings.store_setting, UnusableStoreError):
        store = await open_store(settings.store)
    links = LinkKeys(secrets.link_keys)
    tried: dict[str, Checked] = {Channel.EMAIL: email}
    channels: dict[str, Carrier] = {
        Channel.EMAIL: email,
        Channel.WEBHOOK: WebhookChannel(outgoing, store.webhooks(secrets.link_keys)),
    }
    if settings.slack_bot_token:
        web = SlackWeb(settings.slack_bot_token.get_secret_value(), settings.slack_api_url)
        slack = SlackChannel(web, links, store.deliveries)
        channels[Channel.SLACK] = tried[Channel.SLACK] = slack
    checking = Checking(tried, store.channels)
    try:
        client, _ = await asyncio.gather(temporal(encryption), checking.all())
        keyring = proof.keyring(secrets.verify_keys)
        requests = Requests(Histories(client, keyring, settings.revoked_keys), store.contents)
        notifications = Notifications(
            requests=requests,
            links=links,
            codes=Codes(secrets.link_keys),
            public_url=settings.public_url,
            channels=channels,
            deliveries=store.deliveries,
            held=store.held,
            approvers=store.approvers,
            reader=Reader(settings.language, settings.time_zone),
        )
        callbacks = Callbacks(
            client=client,
            requests=requests,
            outgoing=outgoing,
            secrets=store.callback_secrets(secrets.link_keys),
            deliveries=store.deliveries,
        )
        async with working(
            client,
            settings.task_queue,
            notifications.send_notification,
            callbacks.deliver_callback,
            per_second=settings.per_second,
            grace=GRACE,
        ):
            gc.freeze()  # what was loaded to start with stays: no need to go through it again
            logger.info("worker started on task queue %s", settings.task_queue)
            await checking.go_on()
    finally:
        await store.close()


async def temporal(encryption: Encryption) -> Client:
    """Return a client, as soon as there is a Temporal server with our namespace."""
    while True:
        try:
            client = await connect(encryption)
            await client.workflow_service.describe_namespace(
                DescribeNamespaceRequest(namespace=client.namespace)
            )
        except (RPCError, RuntimeError) as error:
            logger.warning("waiting for Temporal: %s", error)
            await asyncio.sleep(RETRY_SECONDS)
        else:
            return client


def email_channel(settings: Settings) -> EmailChannel:
    """Return the e-mail channel. Raises `ConfigurationError`."""
    try:
        return EmailChannel(email_transport(settings), settings.email_from)
    except ValueError as error:
        raise ConfigurationError(
            f"HANDOVER_EMAIL_FROM: {error}. It is an address, or `Name <address>`."
        ) from error


def email_transport(settings: Settings) -> EmailTransport:
    """Return the transport that the settings choose. Raises `ConfigurationError`."""
    match settings.email:
        case "sendgrid":
            if not settings.sendgrid_api_key:
                raise ConfigurationError("HANDOVER_SENDGRID_API_KEY is required for SendGrid.")
            return SendGrid(settings.sendgrid_api_key.get_secret_value(), settings.sendgrid_host)
        case "smtp":
            if not settings.smtp_host:
                raise ConfigurationError("HANDOVER_SMTP_HOST is required for SMTP.")
            password = settings.smtp_password
            return Smtp(
                settings.smtp_host,
                settings.smtp_port,
                tls=settings.smtp_tls,
                username=settings.smtp_username,
                password=password.get_secret_value() if password else None,
            )
        case "outbox":
            return Outbox(settings.data_dir / "outbox")


async def main(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT. The first one counts; further ones hurry nothing."""
    running = asyncio.create_task(run(settings))
    stopping = asyncio.Event()

    def stop() -> None:
        if not stopping.is_set():
            stopping.set()
            running.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    try:
        await running
    except asyncio.CancelledError:
        if not stopping.is_set():
            raise
    logger.info("worker stopped")


def start() -> int:
    """Run the worker and return the exit status: 0 after a clean stop."""
    try:
        settings = load_settings(email_channel)
        logs.configure(settings.log_level, addresses=not settings.encrypts)
        for warning in (*settings.warnings, *keep_private(settings.data_dir)):
            logger.warning(warning)
        asyncio.run(main(settings))
    except ConfigurationError as error:
        print(error, file=sys.stderr)  # noqa: T201 - for whoever just typed it
        return 2
    except Exception:
        logger.exception("worker failed")
        return 1
    return 0


if __name__ == "__main__":
    status = start()
    logging.shutdown()
    sys.stderr.flush()
    # By now everything is closed. Temporal's native threads can abort a Python 3.11 interpreter
    # that is winding up, and the status would be theirs (134).
    os._exit(status)
