"""The answers that a graph is handed. Their permissions are claimed first, so that they run once,
and the record learns how the node that asked has ended."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ..exceptions import HandoverError
from ..models import Decision, ExecutionStatus
from ._asked import newest
from ._claims import Claim, claim_of, report, take
from ._questions import BEFORE, questions
from ._shapes import Interrupt, is_batch
from ._snapshots import asks, leaves
from ._steps import Course, OnService, Together

MOST = 100
"""Earlier answers that a node's next question can name."""

KIND = re.compile(r"[A-Za-z_]\w*(?=\()")
"""The kind of an error in its `repr`."""

logger = logging.getLogger("handover")


class Fate(Enum):
    """The end of a node that was handed an answer."""

    ENDED = "ended"
    FAILED = "failed"
    ASKS = "asks"
    """The node asks something further, and runs again from its start when that is answered."""
    OPEN = "open"
    """The node was cut off, and waits for the answer again."""


@dataclass(slots=True)
class Handed:
    """The answer to one interrupt. `claims` are those of its permissions, as long as they are not
    reported; `before` are the decisions whose answers the node has already had."""

    interrupt: Interrupt
    task: Any
    """The task that asked; None if a subgraph has gone further than its graph knows."""
    claims: list[Claim]
    before: Sequence[str]

    @property
    def decision_ids(self) -> list[str]:
        return [*self.before, *(claim.decision_id for claim in self.claims)][-MOST:]


def handed(
    state: Any, interrupt: Interrupt, claims: list[Claim], decisions: Iterable[Decision]
) -> Handed:
    task = next((task for task in leaves(state) if interrupt.id in asks(task)), None)
    return Handed(interrupt, task, claims, _before(decisions))


def handed_before(state: Any, thread_id: str) -> Course[list[Handed]]:
    """Return the earlier answers of nodes that failed after them, and run again with them."""
    handed: list[Handed] = []
    for task in leaves(state):
        for interrupt in task.interrupts if task.error is not None else ():
            keys = [each.key for each in questions(interrupt, thread_id)]
            asked = yield Together([newest(key) for key in keys])
            before = yield Together([_get(decision_id) for decision_id in _before(asked)])
            made = [claim_of(each) for each in (*asked, *before) if each]
            again = [Claim.new(each.decision_id, each.key) for each in made if each and each.key]
            if again:
                handed.append(Handed(interrupt, task, again, before=()))
    return handed


def _before(decisions: Iterable[Decision | None]) -> list[str]:
    """Return the decisions whose answers the node had when it asked for these."""
    return next((each.metadata.get(BEFORE, "") for each in decisions if each), "").split()


def _get(decision_id: str) -> Course[Decision]:
    return (yield OnService("get", (decision_id,)))


def take_all(handed: Sequence[Handed], *, alone: bool) -> Course[None]:
    """Claim what these answers permit, all of it or nothing.

    Raises the errors of `decisions.claim`.
    """
    claims = open_claims(handed)
    refusals = yield Together([_refusal(claim, alone=alone) for claim in claims])
    if not any(refusals):
        return
    taken = [claim for claim, refusal in zip(claims, refusals, strict=True) if not refusal]
    why = "An answer that was to be handed over with it could not be claimed"
    told = yield Together([report(claim, ExecutionStatus.NOT_RUN, why) for claim in taken])
    kept = [claim for claim, is_told in zip(taken, told, strict=True) if not is_told]
    for each in handed:
        each.claims = [claim for claim in each.claims if claim in kept]
    raise next(each for each in refusals if each)


def open_claims(handed: Iterable[Handed]) -> list[Claim]:
    return [claim for each in handed for claim in each.claims]


def _refusal(claim: Claim, *, alone: bool) -> Course[HandoverError | None]:
    try:
        yield from take(claim, alone=alone)
    except HandoverError as error:
        return error
    return None


def tell_all(handed: Iterable[Handed], state: Any, *, raised: bool) -> Course[dict[str, list[str]]]:
    """Report to the record what became of these. Return the decisions whose answers a node that
    asks further has had, by the id of that interrupt."""
    tasks = {task.id: task for task in leaves(state)}
    ends: list[Course[None]] = []
    further: dict[str, list[str]] = {}
    for each in handed:
        task = each.task and tasks.get(each.task.id)
        match _fate(task, each):
            case Fate.ENDED if not (raised and is_batch(each.interrupt.value)):
                what = f"The node {each.task.name} has ended"
                ends.append(_tell(each, ExecutionStatus.SUCCEEDED, what))
            case Fate.FAILED:
                kind = _kind(getattr(task, "error", None))
                ends.append(_tell(each, ExecutionStatus.FAILED, kind))
            case Fate.ASKS:
                further |= dict.fromkeys(asks(task), each.decision_ids)
            case _:  # whoever resumes the thread goes on with it
                pass
    yield Together(ends)
    return further


def _fate(task: Any, handed: Handed) -> Fate:
    """Return the node's fate. `task` is the node's task by now; None if the thread has gone on."""
    if handed.task is None:
        return Fate.OPEN
    if task is None:
        return Fate.ENDED
    if asks(task) and handed.interrupt.id not in asks(task):
        return Fate.ASKS
    if task.result is not None:
        return Fate.ENDED
    return Fate.OPEN if task.error is None else Fate.FAILED


def _tell(handed: Handed, status: ExecutionStatus, result: str) -> Course[None]:
    for claim in tuple(handed.claims):
        if (yield from report(claim, status, result)):
            handed.claims.remove(claim)
    for decision_id in handed.before:
        try:
            decision = yield from _get(decision_id)
        except HandoverError as error:
            logger.warning("How %s ended could not be reported: %s", decision_id, error)
            continue
        claim, execution = claim_of(decision), decision.execution
        if claim and execution and execution.status == ExecutionStatus.CLAIMED:
            yield from report(claim, status, result)


def _kind(error: object) -> str:
    """Return the kind of an error, which a checkpoint may have as a text, without its words, which
    may quote secrets."""
    if isinstance(error, BaseException):
        return type(error).__name__
    named = KIND.match(str(error))
    return named[0] if named else "an error"
