"""Checks that an answer belongs to its question.

A connection that two programs share, or a proxy that mixes up requests, brings an answer that was
meant for another program: perhaps an approval of something that nobody asked about here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from pydantic_core import to_jsonable_python

from .addresses import one_form
from .exceptions import ConflictError, WrongAnswerError
from .models import Decision


class Expected:
    """An expected decision: known by its id, or by the question and its key. After the first
    answer, everything in that answer has to match."""

    def __init__(
        self,
        decision_id: str | None = None,
        *,
        asked: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> None:
        self._id = decision_id
        self._asked = None if asked is None else to_jsonable_python(asked)
        self._key = key
        self._digest: str | None = None

    def check(self, decision: Decision) -> Decision:
        """Return the decision. Raises `WrongAnswerError` if it is another one."""
        for field, is_right in self._judged(decision):
            if not is_right:
                raise WrongAnswerError(field, decision.id)
        self._id = decision.id
        self._digest = decision.request_digest
        return decision

    def check_conflict(self, error: ConflictError) -> Decision | None:
        """Check the decision in a conflict, if the service sends it."""
        return error.decision and self.check(error.decision)

    def _judged(self, decision: Decision) -> Iterator[tuple[str, bool]]:
        yield "id", self._id in (None, decision.id)
        yield "request_digest", self._digest in (None, decision.request_digest)
        if self._key and decision.idempotency_key:
            yield "idempotency_key", decision.idempotency_key == self._key
        if self._asked is not None:
            yield "action", decision.action == self._asked.get("action")
            yield "payload", is_same(decision.payload, self._asked.get("payload"))
            yield "approver", _addresses(decision.approver) == _addresses(self._asked["approver"])


def is_same(one: object, other: object) -> bool:
    """Return whether two values are the same JSON: 1 and 1.0 are, 1 and true are not."""
    match one, other:
        case dict(), dict():
            ones, others = cast(dict[str, Any], one), cast(dict[str, Any], other)
            known = ones.keys() == others.keys()
            return known and all(is_same(ones[name], others[name]) for name in ones)
        case list(), list():
            first, second = cast(list[Any], one), cast(list[Any], other)
            return len(first) == len(second) and all(map(is_same, first, second))
        case (bool(), _) | (_, bool()):
            return one is other
        case (float(), int()) | (int(), float()):
            return _is_same_number(one, other)
        case _:
            return one == other


def _is_same_number(one: float, other: float) -> bool:
    """Return whether two numbers are the same: JSON writes a large float as an integer of other
    digits than it has."""
    try:
        return float(one) == float(other)
    except OverflowError:
        return False


def _addresses(approver: str | list[str]) -> list[str]:
    given = [approver] if isinstance(approver, str) else approver
    return [one_form(address) for address in given]
