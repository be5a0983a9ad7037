"""Reads histories from Temporal, decoded, and what the store keeps of a decision beside them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import Protocol

from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from histories.encryption import decoded
from histories.fold import Fold
from histories.reading import Live, Reading
from workflows import proof
from workflows.stored import MissingContentError


class Contents(Protocol):
    """The store of what is too large for histories, by digest."""

    async def get(self, digests: Collection[str]) -> dict[str, str]: ...


class Histories:
    """Reads decisions that a key of `keyring` sealed; `revoked` are ids of keys that count no
    more."""

    def __init__(
        self, client: Client, keyring: proof.Keyring, revoked: Collection[str] = ()
    ) -> None:
        self._client = client
        self._keyring = keyring
        self._revoked = revoked

    async def read(self, decision_id: str) -> Reading:
        """Return the decision as its history tells it now.

        Raises `UnknownRulesError` and `UnknownKeyError`, and `RPCError` of Temporal.
        """
        fold = self.fold(decision_id)
        async for event in self.events(decision_id):
            fold.feed(event)
        return fold.reading

    def fold(self, decision_id: str) -> Fold:
        """Make a fold that takes the events of this decision."""
        return Fold(decision_id, self._keyring, self._revoked)

    async def events(self, decision_id: str) -> AsyncIterator[HistoryEvent]:
        """Yield all events that there are now. Raises `RPCError`."""
        async for event in self._client.get_workflow_handle(decision_id).fetch_history_events():
            yield await self.decoded(event)

    async def decoded(self, event: HistoryEvent) -> HistoryEvent:
        """Decode in place an event that was read past this."""
        return await decoded(event, self._client.data_converter.payload_codec)


async def complete(reading: Live, contents: Contents) -> None:
    """Fetch what the store keeps of it. Raises `MissingContentError` if the store lacks a part:
    nobody is to decide, or act, on half of a request."""
    if missing := reading.stored:
        reading.bodies.update(await contents.get(missing))
        if reading.stored:
            raise MissingContentError(f"the store lacks a part of {reading.decision_id}")
