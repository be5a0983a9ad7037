"""A decision as the API answers it, and why something cannot be done to it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from api.problems.errors import (
    Conflict,
    Invalid,
    NotFound,
    invalid,
)
from api.problems.temporal import readable
from handover.models import Attachment, Decision
from histories.decision import as_json, as_json_for_others, read_decision
from histories.reading import Live, Reading, Void
from store.keys import ApiKey
from workflows import proof
from workflows.objections import Objection

CODES = {
    "not_asked": "invalid_answer",
    "not_offered": "invalid_answer",
    "too_many": "invalid_answer",
    "needs_code": "invalid_answer",
    "wrong_code": "invalid_answer",
    "too_long": "not_longer",
}
"""Codes of the objections whose reason is not a code by itself."""


def refusal(why: Objection, field: str) -> Conflict | Invalid:
    """Return the objection's error: 409 if the decision is over or another, 422 naming `field`."""
    code = CODES.get(why.reason, why.reason)
    if code in ("already_settled", "late", "changed", "too_many_codes"):
        return Conflict(why.message, code=code, sentence=why.sentence)
    if code == "invalid_answer" and why.sentence.field is not None:
        return invalid(f"response_data.{why.sentence.field}", why.sentence, code=code)
    return invalid(field, why.message, code=code)


def pending(reading: Reading, reader: ApiKey | None = None) -> Live:
    """Return the decision if it is not over. Raises `Conflict`, with the outcome, if it is."""
    if isinstance(reading, Void) or reading.settled:
        raise already_settled(reading, reader)
    return reading


def decision_of(reading: Reading) -> Decision:
    """Return the decision that a reading tells of. Raises `NotFound` if it is no decision of ours,
    and `Unreadable`."""
    try:
        with readable(reading.decision_id):
            return read_decision(reading, datetime.now(UTC))
    except proof.UnprovenError as error:
        raise NotFound("There is no such decision.") from error


def as_document(
    reading: Reading, reader: ApiKey | None = None, delivered: Collection[str] = ()
) -> dict[str, Any]:
    """Return a decision as JSON, for whoever has this key. Raises `NotFound` if it is no decision
    of ours.

    `delivered` are the messages of which their provider told that they arrived, by its ids.
    """
    decision = decision_of(reading)
    decision.notifications = [
        each.model_copy(update={"result": "delivered"})
        if each.result == "sent" and each.provider_message_id in delivered
        else each
        for each in decision.notifications
    ]
    is_theirs = reader is not None and reading.agent == reader.name
    return as_json(decision) if is_theirs else as_json_for_others(decision)


def attached(reading: Reading) -> list[Attachment]:
    """Return the files that are shown with it."""
    return list(reading.state.attachments) if isinstance(reading, Live) else []


def already_settled(reading: Reading, reader: ApiKey | None = None) -> Conflict:
    """Refuse to change a decision that is over: 409, with the outcome."""
    decision = as_document(reading, reader)
    return Conflict(
        f"The decision is already {decision['status']}.", code="already_settled", decision=decision
    )
