"""What the clients' methods do, step by step and without I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from pydantic import BaseModel

from ._base import Call, Steps, path_of, read, retried, send, to_content
from ._claims import claim
from ._options import Options
from ._patience import Patience, may_pass
from ._permission import permits
from ._waiting import GRACE, HOLD, Deadline, patience_with, until_settled
from .exceptions import ConflictError, HandoverError, RateLimitError, denial
from .models import AuditEntry, Decision, DecisionSummary, Origin, PublicKeys


class _Audit(BaseModel):
    entries: list[AuditEntry]


class Listed(BaseModel):
    """One page of a list."""

    decisions: list[DecisionSummary]
    next_cursor: str | None = None


def create(
    options: Options, fields: Mapping[str, Any], *, wait: bool, idempotency_key: str | None
) -> Steps[Decision]:
    """Ask, and unless told otherwise wait until the decision is settled."""
    key = _checked_key(idempotency_key or f"auto-{uuid4()}")
    hold = HOLD if wait else 0
    call = Call(
        method="POST",
        path="/decisions",
        params={"wait": hold} if hold else {},
        headers={"idempotency-key": key},
        content=_given(fields),
        read_within=hold + options.timeout,
    )
    lifetime = float(fields.get("timeout_minutes") or 60) * 60 + GRACE
    patience = Patience(options.clock, options.retry_for, once_held=lifetime)
    try:
        decision, answer = yield from retried(call, patience, Decision)
    except HandoverError as error:
        if may_pass(error):
            error.add_note(f"Call again with idempotency_key={key!r}, and nobody is asked twice.")
        raise
    if hold and not decision.settled:
        patience = patience_with(options, decision, answer)
        decision = yield from until_settled(options, decision.id, Deadline(options), patience)
    return _permitted(decision, enforce=bool(fields.get("enforce")))


def approve(
    options: Options, fields: Mapping[str, Any], *, idempotency_key: str | None, once: bool
) -> Steps[Decision]:
    """Ask with `enforce`, wait, and return what permits; raises `ActionDenied` for all else."""
    asked = {**fields, "enforce": True}
    decision = yield from create(options, asked, wait=True, idempotency_key=idempotency_key)
    if not permits(decision):
        raise denial(decision)
    if once:
        claimed = yield from claim(options, decision.id)
        return decision.model_copy(update={"execution": claimed.execution})
    return decision


def get(options: Options, decision_id: str) -> Steps[Decision]:
    return send(options, Call(method="GET", path=path_of(decision_id)), Decision)


def wait(options: Options, decision_id: str, *, timeout: float | None) -> Steps[Decision]:
    """Wait until the decision is settled, at most `timeout` seconds."""
    patience = Patience(options.clock, GRACE, through_limits=True)
    deadline = Deadline(options, timeout)
    decision = yield from until_settled(options, decision_id, deadline, patience)
    return _permitted(decision, enforce=decision.enforce)


def list_(options: Options, filters: Mapping[str, Any]) -> Steps[Listed]:
    params = {name: _param(value) for name, value in filters.items() if value is not None}
    return send(options, Call(method="GET", path="/decisions", params=params), Listed)


def resolve(
    options: Options,
    decision_id: str,
    action: str,
    *,
    notes: str | None,
    response_data: Mapping[str, Any] | None,
) -> Steps[Decision]:
    """Answer, and take it for done where an attempt that got no answer has done it."""
    given = {"action": action, "notes": notes, "response_data": response_data}
    call = _post(decision_id, "resolve", given)
    patience = Patience(options.clock, options.retry_for)
    unsure = False
    while True:
        try:
            return read(Decision, (yield call))
        except ConflictError as error:
            if unsure and error.decision and _is_answered(error.decision, action, notes):
                return error.decision
            raise
        except HandoverError as error:
            call = replace(call, after=patience.pause(error))
            unsure = unsure or not isinstance(error, RateLimitError)


def cancel(options: Options, decision_id: str, *, notes: str | None) -> Steps[Decision]:
    return send(options, _post(decision_id, "cancel", {"notes": notes}), Decision)


def extend(options: Options, decision_id: str, timeout_minutes: float) -> Steps[Decision]:
    call = _post(decision_id, "extend", {"timeout_minutes": timeout_minutes})
    return send(options, call, Decision)


def audit(options: Options, decision_id: str) -> Steps[list[AuditEntry]]:
    call = Call(method="GET", path=path_of(decision_id, "audit"))
    return (yield from send(options, call, _Audit)).entries


def keys(options: Options) -> Steps[PublicKeys]:
    return send(options, Call(method="GET", path="/.well-known/handover-keys"), PublicKeys)


def _permitted(decision: Decision, *, enforce: bool) -> Decision:
    """The decision; raises `ActionDenied` when it is enforced, settled and does not permit."""
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
    """Whether an operator has answered just this."""
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
