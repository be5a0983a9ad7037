"""The activity that the workflow calls for every message."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.service import RPCError, RPCStatusCode

from activities import holding
from activities.channels.errors import DeliveryError, RefusedError, application_error
from activities.channels.notice import Channel, Notice, Unreached
from activities.deliveries import STORE_TIMEOUT, DeliveryLog, Journal, about
from activities.digests import Digests, Gathering, HeldMessages, Letter, held_back, others
from activities.requests import Requests, verify
from histories.decision import read_decision
from histories.entries import is_late
from histories.reading import Live
from links import Codes, Link, LinkKeys, PersonalLink
from store.approvers import Preferences
from templates import Reader
from workflows import messages, proof
from workflows.lifecycle import UnknownRulesError
from workflows.messages import (
    SEND_NOTIFICATION,
    UNDELIVERABLE,
    NotificationSent,
    SendNotificationInput,
)
from workflows.objections import MAX_CODES
from workflows.stored import MissingContentError
from workflows.unknown_keys import UnknownKeyError

logger = logging.getLogger(__name__)


class ApproverBook(Protocol):
    async def find(self, address: str) -> Preferences: ...


class Notifications:
    """The activity and its dependencies. `channels` are those that are set up, by name; `reader` is
    for an approver who has set nothing."""

    def __init__(
        self,
        *,
        requests: Requests,
        links: LinkKeys,
        codes: Codes,
        public_url: str,
        channels: Mapping[str, Channel],
        deliveries: DeliveryLog,
        held: HeldMessages,
        approvers: ApproverBook,
        reader: Reader,
    ) -> None:
        self._requests = requests
        self._links = links
        self._codes = codes
        self._public_url = public_url.rstrip("/")
        self._channels = channels
        self._journal = Journal(deliveries)
        self._digests = Digests(held, deliveries)
        self._approvers = approvers
        self._reader = reader

    @activity.defn(name=SEND_NOTIFICATION)
    async def send_notification(self, input: SendNotificationInput) -> NotificationSent:
        """Send one message to one approver, once.

        Raises `ApplicationError`, retryable or not, as `channels.errors` says, and if its reader is
        not to be disturbed yet.
        """
        channel = self._channels.get(input.channel)
        if channel is None:
            raise ApplicationError(
                f"The channel {input.channel!r} is not set up.",
                type=UNDELIVERABLE,
                non_retryable=True,
            )
        message_id = await self._journal.sent_before(input)
        if message_id is None:
            message_id = await self._send(input, channel)
        return NotificationSent(provider=channel.provider, message_id=message_id)

    async def _send(self, input: SendNotificationInput, channel: Channel) -> str:
        reading = await self._believed(input)
        set_by_them = await self._preferences_of(input)
        reader = self._reader.preferring(set_by_them.language, set_by_them.time_zone)
        info, now = activity.info(), datetime.now(UTC)
        if holding.is_needless(input, reading, info.scheduled_time):
            raise needless()
        due = holding.due(input, reading, info.scheduled_time, info.schedule_to_close_timeout)
        gathers = isinstance(channel, Gathering) and holding.may_gather(input, reading)
        gathers = gathers and set_by_them.digest_minutes is not None
        hold = holding.hold(now, due, set_by_them, reader.zone, gathers=gathers)
        if hold and holding.may_wait(input, reading):
            if gathers:
                await self._digests.keep(input, hold.until)
            logger.info("message %s", hold, extra=about(input))
            raise held_back(str(hold), hold.until - now)
        letter = input, self._notice(input, reading, reader, now)
        if gathers:
            return await self._send_with_others(letter, channel)
        return await self._hand_over([letter], channel)

    async def _send_with_others(self, letter: Letter, channel: Channel) -> str:
        input, notice = letter
        claim = await self._digests.claim(input)
        if claim is None:
            return await self._hand_over([letter], channel)
        if isinstance(claim, str):
            return claim
        found = await asyncio.gather(
            *(self._letter(each, notice) for each in others(claim, input)), return_exceptions=True
        )
        letters = [letter, *(each for each in found if isinstance(each, tuple))]
        void = [each for each in found if isinstance(each, SendNotificationInput)]
        try:
            message_id = await self._hand_over(letters, channel)
        except ApplicationError:
            await self._digests.end(claim, void)
            raise
        await self._digests.end(claim, [*(sending for sending, _ in letters), *void])
        return message_id

    async def _letter(
        self, sending: SendNotificationInput, beside: Notice
    ) -> Letter | SendNotificationInput:
        """Return another letter for the same mail, or its input if there is nothing left to send.

        Raises what `Requests.load` raises if it cannot be known now.
        """
        try:
            reading = await self._requests.load(sending.decision_id)
            verify(sending, reading)
        except proof.UnprovenError:
            return sending
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
            return sending
        if reading.settled:
            return sending
        return sending, self._notice(sending, reading, beside.reader, beside.now)

    async def _hand_over(self, letters: list[Letter], channel: Channel) -> str:
        """Hand over one message with all of these. The first is that of this activity."""
        input, notice = letters[0]
        try:
            if len(letters) > 1 and isinstance(channel, Gathering):
                message_id = await channel.send_together([notice for _, notice in letters])
            else:
                message_id = await channel.send(notice)
        except DeliveryError as error:
            level = logging.ERROR if isinstance(error, RefusedError) else logging.WARNING
            logger.log(level, "message not sent: %s", error, extra=about(input))
            await self._journal.record(input, error.result, channel.provider)
            # Without its cause: the audit trail shows the innermost message, which is to be ours.
            raise application_error(error) from None
        for letter in letters:
            late = tells_late(*letter)
            level, what = (logging.WARNING, " late") if late else (logging.INFO, "")
            logger.log(level, "message sent%s", what, extra=about(letter[0]))
            await self._journal.record(letter[0], "sent", channel.provider, message_id, late=late)
        return message_id

    async def _believed(self, input: SendNotificationInput) -> Live:
        try:
            reading = await self._requests.load(input.decision_id)
            verify(input, reading)
        except proof.UnprovenError as error:
            logger.error("message refused: %s", error, extra=about(input))  # noqa: TRY400
            raise ApplicationError(
                f"Not sent: {error}.", type="Unproven", non_retryable=True
            ) from None
        except UnknownRulesError as error:
            # A newer worker sends it.
            raise ApplicationError(
                f"Not sent yet: {error}",
                type="UnknownRules",
                category=ApplicationErrorCategory.BENIGN,
            ) from None
        except UnknownKeyError as error:
            logger.error("message not sent: %s", error, extra=about(input))  # noqa: TRY400 - as above
            raise ApplicationError(f"Not sent yet: {error}", type="UnknownKey") from None
        except MissingContentError as error:
            logger.exception("message not sent", extra=about(input))
            raise ApplicationError(f"Not sent yet: {error}.", type="MissingContent") from None
        return reading

    def _notice(
        self, input: SendNotificationInput, reading: Live, reader: Reader, now: datetime
    ) -> Notice:
        notice = Notice(
            decision=reading.decision_input(),
            message=input.message,
            number=input.number,
            approver=input.approver,
            link="",
            now=now,
            outcome=reading.outcome() if input.outcome else None,
            reader=reader,
        )
        match input.message:
            case messages.CODE:
                assert input.code_id  # noqa: S101 - `verify` found it in the history
                return replace(notice, code=self._codes.of(input.code_id))
            case messages.DELIVERY_FAILURE:
                asked_now = reading.state.awaited
                return replace(notice, unreached=unreached(reading), asked_now=asked_now)
            case messages.CODES_USED_UP:
                return replace(notice, without_codes=without_codes(reading))
            case _:
                token = self._links.mint(Link(input.decision_id, input.approver))
                inbox = self._links.mint_personal(PersonalLink(input.approver, now))
                return replace(
                    notice,
                    link=f"{self._public_url}/d/{token}",
                    respond_url=f"{self._public_url}/responses/{token}",
                    told=read_decision(reading, now),
                    digest=reading.state.shown_digest,
                    happened_at=happened_at(input, reading),
                    inbox=f"{self._public_url}/i/{inbox}",
                    escalated_because=reading.escalated_because(),
                    unreached=unreached(reading),
                )

    async def _preferences_of(self, input: SendNotificationInput) -> Preferences:
        try:
            async with asyncio.timeout(STORE_TIMEOUT):
                return await self._approvers.find(input.approver)
        except Exception:
            # In another language, and at night, is better than never.
            logger.exception("the store cannot say how to write to them", extra=about(input))
            return Preferences()


def tells_late(sending: SendNotificationInput, notice: Notice) -> bool:
    """Return whether this is the first news of a decision for anybody, and comes late."""
    told = notice.told
    if told is None or told.notified_at or sending.message not in messages.ASKING:
        return False
    return is_late(datetime.now(UTC), told.created_at, told.expires_at)


def needless() -> ApplicationError:
    """Return a benign error: no retry makes the message useful, and nobody has to be alarmed."""
    return ApplicationError(
        "Not sent: what it reminds of goes out only now.",
        type="Needless",
        non_retryable=True,
        category=ApplicationErrorCategory.BENIGN,
    )


def unreached(reading: Live) -> list[Unreached]:
    """Return the approvers whom no message could reach, the last first."""
    failed = [entry for entry in reading.entries if entry.type == "delivery.failed"]
    told = ("approver", "channel", "reason")
    return [Unreached(*(entry.details[name] for name in told)) for entry in reversed(failed)]


def without_codes(reading: Live) -> list[str]:
    """Return the approvers who get no further code."""
    sent = Counter(approver for approver, _ in reading.state.codes)
    return [approver for approver, number in sent.items() if number >= MAX_CODES]


def happened_at(sending: SendNotificationInput, reading: Live) -> datetime | None:
    """Return when the reported event happened, as far as the record has it."""
    if sending.outcome:
        return sending.outcome.at
    type = "approver.reminded" if sending.message == messages.REMINDER else "approver.asked"
    about = {"approver": sending.approver, "number": sending.number or None}
    for entry in reversed(reading.state.log):
        if entry.type == type and {name: entry.details.get(name) for name in about} == about:
            return entry.at
    return None
