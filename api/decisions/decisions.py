"""Decisions as the API reads them: knows no HTTP; routes know no Temporal."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

from temporalio.client import Client
from temporalio.service import RPCError

from api.decisions.delays import delays_of, is_overdue
from api.decisions.executions import Executions
from api.decisions.waiting import Waiting
from api.problems.errors import (
    NotFound,
    Unavailable,
)
from api.problems.temporal import readable
from histories.loading import complete
from histories.reading import Live, Reading, Void
from store import Store
from store.keys import ApiKey
from workflows.stored import MissingContentError

log = logging.getLogger(__name__)

R = TypeVar("R", bound=Reading)


class Decisions:
    """Reads decisions."""

    def __init__(
        self,
        client: Client,
        store: Store,
        executions: Executions,
        waiting: Waiting,
        *,
        is_told_of_mails: bool = False,
    ) -> None:
        """`is_told_of_mails`: whether the mails' provider tells what became of them."""
        self._client = client
        self._store = store
        self._waiting = waiting
        self._is_told_of_mails = is_told_of_mails
        self._executions = executions

    async def read(self, decision_id: str) -> Reading:
        """Return the decision as its history tells it now. Raises `NotFound`."""
        return await self.complete(await self._waiting.look(decision_id))

    async def read_live(self, decision_id: str) -> Live:
        """Read a decision that this service sealed. Raises `NotFound` for any other."""
        return _live(await self.read(decision_id))

    async def glance(self, decision_id: str) -> Live:
        """Return the decision for a page: what a wait in this process already knows, or else
        `read_live`.

        It may be some milliseconds old. That is as good: a page is older when its button is
        pressed, and the workflow judges what comes of it. Raises `NotFound`.
        """
        reading = self._waiting.glance(decision_id)
        return _live(await self.complete(reading) if reading else await self.read(decision_id))

    async def read_for(self, key: ApiKey, decision_id: str, wait: float = 0) -> Reading:
        """Return a decision that this key may see, settled if it settles within `wait` seconds.

        An agent sees its own, a key that may resolve or audit sees all. Raises `NotFound`, also for
        what is not theirs: it is not there.
        """

        def may_see(reading: Reading) -> bool:
            return reading.agent == key.name or (reading.agent is not None and key.sees_all)

        def is_over(reading: Reading) -> bool:
            return reading.settled or not may_see(reading)

        reading = None
        if wait > 0:
            reading = await self._waiting.until(decision_id, wait, is_over)
            # When the time is over, the wait has followed it until now.
            reading = reading or self._waiting.glance(decision_id)
        reading = await self.complete(reading) if reading else await self.read(decision_id)
        if not may_see(reading):
            raise NotFound("There is no such decision.")
        return await self._with_delays(reading)

    async def delivered(self, decision_id: str) -> set[str]:
        """Return the provider's ids of the decision's messages that arrived; none if nobody
        tells."""
        if not self._is_told_of_mails:
            return set()
        told = await self._store.delivery_events.of(decision_id)
        return {each.provider_message_id for each in told if each.event == "delivered"}

    async def read_own(self, agent: ApiKey, decision_id: str) -> Reading:
        """Return a decision that this agent asked for, and may change. Raises `NotFound`."""
        reading = await self.read(decision_id)
        if reading.agent != agent.name:
            raise NotFound("There is no such decision.")
        return reading

    async def complete(self, reading: R) -> R:
        """Add to the reading what the store keeps of the decision.

        Raises `Unavailable` where that is not there, and `Unreadable`: nobody is to decide, or act,
        on half of a request.
        """
        if isinstance(reading, Live) and reading.stored:
            try:
                await complete(reading, self._store.contents)
            except MissingContentError as error:
                log.error("%s", error)  # noqa: TRY400 - no fault of ours
                told = "A part of this decision is not in the store; tell an operator."
                raise Unavailable(told) from error
            with readable(reading.decision_id):
                _ = reading.request, reading.outcome()
        execution = (await self._executions.of(reading)).current
        return replace(reading, execution=execution)

    async def _with_delays(self, reading: Reading) -> Reading:
        """Add to the reading why messages are late. If Temporal does not tell, nothing is said."""
        if isinstance(reading, Live) and is_overdue(reading, datetime.now(UTC)):
            with suppress(NotFound, Unavailable, RPCError):
                return replace(reading, delays=await delays_of(self._client, reading))
        return reading


def _live(reading: Reading) -> Live:
    if isinstance(reading, Void):
        raise NotFound("There is no such decision.")
    return reading
