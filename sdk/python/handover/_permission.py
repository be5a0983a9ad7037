"""What a decision permits: only what is certain, everything else is a no."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from ._reading import read_back, refusal
from ._values import UnfitValueError, as_json
from .exceptions import denial
from .models import Decision, Reading, Status, is_permitted


def permits(decision: Decision) -> bool:
    """Only what the service permits and this version of the client understands to be permitted.

    The service says so of decisions that were created with `enforce=True`, and of no others.
    """
    if decision.reading and decision.reading.unfit:
        return False
    changed = (decision.response_data or {}).get("payload")
    return decision.action_permitted is True and is_permitted(
        decision.status,
        has_payload=decision.payload is not None and isinstance(changed, dict),
        execute_at=decision.execute_at,
        now=datetime.now(UTC),
    )


def permitted_payload(decision: Decision) -> dict[str, Any] | None:
    """The payload that may run: as it was asked, or as the approver changed it. None where the
    decision had none.

    It is JSON; where an integration asked, it is in the objects that it was asked with.

    Raises `ActionDenied` unless the decision was created with `enforce=True` and permits.
    """
    if not permits(decision):
        raise denial(decision)
    if decision.reading:
        return cast(Any, decision.reading.payload)
    if decision.status == Status.MODIFIED:
        return (decision.response_data or {})["payload"]
    return decision.payload


def answered(decision: Decision, payload: Mapping[str, Any] | None) -> Decision:
    """The decision for whoever asked with this payload: what it permits are the very objects that
    the approver left alone, and what they changed is read by the types of what stood there.

    It permits nothing where that cannot be read, and where the payload is not the one that was
    asked about, or has changed since.
    """
    if payload is None or not decision.settled:
        return decision
    if not _is_asked(decision, payload):
        return decision.read(Reading(unfit="its payload is not the one that was asked about"))
    changed = (decision.response_data or {}).get("payload")
    told = changed if decision.status == Status.MODIFIED else decision.payload
    try:
        return decision.read(Reading(payload=read_back(payload, told)))
    except UnfitValueError as error:
        return decision.read(Reading(unfit=refusal(error)))


def is_unfit(decision: Decision) -> bool:
    """Whether people have permitted what cannot run, of which `reading.unfit` says why."""
    return bool(decision.reading and decision.reading.unfit and decision.action_permitted)


def _is_asked(decision: Decision, payload: Mapping[str, Any]) -> bool:
    try:
        return as_json(payload) == decision.payload
    except UnfitValueError:
        return False
