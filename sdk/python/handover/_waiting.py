"""Waiting until a decision is settled, through whatever happens to the service meanwhile."""

from __future__ import annotations

import math

from ._base import Answer, Call, Steps, path_of, read
from ._options import Options
from ._patience import Patience, backoff, may_pass
from .exceptions import HandoverError, WaitTimeoutError
from .models import Decision

HOLD = 30
"""Seconds for which the service is asked to hold each poll."""
QUICK = 1.0
"""An answer `pending` within this many seconds was not held: the service is full, or stopping."""
GRACE = 600.0
"""Seconds beyond a decision's life to go on trying to reach a service that is away: its outcome
may be recorded and wait for us there."""


class Deadline:
    def __init__(self, options: Options, timeout: float | None = None) -> None:
        self._clock = options.clock
        self.timeout = math.inf if timeout is None else timeout
        self._at = self._clock() + self.timeout

    def left(self) -> float:
        return max(0.0, self._at - self._clock())


def until_settled(
    options: Options, decision_id: str, deadline: Deadline, patience: Patience
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
            patience = patience_with(options, decision, answer)
            quick = quick + 1 if answer.took < QUICK else 0
            after = backoff(quick) if quick else 0.0
        if poll.after == left:
            raise WaitTimeoutError(decision_id, deadline.timeout)


def _poll(options: Options, decision_id: str, left: float, after: float) -> Call:
    hold = math.ceil(min(HOLD, left - after))
    return Call(
        method="GET",
        path=path_of(decision_id),
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


def patience_with(options: Options, decision: Decision, answer: Answer) -> Patience:
    """With a service that is away, from this answer on: as long as the decision can live."""
    life = (decision.expires_at - answer.at).total_seconds()
    return Patience(options.clock, max(0.0, life) + GRACE, through_limits=True)
