"""Claims for a graph, whose nodes run again from their start, even in another process after one
that has died.

A claim's name says for which question it was made, and by which process of which machine. So all
but one of those who run a thread at once are refused, and a process after a dead one goes on.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Self
from uuid import uuid4

from .._once import fit, not_run
from ..exceptions import AlreadyClaimed, HandoverError
from ..models import Decision, Execution, ExecutionStatus
from ._keys import PREFIX
from ._steps import Course, OnService

logger = logging.getLogger("handover")

_let_go: set[str] = set()
"""Unreported claims of this process with which nothing runs any longer."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One run of what a decision permits."""

    decision_id: str
    name: str

    @classmethod
    def new(cls, decision_id: str, key: str | None) -> Self:
        """Make a claim. `key` is that of the question, or of the node that runs; None if nothing
        runs."""
        parts = (key or PREFIX, _machine(), str(os.getpid()), uuid4().hex)
        return cls(decision_id, ".".join(parts))

    @property
    def key(self) -> str | None:
        key = self.name.partition(".")[0]
        return None if key == PREFIX else key


def claim_of(decision: Decision) -> Claim | None:
    """Return the decision's claim, if a graph has made it."""
    execution = decision.execution
    if execution is None or not (execution.claim_id or "").startswith(PREFIX):
        return None
    return Claim(decision.id, str(execution.claim_id))


def take(claim: Claim, *, alone: bool = False) -> Course[Decision]:
    """Return the decision, with this claim. It replaces an earlier one for the same question that
    has failed, or with which nothing runs any longer: because nobody else can be running it, if the
    caller is `alone`, and otherwise as far as this machine can tell.

    Raises the errors of `decisions.claim`.
    """
    try:
        return (yield from _claim(claim))
    except AlreadyClaimed as refused:
        before = refused.decision.execution
        if before is None or not _may_follow(before, claim, alone=alone):
            raise
    decision = yield from _claim(claim, instead_of=before.claim_id)
    _let_go.discard(str(before.claim_id))
    return decision


def _claim(claim: Claim, **instead_of: str | None) -> Course[Decision]:
    names = {"claim_id": claim.name, **instead_of}
    try:
        return (yield OnService("claim", (claim.decision_id,), names))
    except AlreadyClaimed:
        raise
    except BaseException:  # it may have been made
        let_go([claim])
        raise


def report(claim: Claim, status: ExecutionStatus, result: str) -> Course[bool]:
    """Report to the record how the run ended, and return whether that succeeded. Nothing is raised,
    because it has run."""
    fields = {"claim_id": claim.name, "result": fit(result)}
    try:
        yield OnService("done", (claim.decision_id, status), fields)
    except HandoverError as error:
        logger.warning("How %s ended could not be reported: %s", claim.decision_id, error)
        return False
    _let_go.discard(claim.name)
    return True


def tell_unfit(decision: Decision) -> Course[None]:
    """Report to the record, once, that the permitted payload cannot run, and why."""
    claim = Claim.new(decision.id, None)
    try:
        yield from _claim(claim)
    except AlreadyClaimed:
        return
    except HandoverError as error:
        logger.warning("That %s cannot run could not be reported: %s", decision.id, error)
    else:
        why = decision.reading.unfit if decision.reading else None
        yield from report(claim, ExecutionStatus.FAILED, not_run(why))


def let_go(claims: Collection[Claim]) -> None:
    """Mark claims with which nothing runs any longer, so that the next run may replace them."""
    _let_go.update(claim.name for claim in claims)


def _may_follow(execution: Execution, claim: Claim, *, alone: bool) -> bool:
    name = str(execution.claim_id)
    if claim.key is None or not name.startswith(f"{claim.key}."):
        return False
    if execution.status == ExecutionStatus.FAILED:
        return True
    return execution.status == ExecutionStatus.CLAIMED and (alone or _is_over(name))


def _is_over(name: str) -> bool:
    """Return whether nothing can run with this claim any longer. Nobody here knows that of another
    machine."""
    _, machine, process, _ = name.split(".")
    if machine != _machine():
        return False
    return name in _let_go if int(process) == os.getpid() else not _lives(int(process))


def _lives(process: int) -> bool:
    if os.name == "nt":  # where signal 0 is Ctrl-C
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True


@lru_cache
def _machine() -> str:
    """Return the same name for processes that see each other: those of one container, for
    example."""
    told = [platform.node()]
    with suppress(OSError):
        told.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"))
    with suppress(OSError):
        told.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]
