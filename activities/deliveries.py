"""The log of every message: read before a retry, written after each attempt, and never a reason to
send nothing."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import Literal, Protocol

from temporalio import activity

from workflows.messages import SendNotificationInput

logger = logging.getLogger(__name__)

STORE_TIMEOUT = 5.0
"""Seconds for the store. A message never waits for it longer."""

RECORD_TIMEOUT = 12.0
"""Seconds to note an attempt. It is longer than SQLite waits for another writer, and short enough
for the attempt: a message without a note would be sent again, and not be found when it bounces."""

Result = Literal["sent", "failed", "deferred", "refused"]


class DeliveryLog(Protocol):
    """The log of each message. `key` names one message to one approver by one channel."""

    async def find(self, key: str) -> str | None:
        """Return the provider's id of a message that was sent."""
        ...

    async def record(
        self,
        *,
        key: str,
        decision_id: str,
        message: str,
        approver: str,
        channel: str,
        result: Result,
        provider: str,
        provider_message_id: str | None = None,
        late: bool = False,
    ) -> None: ...


class Journal:
    """A delivery log whose failures stop no message."""

    def __init__(self, log: DeliveryLog) -> None:
        self._log = log

    async def sent_before(self, sending: SendNotificationInput) -> str | None:
        """Return the id of this message if an earlier attempt sent it, and only its report was
        lost."""
        if activity.info().attempt == 1:
            return None
        try:
            async with asyncio.timeout(STORE_TIMEOUT):
                return await self._log.find(delivery_key(sending))
        except Exception:
            # Twice is better than never.
            logger.exception("the store cannot say what was sent", extra=about(sending))
            return None

    async def record(
        self,
        sending: SendNotificationInput,
        result: Result,
        provider: str,
        provider_message_id: str | None = None,
        *,
        late: bool = False,
    ) -> None:
        """Note the attempt, and never fail: a retry for the note's sake would send the message
        again."""
        try:
            async with asyncio.timeout(RECORD_TIMEOUT):
                await self._log.record(
                    key=delivery_key(sending),
                    decision_id=sending.decision_id,
                    message=sending.message,
                    approver=sending.approver,
                    channel=sending.channel,
                    result=result,
                    provider=provider,
                    provider_message_id=provider_message_id,
                    late=late,
                )
        except Exception:
            logger.exception("the store did not take a delivery", extra=about(sending))


def delivery_key(sending: SendNotificationInput) -> str:
    """Return the key of this message to this approver by this channel."""
    named = [sending.decision_id, sending.message, sending.approver, sending.channel]
    content = "\n".join((*named, *([str(sending.number)] if sending.number else [])))
    return hashlib.sha256(content.encode()).hexdigest()


def about(sending: SendNotificationInput) -> dict[str, str]:
    """Return the fields that identify a message in logs."""
    return {
        "decision_id": sending.decision_id,
        "notification": sending.message,
        "approver": sending.approver,
        "channel": sending.channel,
    }
