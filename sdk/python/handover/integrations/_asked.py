"""Asking so that whoever asks again finds the decision, and taking back what nobody needs."""

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
"""What a person reads who opens a question that was taken back."""

SPELLINGS = {"text": "text_input", "number": "number_input"}

logger = logging.getLogger("handover")


def asked(
    key: str | None, fields: Mapping[str, Any], is_same: Callable[[Decision], bool]
) -> Course[Decision]:
    """The decision about this, whether it is asked for here or was before.

    The same key is the same question, unless `is_same` says of what was asked with it that it was
    another one: that is taken back then, and asked is anew. Without a key, each call asks.

    Raises `NotAskedError` for what cannot be asked, and what `decisions.create` raises.
    """
    told = askable(fields)
    for number in count():
        name = key and numbered(key, number)
        decision = yield from _made_or_found(name, told, is_same)
        if decision and not _is_taken_back(decision):
            return decision
    raise AssertionError  # counting does not end


def numbered(key: str, number: int) -> str:
    """The key of a question, and of those that took its place."""
    return f"{key}-{number}" if number else key


def _made_or_found(
    key: str | None, fields: Mapping[str, Any], is_same: Callable[[Decision], bool]
) -> Course[Decision | None]:
    """None where the key belongs to another question, or to one whose record is gone."""
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
    """What was asked with this key."""
    page = yield OnService("list", fields={"idempotency_key": key})
    for summary in page.items:
        return (yield OnService("get", (summary.id,)))
    return None


def newest(key: str) -> Course[Decision | None]:
    """What was asked last with this key, and with those that took its place."""
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
    """Take back what was asked with this key, where it is known what that was, and else whatever of
    it is open. What cannot be taken back runs out by itself, so that it is logged and not raised.
    """
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
    """Whether an answer is still missing: nobody has denied what was taken back."""
    taken_back = (decision.status, decision.origin) == (Status.CANCELLED, Origin.AGENT)
    return taken_back and decision.response_notes in (IN_OTHER_WORDS, GONE_ON)


def is_about(decision: Decision, fields: Mapping[str, Any]) -> bool:
    """Whether these people were asked just this, however urgently and by whatever channel."""
    told = askable(fields)
    return (
        decision.action == told["action"]
        and (decision.context or None) == (told.get("context") or None)
        and is_of(decision, told)
        and _offers(decision, told)
    )


def is_of(decision: Decision, fields: Mapping[str, Any]) -> bool:
    """Whether it is about this payload, and to be decided by these people."""
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
