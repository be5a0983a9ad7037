"""Telling people: the activity that the workflow calls for every message."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal, Protocol

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from activities.channels.errors import DeliveryError, RefusedError, application_error
from activities.channels.notice import Channel, Notice, Unreached
from activities.requests import ContentStore, Requests, verify
from links import Codes, Link, LinkKeys, PersonalLink
from templates import Reader
from workflows import messages, proof
from workflows.messages import (
    SEND_NOTIFICATION,
    UNDELIVERABLE,
    NotificationSent,
    SendNotificationInput,
)
from workflows.reading import Fold, read_decision
from workflows.stored import MissingContentError

logger = logging.getLogger(__name__)

STORE_TIMEOUT = 5.0
"""Seconds for the store, which a message never waits for longer."""


class DeliveryLog(Protocol):
    """What became of each message. `key` names one message to one approver by one channel."""

    async def find(self, key: str) -> str | None:
        """The provider's id of a message that was sent."""
        ...

    async def record(
        self,
        *,
        key: str,
        decision_id: str,
        message: str,
        approver: str,
        channel: str,
        result: Literal["sent", "failed", "deferred", "refused"],
        provider: str,
        provider_message_id: str | None = None,
    ) -> None: ...


class Preferring(Protocol):
    """What somebody has set for themselves; None where nothing."""

    @property
    def language(self) -> str | None: ...
    @property
    def time_zone(self) -> str | None: ...


class ApproverBook(Protocol):
    async def find(self, address: str) -> Preferring: ...


