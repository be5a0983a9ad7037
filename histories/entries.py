"""The record of a run: one entry for each thing that happened."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from workflows.messages import ASKING


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the record. `event_id` is the number of the history event it was read from."""

    event_id: int | None
    type: str
    at: datetime
    details: dict[str, Any] = field(default_factory=dict[str, Any])


def first_to_reach(entries: Iterable[AuditEntry], lost: Collection[str]) -> AuditEntry | None:
    """Return the first message with the question that was sent and is not known to be lost."""
    ids = [*lost]  # what a history has as an id need not be hashable
    reached = (
        entry
        for entry in entries
        if entry.type == "notification.sent"
        and entry.details["message"] in ASKING
        and entry.details["provider_message_id"] not in ids
    )
    return next(reached, None)


def is_late(moment: datetime, created_at: datetime, expires_at: datetime) -> bool:
    """Return whether less than half of a decision's time is left."""
    return expires_at - moment < (expires_at - created_at) / 2


def time_of(timestamp: Timestamp) -> datetime:
    """Return the instant, rounded just as `workflow.now()` rounds it."""
    return datetime.fromtimestamp(timestamp.ToNanoseconds() / 1e9, UTC)
