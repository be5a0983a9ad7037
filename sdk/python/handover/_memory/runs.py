"""The runs of a permitted action: one, unless it is given back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from ..models import AuditEntry, Decision, Execution, ExecutionStatus, Status, is_permitted
from .refusals import Refusal
from .requests import NewClaim, NewReport

ENDS = {
    ExecutionStatus.CLAIMED: "has not said how that ended",
    ExecutionStatus.SUCCEEDED: "reported that it succeeded",
    ExecutionStatus.FAILED: "reported that it failed",
}
ENTRIES = {
    ExecutionStatus.SUCCEEDED: "execution.succeeded",
    ExecutionStatus.FAILED: "execution.failed",
    ExecutionStatus.NOT_RUN: "execution.given_back",
}


class Runs:
    def __init__(self) -> None:
        self._all: list[Execution] = []

    @property
    def current(self) -> Execution | None:
        """Return the run that keeps all others from claiming."""
        last = self._all[-1] if self._all else None
        return last if last and last.status != ExecutionStatus.NOT_RUN else None

    @property
    def entries(self) -> Iterator[AuditEntry]:
        """Return the record's entries about them."""
        before: Execution | None = None
        for each in self._all:
            again = before is not None and not _was_given_back(before, each.claimed_at)
            claimed = "execution.claimed_again" if again else "execution.claimed"
            who = {"by": each.claimed_by, "worker": each.worker}
            yield AuditEntry(type=claimed, at=each.claimed_at, details=who)
            if each.finished_at:
                ended = {"by": each.claimed_by, "result": each.result}
                type = ENTRIES[ExecutionStatus(each.status)]
                yield AuditEntry(type=type, at=each.finished_at, details=ended)
            before = each

    def claim(self, given: NewClaim, agent: str, at: datetime) -> bool:
        """Claim, and return whether it is new. Raises `Refusal` if there is another one."""
        claim_id = given.claim_id or f"claim_{uuid4().hex[:26]}"
        known = self.current
        if known is None or _gives_way(known, given.instead_of, claim_id):
            self._all.append(
                Execution(
                    status=ExecutionStatus.CLAIMED,
                    claim_id=claim_id,
                    claimed_by=agent,
                    worker=given.worker,
                    claimed_at=at,
                )
            )
            return True
        if (known.claim_id, known.status) != (claim_id, ExecutionStatus.CLAIMED):
            worker = f" ({known.worker})" if known.worker else ""
            raise Refusal(
                "already_claimed",
                f"The action was claimed by {known.claimed_by}{worker} at"
                f" {_moment(known.claimed_at)}, who {ENDS[ExecutionStatus(known.status)]}.",
            )
        return False

    def report(self, given: NewReport, at: datetime) -> None:
        """Report. Raises `Refusal` if there is no such claim, or if it was reported otherwise."""
        found = next((run for run in reversed(self._all) if run.claim_id == given.claim_id), None)
        if found is None:
            why = "The decision was not claimed under this claim_id."
            raise Refusal("not_claimed", why)
        if found.finished_at is None:
            found.status, found.result = ExecutionStatus(given.status), given.result
            found.finished_at = at
        elif (found.status, found.result) != (given.status, given.result):
            raise Refusal("already_reported", f"It was reported before: {found.status}.")


def _was_given_back(execution: Execution, at: datetime) -> bool:
    if execution.status != ExecutionStatus.NOT_RUN or execution.finished_at is None:
        return False
    return execution.finished_at <= at


def _gives_way(execution: Execution, named: str | None, claim_id: str) -> bool:
    if execution.status not in (ExecutionStatus.CLAIMED, ExecutionStatus.FAILED):
        return False
    return execution.claim_id == named != claim_id


def check_permitted(decision: Decision, at: datetime) -> None:
    """Check that the action is permitted. Raises `Refusal`."""
    if is_permitted(
        decision.status,
        has_payload=decision.payload is not None,
        execute_at=decision.execute_at,
        now=at,
    ):
        return
    why = f"it is {decision.status}"
    if decision.status == Status.SCHEDULED and decision.execute_at:
        why = f"it is permitted from {_moment(decision.execute_at)} on"
    elif decision.status == Status.MODIFIED:
        why = "it was changed in words, of which none can be run"
    raise Refusal("not_permitted", f"The decision does not permit its action: {why}.")


def as_others_read_it(told: dict[str, Any]) -> dict[str, Any]:
    """Return a decision without its own agent's fields."""
    execution = told["execution"] and {**told["execution"], "claim_id": None}
    return {**told, "idempotency_key": None, "execution": execution}


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
