"""Asks so that a repeated question finds its decision, and withdraws questions that nobody
needs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

from .._asking import askable, told_to_caller
from .._expected import is_same
from ..addresses import one_form
from ..exceptions import (
    ActionDenied,
    ConflictError,
    GoneError,
    HandoverError,
    InvalidRequestError,
    NotFoundError,
)
from ..models import Decision, Origin, ResponseType, Status
from ._steps import Course, OnService

IN_OTHER_WORDS = "Nobody needs this answer any more: the agent asks in other words."
GONE_ON = "Nobody needs this answer any more: the agent has gone on without it."
"""The notes that a person reads who opens a withdrawn question."""

SPELLINGS = {"text": "text_input", "number": "number_input"}

logger = logging.getLogger("handover")


def asked(
    key: str | None, fields: Mapping[str, Any], is_same: Callable[[Decision], bool]
) -> Course[Decision]:
    """Return the decision about this, whether it is asked here or was before.

    The same key is the same question, unless `is_same` says that its fields differ: then the old
    question is withdrawn, and a new one is asked. Without a key, each call asks.

    Raises `NotAskedError` if nobody can be asked, and the errors of `decisions.create`.
    """
    told = askable(fields)
    for number in count():
        name = key and numbered(key, number)
        decision = yield from _made_or_found(name, told, is_same)
        if decision and not _is_taken_back(decision):
            return decision
    raise AssertionError  # counting does not end


def numbered(key: str, number: int) -> str:
    """Return the key of a question, or of one that replaced it."""
    return f"{key}-{number}" if number else key


def _made_or_found(
    key: str | None, fields: Mapping[str, Any], is_same: Callable[[Decision], bool]
) -> Course[Decision | None]:
    """Return the decision, or None if the key belongs to another question, or to one whose record
    is gone."""
    asking = {**fields, "wait": False, "idempotency_key": key}
    try:
        return (yield OnService("create", fields=asking))
    except ActionDenied as denied:
        return denied.decision
    except GoneError:
        return None
    except InvalidRequestError as error:
        found = None
        if key and error.code == "idempotency_key_reused":
            found = yield from find(key)
        if found is None:
            raise told_to_caller(error) from error
    if is_same(found):
        return found
    yield from take_back(found, IN_OTHER_WORDS)
    return None


def find(key: str) -> Course[Decision | None]:
    """Find the question with this key."""
    page = yield OnService("list", fields={"idempotency_key": key})
    for summary in page.items:
        return (yield OnService("get", (summary.id,)))
    return None


def newest(key: str) -> Course[Decision | None]:
    """Find the last question with this key, or that replaced it."""
    newest = None
    for number in count():
        found = yield from find(numbered(key, number))
        if found is None:
            return newest
        newest = found
    raise AssertionError  # counting does not end


def take_back(decision: Decision, why: str) -> Course[None]:
    if decision.settled:
        return
    try:
        yield OnService("cancel", (decision.id,), {"notes": why})
    except (ConflictError, NotFoundError, GoneError):  # it was settled meanwhile, or is gone
        return


def leave(key: str, decision: Decision | None) -> Course[None]:
    """Withdraw the question with this key, if it is known which that was, and otherwise any that is
    open. A question that cannot be withdrawn expires by itself, so that the error is only
    logged."""
    try:
        if decision:
            yield from take_back(decision, GONE_ON)
            return
        for number in count():
            found = yield from find(numbered(key, number))
            if found is None:
                return
            yield from take_back(found, GONE_ON)
    except HandoverError as error:
        logger.warning("A question that nobody needs any more was not taken back: %s", error)


def _is_taken_back(decision: Decision) -> bool:
    """Return whether an answer is missing because the question was withdrawn: nobody has denied
    it."""
    taken_back = (decision.status, decision.origin) == (Status.CANCELLED, Origin.AGENT)
    return taken_back and decision.response_notes in (IN_OTHER_WORDS, GONE_ON)


def is_about(decision: Decision, fields: Mapping[str, Any]) -> bool:
    """Return whether these people were asked just this, however urgently and by whatever
    channel."""
    told = askable(fields)
    return (
        decision.action == told["action"]
        and (decision.context or None) == (told.get("context") or None)
        and is_of(decision, told)
        and _offers(decision, told)
    )


def is_of(decision: Decision, fields: Mapping[str, Any]) -> bool:
    """Return whether it is about this payload, and for these people."""
    payload = askable({"payload": fields.get("payload")})["payload"]
    people = _addresses(decision.approver) == _addresses(fields["approver"])
    return people and is_same(decision.payload, payload)


def _offers(decision: Decision, fields: Mapping[str, Any]) -> bool:
    options = fields.get("options")
    if options and {str(each) for each in options} != {str(each) for each in decision.options}:
        return False
    return _spelled(fields.get("response_type") or {}) == _spelled(decision.response_type)


def _spelled(type: Any) -> dict[str, Any]:
    told = ResponseType.model_validate(type, from_attributes=True).model_dump()
    return {**told, "type": SPELLINGS.get(told["type"], told["type"])}


def _addresses(approver: Any) -> set[str]:
    return {
        one_form(each.strip()) for each in ([approver] if isinstance(approver, str) else approver)
    }
