"""Claims the one run that a decision permits, and reports how it ended, step by step and without
I/O."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from ._base import Call, Steps, path_of, retried, send, to_content
from ._expected import Expected
from ._options import Options
from ._patience import Patience, may_pass
from .exceptions import (
    AlreadyClaimed,
    APIError,
    ConflictError,
    HandoverError,
    WrongAnswerError,
    denial,
)
from .models import Decision

LONGEST_REPORT = 15.0
"""Seconds to keep trying to report, while the caller waits: the action has already run."""

_unanswered: dict[tuple[int, str], str] = {}
"""Claims of this process (by its id, since a fork has made none of them) that may have been taken
or not, by their decision. Nothing has run with them, so the next claim reuses the name."""


def claim(
    options: Options,
    decision_id: str,
    *,
    claim_id: str | None = None,
    worker: str | None = None,
    instead_of: str | None = None,
) -> Steps[Decision]:
    """Claim, and find the claim that an attempt without an answer has made."""
    made = os.getpid(), decision_id
    name = _unanswered.pop(made, f"claim-{uuid4()}") if claim_id is None else claim_id
    who = _this_worker() if worker is None else worker
    given = {"claim_id": name, "worker": who, "instead_of": instead_of}
    is_answered = False
    try:
        decision = yield from send(options, _post(decision_id, "claim", given), Decision)
        _check(Expected(decision_id).check(decision), name)
        is_answered = True
    except APIError as error:
        refusal = _refusal(error, decision_id)
        is_answered = not may_pass(error)
        raise refusal from error
    finally:
        if claim_id is None and not is_answered:
            _unanswered[made] = name
    return decision


def done(
    options: Options, decision_id: str, status: str, *, claim_id: str, result: str | None
) -> Steps[Decision]:
    """Report how the run ended; a repeated report gets the same answer."""
    call = _post(decision_id, "done", {"claim_id": claim_id, "status": status, "result": result})
    patience = Patience(options.clock, min(options.retry_for, LONGEST_REPORT))
    try:
        decision, _ = yield from retried(call, patience, Decision)
    except ConflictError as error:
        Expected(decision_id).check_conflict(error)
        raise
    return Expected(decision_id).check(decision)


def _check(decision: Decision, claim_id: str) -> None:
    if decision.execution is None or decision.execution.claim_id != claim_id:
        raise WrongAnswerError("claim_id", decision.id)


def _refusal(error: APIError, decision_id: str) -> HandoverError:
    """Return the refusal. Raises `WrongAnswerError` if it is about another decision."""
    conflict = error if isinstance(error, ConflictError) else None
    decision = conflict and Expected(decision_id).check_conflict(conflict)
    match error.code:
        case "already_claimed" if decision:
            return AlreadyClaimed(decision)
        case "not_permitted" if decision:
            return denial(decision)
        case _:
            return error


def _this_worker() -> str:
    return f"{platform.node()[:150] or 'unknown host'}, process {os.getpid()}"


def _post(decision_id: str, what: str, fields: Mapping[str, Any]) -> Call:
    given = {name: value for name, value in fields.items() if value is not None}
    return Call(method="POST", path=path_of(decision_id, what), content=to_content(given))
