"""Takes a mail provider's later reports about messages, and informs the decisions concerned."""

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
from store.events import DeliveryReport, SentMessage

log = logging.getLogger(__name__)

CONCURRENCY = 16
"""Decisions that are informed at the same time."""

UNRECORDED = timedelta(minutes=2)
"""Time for which a provider may know a message before our record does."""

DECISION_ID = re.compile(r"dec_[0-9a-f]{26}")


class DeliveryEvents:
    def __init__(self, events: StoredEvents, telling: Telling, waiting: Waiting) -> None:
        self._events = events
        self._telling = telling
        self._waiting = waiting

    async def take(self, events: Sequence[MailEvent]) -> None:
        """Keep these events, and inform the decisions whose messages are lost.

        An event is kept once its decision knows of it. So if anything stops this in between, the
        provider reports it again and nothing is forgotten. Raises `Unavailable` to ask for that.
        """
        known = await self._events.known(PROVIDER, {event.id for event in events})
        new = [event for event in events if event.id not in known]
        names = {name for event in new for name in event.message_ids}
        sent = await self._events.sent(PROVIDER, names)
        ours = [(event, found) for event in new if (found := _told(event, sent))]
        await self._events.keep(each for event, told in ours for each in told if not event.is_loss)
        await self._tell_all([told for event, told in ours if event.is_loss])
        await self._look_for_unrecorded([event for event in new if not _told(event, sent)])

    async def _tell_all(self, lost: Sequence[Sequence[DeliveryReport]]) -> None:
        """Inform all decisions; a failure for one mail stops no other."""
        limit = asyncio.Semaphore(CONCURRENCY)

        async def tell(mail: Sequence[DeliveryReport]) -> None:
            async with limit:
                for told in mail:
                    await self._telling.report_failure(told)
                    await self._events.keep([told])

        results = await asyncio.gather(*map(tell, lost), return_exceptions=True)
        if failed := [each for each in results if isinstance(each, BaseException)]:
            log.error("%s of %s lost messages could not be told", len(failed), len(lost))
            raise failed[0]

    async def _look_for_unrecorded(self, unknown: Sequence[MailEvent]) -> None:
        """Look for unrecorded messages. A message may bounce before we have noted that it was sent;
        a message by somebody else with the same account is never recorded."""
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


def _told(event: MailEvent, sent: dict[str, list[SentMessage]]) -> list[DeliveryReport]:
    """Return the reports on each message of the mail, the last under the event's own id: once that
    is kept, all are."""
    messages = next((sent[name] for name in event.message_ids if name in sent), list[SentMessage]())
    ids = [*(f"{event.id}/{number}" for number in range(1, len(messages))), event.id]
    return [_told_of(event, message, id) for message, id in zip(messages, ids, strict=False)]


def _told_of(event: MailEvent, message: SentMessage, id: str) -> DeliveryReport:
    return DeliveryReport(
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
