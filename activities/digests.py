"""Several questions to one person in one mail.

Each message waits in an activity of its own, and all of one person's wake at the same moment. The
first claims all that are due, sends one mail and records every message in it as sent; the others
find that. Delivery is at least once, as everywhere: a claim that is not kept goes stale, and while
the store is away each message goes out alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol, runtime_checkable

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.channels.notice import Notice
from activities.deliveries import STORE_TIMEOUT, DeliveryLog, about, delivery_key
from store.held import Claim, HeldMessage
from workflows.messages import HELD_BACK, SendNotificationInput

logger = logging.getLogger(__name__)

SOON = timedelta(seconds=2)
"""Time after which a message looks again whether another has sent the mail."""

Letter = tuple[SendNotificationInput, Notice]


@runtime_checkable
class Gathering(Protocol):
    """A channel that can put several notices to one person into one message."""

    async def send_together(self, notices: Sequence[Notice]) -> str:
        """Send these notices as one message, as `Channel.send` does with one."""
        ...


class HeldMessages(Protocol):
    """The store's table of messages that wait for a mail with several."""

    async def keep(self, message: HeldMessage) -> None: ...
    async def claim(self, own: HeldMessage, now: datetime) -> Claim | None: ...
    async def give_back(self, claim: Claim) -> None: ...
    async def remove(self, keys: Collection[str]) -> None: ...


class Digests:
    def __init__(self, held: HeldMessages, log: DeliveryLog) -> None:
        self._held = held
        self._log = log

    async def keep(self, sending: SendNotificationInput, until: datetime) -> None:
        """Let others claim the message from then on. If that fails, it goes out alone."""
        await self._try(self._held.keep(held_message(sending, until)), sending)

    async def claim(self, sending: SendNotificationInput) -> Claim | str | None:
        """Return all messages that go out with this one now, or its id if another mail just had it,
        or None if the store cannot say. Raises `ApplicationError` if another activity is about to
        send it."""
        now = datetime.now(UTC)
        own = held_message(sending, now)
        try:
            async with asyncio.timeout(STORE_TIMEOUT):
                claim = await self._held.claim(own, now)
                if claim is not None:
                    return claim
                sent = await self._log.find(own.key)
                if sent is not None:
                    await self._held.remove([own.key])
                    return sent
        except Exception:
            logger.exception("the store cannot say what else is due", extra=about(sending))
            return None
        raise held_back("goes out with others in one mail, which is being sent", SOON)

    async def end(self, claim: Claim, done: Sequence[SendNotificationInput]) -> None:
        """Mark these as sent or void, and give back the rest of the claim."""
        keys = [delivery_key(each) for each in done]
        if keys:
            await self._try(self._held.remove(keys), done[0])
        if len(keys) < len(claim.messages):
            await self._try(self._held.give_back(claim), None)

    async def _try(self, change: Awaitable[None], sending: SendNotificationInput | None) -> None:
        try:
            async with asyncio.timeout(STORE_TIMEOUT):
                await change
        except Exception:
            logger.exception(
                "the store did not take what is held back",
                extra=about(sending) if sending else None,
            )


def held_message(sending: SendNotificationInput, due_at: datetime) -> HeldMessage:
    return HeldMessage(
        key=delivery_key(sending),
        approver=sending.approver,
        decision_id=sending.decision_id,
        message=sending.message,
        number=sending.number,
        due_at=due_at,
    )


def others(claim: Claim, sending: SendNotificationInput) -> list[SendNotificationInput]:
    """Return the messages that were claimed beside this one."""
    own = delivery_key(sending)
    return [
        SendNotificationInput(
            decision_id=each.decision_id,
            message=each.message,
            approver=each.approver,
            channel=sending.channel,
            number=each.number,
        )
        for each in claim.messages
        if each.key != own
    ]


def held_back(why: str, delay: timedelta) -> ApplicationError:
    """Return a benign error, since nothing is wrong and nobody has to be alarmed."""
    return ApplicationError(
        why, type=HELD_BACK, next_retry_delay=delay, category=ApplicationErrorCategory.BENIGN
    )
