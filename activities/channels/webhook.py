"""The webhook channel: a notice is posted to the approver's own system, which answers in JSON.

The status of its answer decides the message:

    2xx                                taken
    408, 425, 429, 5xx, no answer      away or busy: tried again, after `Retry-After` where it says
    400, 410, 413, 422, a refused URL  never taken: the approver cannot be reached in this way
    401, 403, 404, every other status  set up wrongly, there or here: tried again every few minutes,
                                       and nobody is skipped, because an operator can repair it
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Protocol

from activities.channels.errors import (
    DeferredError,
    DeliveryError,
    RefusedError,
    UndeliverableError,
)
from activities.channels.notice import Notice
from activities.retry_after import retry_after
from activities.standard_webhooks import LIMIT_SECONDS, Event, event
from histories.decision import as_json_for
from outgoing import Answer, GuardedClient, RefusedUrlError, UnreachableError
from store.sealing import UnreadableError
from workflows.messages import REMINDER

logger = logging.getLogger(__name__)

TYPES = {
    "decision-request": "decision.requested",
    "escalation": "decision.escalated",
    REMINDER: "decision.reminder",
    "settled": "decision.settled",
    "receipt": "decision.receipt",
}
"""The types of the messages that a webhook carries; codes and an operator's news are always
e-mails."""

LATER = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)
NEVER = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.GONE,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)


class Webhook(Protocol):
    @property
    def url(self) -> str: ...
    @property
    def secrets(self) -> Sequence[str]: ...


class WebhookBook(Protocol):
    """The URL of each approver's system, and the secrets that sign its requests."""

    async def find(self, address: str) -> Webhook | None:
        """Return the approver's webhook. Raises `UnreadableError` if there is no secret to sign
        with."""
        ...


class WebhookChannel:
    provider = "https"

    def __init__(
        self, outgoing: GuardedClient, webhooks: WebhookBook, limit_seconds: float = LIMIT_SECONDS
    ) -> None:
        self._outgoing = outgoing
        self._webhooks = webhooks
        self._limit_seconds = limit_seconds

    async def send(self, notice: Notice) -> str:
        """Post the notice and return its `webhook-id`."""
        event = event_of(notice)
        webhook = await self._webhook(notice.approver)
        headers = event.headers(webhook.secrets, datetime.now(UTC))
        try:
            answer = await self._outgoing.post(
                webhook.url, event.body.encode(), headers, limit_seconds=self._limit_seconds
            )
        except RefusedUrlError as error:
            raise UndeliverableError(f"The webhook's URL is refused: {error}.") from error
        except UnreachableError as error:
            raise DeferredError(f"The webhook was not reached: {error}.") from error
        if error := error_of(answer, notice.approver):
            raise error
        return event.id

    async def _webhook(self, address: str) -> Webhook:
        try:
            webhook = await self._webhooks.find(address)
        except UnreadableError as error:
            raise RefusedError(
                "There is no secret to sign the webhook with. Make a new one with"
                f" POST /approvers/{address}/webhook-secret."
            ) from error
        except Exception as error:
            logger.exception("the store cannot say where to post a message")
            raise DeferredError("The store cannot say where to post it; see the log.") from error
        if webhook is None:
            raise UndeliverableError(
                "No webhook is set for this approver. An administrator sets `webhook_url` with"
                f" PUT /approvers/{address}."
            )
        return webhook


def event_of(notice: Notice) -> Event:
    """Return the request for this notice. Raises `UndeliverableError` for a message that does not
    go by webhook."""
    type = TYPES.get(notice.message)
    if type is None or notice.told is None:
        raise UndeliverableError(f"A message of the kind {notice.message!r} is never posted.")
    number = [str(notice.number)] if notice.number else []
    about = [notice.decision.id, notice.message, notice.approver, *number]
    return event(about, type, notice.happened_at or notice.now, data_of(notice))


def data_of(notice: Notice) -> dict[str, Any]:
    """Return the same data as `GET respond_url` does."""
    assert notice.told  # noqa: S101 - `event_of` looked
    return {
        "decision": as_json_for(notice.told, notice.approver),
        "approver": notice.approver,
        "respond_url": notice.respond_url,
        "page_url": notice.link,
        "digest": notice.digest,
        "expires_at": notice.decision.expires_at,
    }


def error_of(answer: Answer, address: str) -> DeliveryError | None:
    """Return the error that the status means for the message; None if it was taken."""
    status = answer.status_code
    if 200 <= status < 300:
        return None
    if status in LATER or status >= 500:
        wait = retry_after(answer.headers)
        return DeferredError(f"The webhook asks to try later ({status}).", wait)
    if status in NEVER:
        return UndeliverableError(f"The webhook does not take this message ({status}).")
    if 300 <= status < 400:
        return RefusedError(
            f"The webhook redirects ({status}), which is not followed. Set `webhook_url` to where"
            f" it leads, with PUT /approvers/{address}."
        )
    return RefusedError(
        f"The webhook refuses us ({status}). Check `webhook_url` at /approvers/{address}, and that"
        " its system has the secret that belongs to it."
    )
