"""Decides when to try again, and for how long."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable

from .exceptions import (
    APIConnectionError,
    APIError,
    HandoverError,
    RateLimitError,
    UnreadableAnswerError,
)

logger = logging.getLogger("handover")

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 5.0
LONGEST_RETRY_AFTER = 60
LONGEST_LIMIT = 3600
"""Longest `Retry-After` of a rate limit, whose end the service knows; an outage may end earlier."""
LONGEST_ATTEMPT = 150.0
"""Seconds that one attempt counts for: during any further ones, the machine was asleep."""
BEHIND = "messages_behind"
"""The service's code while more is asked than people can be told."""
HELD = 1.0
"""Seconds after which a dropped connection counts as held: the service had the request."""


def may_pass(error: HandoverError) -> bool:
    """Return whether the same request may succeed later."""
    if isinstance(error, APIError):
        return error.status in (408, 429) or (error.status >= 500 and error.status != 501)
    return isinstance(error, APIConnectionError | UnreadableAnswerError)


def backoff(times: int) -> float:
    """Return the seconds to pause after `times` failures: doubling, and random so that many do not
    meet."""
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(times - 1, 10))
    return random.uniform(0, longest)  # noqa: S311 - spreads load, hides nothing


class Patience:
    """The time for which to keep trying, counted from the first failure, since a request may be
    held for long before it fails. Time for which the machine was asleep does not count.

    With `once_held`, the patience grows to that many seconds when a connection drops while the
    service holds the request: it has the request then, and the result may exist. With `in_line`, it
    grows to as many if the service cannot tell people as fast as it is asked. With
    `through_limits`, a rate limit is an answer like any other, and uses up none.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        seconds: float,
        *,
        once_held: float = 0.0,
        in_line: float = 0.0,
        through_limits: bool = False,
    ) -> None:
        self._clock = clock
        self._left = seconds
        self._until_held = max(0.0, once_held - seconds)
        self._until_told = max(0.0, in_line - seconds)
        self._through_limits = through_limits
        self._failures = 0
        self._last = 0.0
        self._pause = 0.0

    def pause(self, error: HandoverError) -> float:
        """Return the seconds to pause before the next attempt; raises `error` when there should be
        none."""
        if not may_pass(error):
            raise error
        self._failures += 1
        self._count_time(error)
        asked = _asked(error)
        if not self._endures(error) and (self._left <= 0 or asked > self._left):
            raise error
        self._pause = asked + backoff(self._failures)
        self._log(error, self._pause)
        return self._pause

    def _count_time(self, error: HandoverError) -> None:
        now = self._clock()
        if self._failures > 1 and not self._endures(error):
            self._left -= min(now - self._last, self._pause + LONGEST_ATTEMPT)
        self._last = now
        if isinstance(error, APIConnectionError) and error.held >= HELD:
            self._left += self._until_held
            self._until_held = 0.0
        if isinstance(error, RateLimitError) and error.code == BEHIND:
            self._left += self._until_told
            self._until_told = 0.0

    def _endures(self, error: HandoverError) -> bool:
        return self._through_limits and isinstance(error, RateLimitError)

    def _log(self, error: HandoverError, seconds: float) -> None:
        level = logging.WARNING if self._failures == 1 else logging.DEBUG
        logger.log(level, "%s; trying again in %.1f s", error, seconds)


def _asked(error: HandoverError) -> int:
    """Return the seconds of `Retry-After`, as far as they are kept."""
    longest = LONGEST_LIMIT if isinstance(error, RateLimitError) else LONGEST_RETRY_AFTER
    return min(getattr(error, "retry_after", None) or 0, longest)
