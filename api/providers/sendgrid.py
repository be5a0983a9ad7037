"""SendGrid's Event Webhook: its reports about our mails, once its signature is verified.

SendGrid calls a mail that it gives up `bounce`, `dropped` and, after delivery, `spamreport`. A
bounce of the type `blocked` is among them: the address may be good, but SendGrid no longer tries
this mail. It does retry a `deferred` one.
"""

# The library has no types.
# pyright: basic

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sendgrid.helpers.eventwebhook import EventWebhook, EventWebhookHeader

from api.http.json_checks import read_json

PROVIDER = "sendgrid"
SIGNATURE = EventWebhookHeader.SIGNATURE
TIMESTAMP = EventWebhookHeader.TIMESTAMP

TOLERANCE = timedelta(minutes=10)
"""Largest difference between the signed time and ours: an older request may be somebody's copy."""

REASONS = {
    "bounce": "The receiving server refused it",
    "blocked": "The receiving server refused it, and may take others",
    "dropped": "SendGrid did not send it",
    "spamreport": "It was reported as spam",
}
LOST = ("bounce", "dropped", "spamreport")
KEPT = ("delivered", "deferred", *LOST)
"""Events that are kept. The others report what was to be expected, or what people do."""

MAX_REASON = 500
"""Characters of SendGrid's reason, which mostly quotes a mail server."""

NAME = re.compile(r"[!-~]{1,200}")


class ForgedError(Exception):
    """The request is not proven to be SendGrid's, or is old."""


@dataclass(frozen=True, slots=True)
class MailEvent:
    """A report about a mail. `message_ids` are the names under which we may have recorded it,
    `decision_id` is the id that SendGrid has for it."""

    id: str
    event: str
    message_ids: tuple[str, ...]
    decision_id: str
    reason: str | None
    at: datetime

    @property
    def is_loss(self) -> bool:
        """Return whether the mail did not arrive, or arrived where nobody reads it."""
        return self.event in LOST


def verify(key: str, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
    """Raise `ForgedError` unless this body was signed with SendGrid's key (base64), lately."""
    signature, timestamp = headers.get(SIGNATURE, ""), headers.get(TIMESTAMP, "")
    if not re.fullmatch(r"[0-9]{1,12}", timestamp):
        raise ForgedError("it has no time of signing")
    try:
        is_signed = _webhook(key).verify_signature(body.decode(), signature, timestamp)
    except ValueError:  # what is no base64, or no UTF-8
        is_signed = False
    if not is_signed:
        raise ForgedError("it is not signed with the key in HANDOVER_SENDGRID_EVENT_KEY")
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE.total_seconds():
        raise ForgedError("it was signed too long ago, or the clocks differ")


def read(body: bytes, now: datetime) -> list[MailEvent]:
    """Return the events about a mail's arrival, each once. Raises `ValueError`."""
    try:
        told = read_json(body)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(told, list):
        raise ValueError("not a list")  # noqa: TRY004 - of the sender, and no fault of ours
    events = (_event(each, now) for each in told if isinstance(each, dict))
    return list({event.id: event for event in events if event}.values())


@lru_cache(maxsize=1)
def _webhook(key: str) -> EventWebhook:
    return EventWebhook(key)


def _event(told: dict[str, Any], now: datetime) -> MailEvent | None:
    event, event_id = told.get("event"), _name(told.get("sg_event_id"))
    if event not in KEPT or not event_id:
        return None
    return MailEvent(
        id=event_id,
        event=event,
        message_ids=tuple(_message_ids(told)),
        decision_id=_name(told.get("decision_id")),
        reason=_reason(told),
        at=_time(told.get("timestamp")) or now,
    )


def _message_ids(told: dict[str, Any]) -> Iterator[str]:
    """Return the possible ids of a mail: SendGrid's answer to it is how its message id begins, up
    to some dot."""
    parts = _name(told.get("sg_message_id")).split(".")[:10]
    yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1) if parts[0])
    if smtp_id := _name(told.get("smtp-id")):
        yield smtp_id


def _reason(told: dict[str, Any]) -> str | None:
    event = "blocked" if told.get("type") == "blocked" else told["event"]
    said = told.get("reason") or told.get("response")
    words = " ".join(said.replace("\0", " ").split()) if isinstance(said, str) else ""
    known = REASONS.get(event)
    if known is None:
        return words[:MAX_REASON] or None
    return f"{known}: {words}"[:MAX_REASON] if words else f"{known}."


def _name(value: object) -> str:
    return value if isinstance(value, str) and NAME.fullmatch(value) else ""


def _time(value: object) -> datetime | None:
    with suppress(ValueError, OverflowError, OSError):
        if isinstance(value, int):
            return datetime.fromtimestamp(value, UTC)
    return None
