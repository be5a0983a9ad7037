"""What a mail provider tells of messages that it took, and what decisions have to know of it."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from api.decisions.telling import Telling
from api.decisions.waiting import Waiting
from api.problems.errors import NotFound, Unavailable
from api.providers.sendgrid import PROVIDER, MailEvent
from histories.reading import Live
from store.events import DeliveryEvents as StoredEvents
from store.events import SentMessage, Told

log = logging.getLogger(__name__)

AT_ONCE = 16
"""Decisions that are told at the same time."""

UNRECORDED = timedelta(minutes=2)
"""How long a message may be known to its provider before we have it recorded."""

DECISION_ID = re.compile(r"dec_[0-9a-f]{26}")


class DeliveryEvents:
    def __init__(self, events: StoredEvents, telling: Telling, waiting: Waiting) -> None:
        self._events = events
        self._telling = telling
        self._waiting = waiting

    async def take(self, events: Sequence[MailEvent]) -> None:
        """Keep these events, and tell the decisions whose messages are lost.

        An event is kept once its decision was told, so whatever ends this in between, the provider
        tells it again and nothing is forgotten. Raises `Unavailable` where it is to do so.
        """
        known = await self._events.known(PROVIDER, {event.id for event in events})
        new = [event for event in events if event.id not in known]
        names = {name for event in new for name in event.message_ids}
        sent = await self._events.sent(PROVIDER, names)
        ours = [(event, found) for event in new if (found := _told(event, sent))]
        await self._events.keep(each for event, told in ours for each in told if not event.is_loss)
        await self._tell_all([told for event, told in ours if event.is_loss])
        await self._look_for_unrecorded([event for event in new if not _told(event, sent)])

    async def _tell_all(self, lost: Sequence[Sequence[Told]]) -> None:
        """Whatever fails for one mail, the decisions of all others are told."""
        limit = asyncio.Semaphore(AT_ONCE)

        async def tell(mail: Sequence[Told]) -> None:
            async with limit:
                for told in mail:
                    await self._telling.report_failure(told)
                    await self._events.keep([told])

        results = await asyncio.gather(*map(tell, lost), return_exceptions=True)
        if failed := [each for each in results if isinstance(each, BaseException)]:
            log.error("%s of %s lost messages could not be told", len(failed), len(lost))
            raise failed[0]

    async def _look_for_unrecorded(self, unknown: Sequence[MailEvent]) -> None:
        """A message may bounce before we have noted that it was sent; one of somebody else with the
        same account at the provider never is."""
        since = datetime.now(UTC) - UNRECORDED
        recent = {event.decision_id for event in unknown if event.at > since and event.message_ids}
        for decision_id in recent:
            if DECISION_ID.fullmatch(decision_id) and await self._is_ours(decision_id):
                raise Unavailable("A message is not recorded yet; tell it again.")

    async def _is_ours(self, decision_id: str) -> bool:
        try:
            return isinstance(await self._waiting.look(decision_id), Live)
        except NotFound:
            return False


def _told(event: MailEvent, sent: dict[str, list[SentMessage]]) -> list[Told]:
    """What it says of each message that was in the mail, the last under the event's own id: once
    that is kept, all are."""
    messages = next((sent[name] for name in event.message_ids if name in sent), list[SentMessage]())
    ids = [*(f"{event.id}/{number}" for number in range(1, len(messages))), event.id]
    return [_told_of(event, message, id) for message, id in zip(messages, ids, strict=False)]


def _told_of(event: MailEvent, message: SentMessage, id: str) -> Told:
    return Told(
        provider=PROVIDER,
        id=id,
        provider_message_id=message.provider_message_id,
        decision_id=message.decision_id,
        message=message.message,
        approver=message.approver,
        channel=message.channel,
        event=event.event,
        reason=event.reason,
        at=event.at,
    )
