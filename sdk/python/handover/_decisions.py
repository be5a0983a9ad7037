"""The clients' methods, step by step and without I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from pydantic import BaseModel

from ._base import Call, Steps, path_of, read, retried, send, to_content
from ._claims import claim
from ._expected import Expected
from ._hold import Hold
from ._options import Options
from ._patience import Patience, may_pass
from ._permission import permits
from ._untold import log_untold
from ._waiting import GRACE, Deadline, noted, patience_with, until_answered, until_settled
from .exceptions import (
    ConflictError,
    HandoverError,
    RateLimitError,
    WrongAnswerError,
    denial,
)
from .models import AuditEntry, Decision, DecisionSummary, Origin, PublicKeys

EXACT = {"status", "urgency", "agent"}
"""Filters whose values all entries of a list show."""


class _Audit(BaseModel):
    decision_id: str
    entries: list[AuditEntry]


class Listed(BaseModel):
    """One page of a list."""

    decisions: list[DecisionSummary]
    next_cursor: str | None = None
    unreadable: int = 0


def create(
    options: Options, fields: Mapping[str, Any], *, wait: bool, idempotency_key: str | None
) -> Steps[Decision]:
    """Ask, and wait until the decision is settled, unless told otherwise."""
    key = _checked_key(idempotency_key or f"auto-{uuid4()}")
    call = Call(
        method="POST",
        path="/decisions",
        headers={"idempotency-key": key},
        content=_given(fields),
    )
    lifetime = float(fields.get("timeout_minutes") or 60) * 60 + GRACE
    in_line = lifetime if wait else 0.0
    patience = Patience(options.clock, options.retry_for, once_held=lifetime, in_line=in_line)
    hold = Hold(options.timeout)
    expected = Expected(asked=fields, key=key)
    again = f"Call again with idempotency_key={key!r}, and nobody is asked twice."
    try:
        with noted(again):
            if wait:
                decision, answer = yield from until_answered(call, hold, patience)
            else:
                decision, answer = yield from retried(call, patience, Decision)
        expected.check(decision)
    except HandoverError as error:
        if may_pass(error) or isinstance(error, WrongAnswerError):
            error.add_note(again)
        raise
    if wait and not decision.settled:
        patience = patience_with(options, decision, answer)
        log_untold(decision)
        deadline = Deadline(options)
        decision = yield from until_settled(
            options, decision.id, deadline, patience, hold, expected
        )
    return _permitted(decision, enforce=bool(fields.get("enforce")))


def approve(
    options: Options, fields: Mapping[str, Any], *, idempotency_key: str | None, once: bool
) -> Steps[Decision]:
    """Ask with `enforce`, wait, and return a decision that permits; raises `ActionDenied` for any
    other."""
    asked = {**fields, "enforce": True}
    decision = yield from create(options, asked, wait=True, idempotency_key=idempotency_key)
    if not permits(decision):
        raise denial(decision)
    if once:
        claimed = yield from claim(options, decision.id)
        return decision.model_copy(update={"execution": claimed.execution})
    return decision


def get(options: Options, decision_id: str) -> Steps[Decision]:
    return _about(decision_id, options, Call(method="GET", path=path_of(decision_id)))


def wait(options: Options, decision_id: str, *, timeout: float | None) -> Steps[Decision]:
    """Wait until the decision is settled, at most `timeout` seconds."""
    patience = Patience(options.clock, GRACE, through_limits=True)
    deadline = Deadline(options, timeout)
    hold, expected = Hold(options.timeout), Expected(decision_id)
    decision = yield from until_settled(options, decision_id, deadline, patience, hold, expected)
    return _permitted(decision, enforce=decision.enforce)


def list_(options: Options, filters: Mapping[str, Any]) -> Steps[Listed]:
    params = {name: _param(value) for name, value in filters.items() if value is not None}
    call = Call(method="GET", path="/decisions", params=params)
    listed = yield from send(options, call, Listed)
    for name in EXACT & params.keys():
        for each in listed.decisions:
            if getattr(each, name) != params[name]:
                raise WrongAnswerError(name, each.id)
    return listed


def resolve(
    options: Options,
    decision_id: str,
    action: str,
    *,
    notes: str | None,
    response_data: Mapping[str, Any] | None,
) -> Steps[Decision]:
    """Answer, and count it as done if an attempt without an answer has done it."""
    given = {"action": action, "notes": notes, "response_data": response_data}
    call = _post(decision_id, "resolve", given)
    patience = Patience(options.clock, options.retry_for)
    expected, unsure = Expected(decision_id), False
    while True:
        try:
            return expected.check(read(Decision, (yield call)))
        except ConflictError as error:
            decision = expected.check_conflict(error)
            if unsure and decision and _is_answered(decision, action, notes):
                return decision
            raise
        except HandoverError as error:
            call = replace(call, after=patience.pause(error))
            unsure = unsure or not isinstance(error, RateLimitError)


def cancel(options: Options, decision_id: str, *, notes: str | None) -> Steps[Decision]:
    return _about(decision_id, options, _post(decision_id, "cancel", {"notes": notes}))


def extend(options: Options, decision_id: str, timeout_minutes: float) -> Steps[Decision]:
    call = _post(decision_id, "extend", {"timeout_minutes": timeout_minutes})
    return _about(decision_id, options, call)


def audit(options: Options, decision_id: str) -> Steps[list[AuditEntry]]:
    call = Call(method="GET", path=path_of(decision_id, "audit"))
    found = yield from send(options, call, _Audit)
    if found.decision_id != decision_id:
        raise WrongAnswerError("decision_id", found.decision_id)
    return found.entries


def keys(options: Options) -> Steps[PublicKeys]:
    return send(options, Call(method="GET", path="/.well-known/handover-keys"), PublicKeys)


def _about(decision_id: str, options: Options, call: Call) -> Steps[Decision]:
    """Check that the decision in the answer, or in a conflict, is this one."""
    expected = Expected(decision_id)
    try:
        return expected.check((yield from send(options, call, Decision)))
    except ConflictError as error:
        expected.check_conflict(error)
        raise


def _permitted(decision: Decision, *, enforce: bool) -> Decision:
    """Return the decision; raises `ActionDenied` when it is enforced, settled and does not
    permit."""
    if enforce and decision.settled and not permits(decision):
        raise denial(decision)
    return decision


def _checked_key(key: str) -> str:
    if not (key.isascii() and key.isprintable() and len(key) <= 255):
        raise ValueError(
            "idempotency_key: at most 255 printable ASCII characters; hash what has more"
        )
    return key


def _is_answered(decision: Decision, action: str, notes: str | None) -> bool:
    """Return whether an operator has given just this answer."""
    choice = decision.proof.choice if decision.proof else None
    return (decision.origin, choice, decision.response_notes) == (Origin.OPERATOR, action, notes)


def _post(decision_id: str, what: str, fields: Mapping[str, Any]) -> Call:
    return Call(method="POST", path=path_of(decision_id, what), content=_given(fields))


def _given(fields: Mapping[str, Any]) -> bytes:
    return to_content({name: value for name, value in fields.items() if value is not None})


def _param(value: object) -> int | str:
    if isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, int) else str(value)
