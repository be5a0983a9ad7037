"""Readings of decisions, of those that the service sealed."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable

from temporalio.api.history.v1 import HistoryEvent

from histories.fold import Fold
from histories.reading import Live, Reading
from workflows.proof import Keyring


def live(reading: Reading | None) -> Live:
    """The same, which has to be that of a decision."""
    assert isinstance(reading, Live), reading
    return reading


def read(decision_id: str, keyring: Keyring, events: Iterable[HistoryEvent]) -> Live:
    """What these events come to."""
    fold = Fold(decision_id, keyring)
    for event in events:
        fold.feed(event)
    return live(fold.reading)


async def read_all(decision_id: str, keyring: Keyring, events: AsyncIterable[HistoryEvent]) -> Live:
    """The same, of events that come one after the other."""
    return read(decision_id, keyring, [event async for event in events])