class Notifications:
    """The activity and what it needs. `channels` are those set up, by name; `reader` is whom a
    message is written for who has set nothing."""

    def __init__(
        self,
        *,
        client: Client,
        keyring: proof.Keyring,
        links: LinkKeys,
        codes: Codes,
        public_url: str,
        channels: Mapping[str, Channel],
        deliveries: DeliveryLog,
        contents: ContentStore,
        approvers: ApproverBook,
        reader: Reader,
    ) -> None:
        self._requests = Requests(client, keyring, contents)
        self._links = links
        self._codes = codes
        self._public_url = public_url.rstrip("/")
        self._channels = channels
        self._deliveries = deliveries
        self._approvers = approvers
        self._reader = reader

    @activity.defn(name=SEND_NOTIFICATION)
    async def send_notification(self, input: SendNotificationInput) -> NotificationSent:
        """Send one message to one approver, once.

        Raises `ApplicationError`, retryable or not, as `channels.errors` says.
        """
        channel = self._channels.get(input.channel)
        if channel is None:
            raise ApplicationError(
                f"The channel {input.channel!r} is not set up.",
                type=UNDELIVERABLE,
                non_retryable=True,
            )
        message_id = await self._sent_before(input)
        if message_id is None:
            message_id = await self._send(input, channel)
        return NotificationSent(provider=channel.provider, message_id=message_id)

    async def _send(self, input: SendNotificationInput, channel: Channel) -> str:
        notice = await self._notice(input)
        try:
            message_id = await channel.send(notice)
        except DeliveryError as error:
            level = logging.ERROR if isinstance(error, RefusedError) else logging.WARNING
            logger.log(level, "message not sent: %s", error, extra=_about(input))
            await self._record(input, error.result, channel.provider)
            # Without its cause: the audit trail shows the innermost message, which is to be ours.
            raise application_error(error) from None
        logger.info("message sent", extra=_about(input))
        await self._record(input, "sent", channel.provider, message_id)
        return message_id

    async def _notice(self, input: SendNotificationInput) -> Notice:
        try:
            fold = await self._requests.load(input.decision_id)
            verify(input, fold)
        except proof.UnprovenError as error:
            logger.error("message refused: %s", error, extra=_about(input))  # noqa: TRY400
            raise ApplicationError(
                f"Not sent: {error}.", type="Unproven", non_retryable=True
            ) from None
        except MissingContentError as error:
            logger.exception("message not sent", extra=_about(input))
            raise ApplicationError(f"Not sent yet: {error}.", type="MissingContent") from None
        now = datetime.now(UTC)
        notice = Notice(
            decision=fold.decision_input(),
            message=input.message,
            number=input.number,
            approver=input.approver,
            link="",
            now=now,
            outcome=fold.outcome() if input.outcome else None,
            reader=await self._reader_of(input),
        )
        match input.message:
            case messages.CODE:
                assert input.code_id  # noqa: S101 - `verify` found it in the history
                return replace(notice, code=self._codes.of(input.code_id))
            case messages.DELIVERY_FAILURE:
                return replace(notice, unreached=unreached(fold), asked_now=fold.asked_now())
            case _:
                token = self._links.mint(Link(input.decision_id, input.approver))
                inbox = self._links.mint_personal(PersonalLink(input.approver, now))
                return replace(
                    notice,
                    link=f"{self._public_url}/d/{token}",
                    respond_url=f"{self._public_url}/responses/{token}",
                    told=read_decision(fold, now),
                    digest=fold.state.shown if fold.state else "",
                    happened_at=happened_at(input, fold),
                    inbox=f"{self._public_url}/i/{inbox}",
                    escalated_because=fold.escalated_because(),
                    unreached=unreached(fold),
                )

    async def _reader_of(self, input: SendNotificationInput) -> Reader:
        try:
            async with asyncio.timeout(STORE_TIMEOUT):
                set_by_them = await self._approvers.find(input.approver)
        except Exception:
            # In another language is better than never.
            logger.exception("the store cannot say how to write to them", extra=_about(input))
            return self._reader
        return self._reader.preferring(set_by_them.language, set_by_them.time_zone)

    async def _sent_before(self, input: SendNotificationInput) -> str | None:
        """The id of this message if an earlier attempt sent it, and only its report was lost."""
        if activity.info().attempt == 1:
            return None
        try:
            async with asyncio.timeout(STORE_TIMEOUT):
                return await self._deliveries.find(delivery_key(input))
        except Exception:
            # Twice is better than never.
            logger.exception("the store cannot say what was sent", extra=_about(input))
            return None

    async def _record(
        self,
        input: SendNotificationInput,
        result: Literal["sent", "failed", "deferred", "refused"],
        provider: str,
        provider_message_id: str | None = None,
    ) -> None:
        """Note it, and never fail: a retry for the note's sake would send the message again."""
        try:
            async with asyncio.timeout(STORE_TIMEOUT):
                await self._deliveries.record(
                    key=delivery_key(input),
                    decision_id=input.decision_id,
                    message=input.message,
                    approver=input.approver,
                    channel=input.channel,
                    result=result,
                    provider=provider,
                    provider_message_id=provider_message_id,
                )
        except Exception:
            logger.exception("the store did not take a delivery", extra=_about(input))


def unreached(fold: Fold) -> list[Unreached]:
    """Whom no message could reach, the last first."""
    failed = [entry for entry in fold.entries if entry.type == "delivery.failed"]
    told = ("approver", "channel", "reason")
    return [Unreached(*(entry.details[name] for name in told)) for entry in reversed(failed)]


def happened_at(sending: SendNotificationInput, fold: Fold) -> datetime | None:
    """When that happened which this message tells, as far as the record has it."""
    if sending.outcome:
        return sending.outcome.at
    type = "approver.reminded" if sending.message == messages.REMINDER else "approver.asked"
    about = {"approver": sending.approver, "number": sending.number or None}
    for entry in reversed(fold.state.log if fold.state else ()):
        if entry.type == type and {name: entry.details.get(name) for name in about} == about:
            return entry.at
    return None


def delivery_key(input: SendNotificationInput) -> str:
    """Names this message to this approver by this channel."""
    named = [input.decision_id, input.message, input.approver, input.channel]
    content = "\n".join((*named, *([str(input.number)] if input.number else [])))
    return hashlib.sha256(content.encode()).hexdigest()


def _about(input: SendNotificationInput) -> dict[str, str]:
    return {
        "decision_id": input.decision_id,
        "notification": input.message,
        "approver": input.approver,
        "channel": input.channel,
    }
