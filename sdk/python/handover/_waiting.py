"""Waiting until a decision is settled, through whatever happens to the service meanwhile."""

from __future__ import annotations

import math
from asyncio import CancelledError
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace

from ._base import Answer, Call, Steps, path_of, read
from ._expected import Expected
from ._hold import Hold
from ._options import Options
from ._patience import Patience, backoff, may_pass
from ._untold import log_untold
from .exceptions import HandoverError, WaitTimeoutError, WrongAnswerError
from .models import Decision

QUICK = 1.0
"""Seconds within which an answer `pending` was not held: the service is full, or stopping."""
GRACE = 600.0
"""Seconds beyond a decision's life to keep trying a service that is away: its outcome may be
recorded and wait for us there."""


class Deadline:
    def __init__(self, options: Options, timeout: float | None = None) -> None:
        self._clock = options.clock
        self.timeout = math.inf if timeout is None else timeout
        self._at = self._clock() + self.timeout

    def left(self) -> float:
        return max(0.0, self._at - self._clock())


def until_answered(call: Call, hold: Hold, patience: Patience) -> Steps[tuple[Decision, Answer]]:
    """Send one request that may be repeated, and that the service holds."""
    call = hold.asking(call)
    while True:
        try:
            answer = yield call
            return read(Decision, answer), answer
        except HandoverError as error:
            hold.cut(error)
            call = hold.asking(replace(call, after=patience.pause(error)))


def until_settled(
    options: Options,
    decision_id: str,
    deadline: Deadline,
    patience: Patience,
    hold: Hold,
    expected: Expected,
) -> Steps[Decision]:
    """Poll again and again, each time for as long as the service holds the request.

    While the service answers, it says whether the decision lives, and no clock of ours counts. Only
    while it is away do we count: the life that was left at its last answer, and `GRACE`.
    """
    look = Call(method="GET", path=path_of(decision_id))
    goes_on = f"client.decisions.wait({decision_id!r}) goes on waiting for it."
    after, quick = 0.0, 0
    while True:
        left = deadline.left()
        after = min(after, left)
        poll = hold.asking(replace(look, after=after), most=left - after)
        try:
            with noted(goes_on):
                answer = yield poll
            decision = expected.check(read(Decision, answer))
        except HandoverError as error:
            hold.cut(error)
            after = _pause(patience, error, goes_on)
        else:
            if decision.settled:
                return decision
            log_untold(decision)
            hold.kept()
            patience = patience_with(options, decision, answer)
            quick = quick + 1 if answer.took < QUICK else 0
            after = backoff(quick) if quick else 0.0
        if poll.after == left:
            raise WaitTimeoutError(decision_id, deadline.timeout)


def _pause(patience: Patience, error: HandoverError, goes_on: str) -> float:
    try:
        return patience.pause(error)
    except HandoverError:
        if may_pass(error) or isinstance(error, WrongAnswerError):
            error.add_note(goes_on)
        raise


@contextmanager
def noted(how: str) -> Generator[None]:
    """Note on the exception of an interruption, by Ctrl-C or a cancelled task, how to resume."""
    try:
        yield
    except (KeyboardInterrupt, CancelledError) as stop:
        stop.add_note(how)
        raise


def patience_with(options: Options, decision: Decision, answer: Answer) -> Patience:
    """Return the patience with a service that is away, from this answer on: as long as the decision
    can live."""
    life = (decision.expires_at - answer.at).total_seconds()
    return Patience(options.clock, max(0.0, life) + GRACE, through_limits=True)
