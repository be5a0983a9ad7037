"""Decides what a decision permits: only what is certain; everything else is a no."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from ._reading import read_back, refusal
from ._values import UnfitValueError, as_json
from .exceptions import denial
from .models import Decision, Reading, Status, is_permitted


def permits(decision: Decision) -> bool:
    """Return whether the service permits the action, and this version of the client understands
    why.

    The service says so only of decisions that were created with `enforce=True`.
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
    """Return the payload that may run: unchanged, or as the approver changed it. None if the
    decision had none.

    It is JSON, or, if an integration asked, in the objects that it asked with.

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
    """Return the decision for a caller who asked with this payload: unchanged values are the very
    objects, and changed ones are read by the types of the originals.

    It permits nothing if they cannot be read, or if the payload is another, or has changed since.
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
    """Return whether the permitted payload cannot run; `reading.unfit` says why."""
    return bool(decision.reading and decision.reading.unfit and decision.action_permitted)


def _is_asked(decision: Decision, payload: Mapping[str, Any]) -> bool:
    try:
        return as_json(payload) == decision.payload
    except UnfitValueError:
        return False
