"""What the clients' methods do, step by step and without I/O."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import uuid4

from pydantic import BaseModel

from ._base import Answer, Call, Patience, Steps, backoff, may_pass, read, to_content
from ._options import Options
from ._permission import permits
from .exceptions import HandoverError, WaitTimeoutError, denial
from .models import AuditEntry, Decision, PublicKeys

M = TypeVar("M", bound=BaseModel)

HOLD = 30
"""Seconds for which the service is asked to hold each poll."""
QUICK = 1.0
"""An answer `pending` within this many seconds was not held: the service is full, or stopping."""
GRACE = 600.0
"""Seconds beyond a decision's life to go on trying to reach a service that is away: its outcome
may be recorded and wait for us there."""


class _Audit(BaseModel):
    entries: list[AuditEntry]


def create(
    options: Options, fields: Mapping[str, Any], *, wait: bool, idempotency_key: str | None
) -> Steps[Decision]:
    """Ask, and unless told otherwise wait until the decision is settled."""
    key = _checked_key(idempotency_key or f"auto-{uuid4()}")
    hold = HOLD if wait and not fields.get("callback_url") else 0
    call = Call(
        method="POST",
        path="/decisions",
        params={"wait": hold} if hold else {},
        headers={"idempotency-key": key},
        content=to_content({name: value for name, value in fields.items() if value is not None}),
        read_within=hold + options.timeout,
    )
    lifetime = float(fields.get("timeout_minutes") or 60) * 60 + GRACE
    patience = Patience(options.clock, options.retry_for, once_held=lifetime)
    try:
        decision, answer = yield from _retried(call, patience, Decision)
    except HandoverError as error:
        if may_pass(error):
            error.add_note(f"Call again with idempotency_key={key!r}, and nobody is asked twice.")
        raise
    if hold and not decision.settled:
        patience = _patience(options, decision, answer)
        decision = yield from _until_settled(options, decision.id, _Deadline(options), patience)
    return _permitted(decision, enforce=bool(fields.get("enforce")))


def get(options: Options, decision_id: str) -> Steps[Decision]:
    call = Call(method="GET", path=_path(decision_id))
    return _send(options, call, Decision)


def cancel(options: Options, decision_id: str) -> Steps[Decision]:
    call = Call(method="POST", path=_path(decision_id) + "/cancel")
    return _send(options, call, Decision)


def audit(options: Options, decision_id: str) -> Steps[list[AuditEntry]]:
    call = Call(method="GET", path=_path(decision_id) + "/audit")
    return (yield from _send(options, call, _Audit)).entries


def keys(options: Options) -> Steps[PublicKeys]:
    return _send(options, Call(method="GET", path="/.well-known/handover-keys"), PublicKeys)


def wait(options: Options, decision_id: str, *, timeout: float | None) -> Steps[Decision]:
    """Wait until the decision is settled, at most `timeout` seconds."""
    patience = Patience(options.clock, GRACE)
    deadline = _Deadline(options, timeout)
    decision = yield from _until_settled(options, decision_id, deadline, patience)
    return _permitted(decision, enforce=decision.enforce)


class _Deadline:
    def __init__(self, options: Options, timeout: float | None = None) -> None:
        self._clock = options.clock
        self.timeout = math.inf if timeout is None else timeout
        self._at = self._clock() + self.timeout

    def left(self) -> float:
        return max(0.0, self._at - self._clock())


def _until_settled(
    options: Options, decision_id: str, deadline: _Deadline, patience: Patience
) -> Steps[Decision]:
    """Poll, each time for as long as the service holds it.

    While the service answers, it is the service that says whether the decision lives, and no clock
    of ours. Only when it is away do we count: the life that was left at its last answer, and
    `GRACE`.
    """
    after, quick = 0.0, 0
    while True:
        left = deadline.left()
        poll = _poll(options, decision_id, left, min(after, left))
        try:
            answer = yield poll
            decision = read(Decision, answer)
        except HandoverError as error:
            after = _pause(patience, error, decision_id)
        else:
            if decision.settled:
                return decision
            patience = _patience(options, decision, answer)
            quick = quick + 1 if answer.took < QUICK else 0
            after = backoff(quick) if quick else 0.0
        if not left:
            raise WaitTimeoutError(decision_id, deadline.timeout)


def _poll(options: Options, decision_id: str, left: float, after: float) -> Call:
    hold = math.ceil(min(HOLD, left - after))
    return Call(
        method="GET",
        path=_path(decision_id),
        params={"wait": hold} if hold else {},
        read_within=min(hold + options.timeout, left + 1),
        after=after,
    )


def _pause(patience: Patience, error: HandoverError, decision_id: str) -> float:
    try:
        return patience.pause(error)
    except HandoverError:
        if may_pass(error):
            error.add_note(f"client.decisions.wait({decision_id!r}) goes on waiting for it.")
        raise


def _patience(options: Options, decision: Decision, answer: Answer) -> Patience:
    """With a service that is away, from this answer on: as long as the decision can live."""
    life = (decision.expires_at - _service_time(answer)).total_seconds()
    return Patience(options.clock, max(0.0, life) + GRACE)


def _service_time(answer: Answer) -> datetime:
    """The service's own clock, so that a wrong one here does not shorten a decision's life."""
    try:
        return parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return datetime.now(UTC)


def _send(options: Options, call: Call, model: type[M]) -> Steps[M]:
    patience = Patience(options.clock, options.retry_for)
    result, _ = yield from _retried(call, patience, model)
    return result


def _retried(call: Call, patience: Patience, model: type[M]) -> Steps[tuple[M, Answer]]:
    while True:
        try:
            answer = yield call
            return read(model, answer), answer
        except HandoverError as error:
            call = replace(call, after=patience.pause(error))


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


def _path(decision_id: str) -> str:
    if not decision_id:
        raise ValueError("decision_id is empty")
    return f"/decisions/{quote(decision_id, safe='')}"
