"""The time for which the service is asked to hold a request, as far as gateways between allow
it."""

from __future__ import annotations

import math
from dataclasses import replace

from ._base import Call
from ._patience import HELD
from .exceptions import HandoverError

WHOLE = 30
"""Seconds for which the service is asked to hold a request."""
LONGER = (WHOLE, 55, 110)
"""Longer holds, each asked for once a shorter one was kept, because each new request costs the
service something. Most gateways allow a minute."""
SAFE = 0.75
"""Part of the time after which a request was cut off, to be asked for next."""
MOST_ANSWERS = 256
"""Most answers before the whole time is tried again."""


class Hold:
    """The length of a hold: shorter, once a request was cut off while it was held.

    Gateways do that after 29, 30 or 60 seconds, and do it again; a service that was stopped does it
    once. So the whole time is tried again after two answers, and after twice as many each time that
    it is cut off again. Once a time is kept, a longer one is asked for next.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._seconds: float = WHOLE
        self._short: float = WHOLE
        self._cuts = 0
        self._answers = 0

    def asking(self, call: Call, most: float = math.inf) -> Call:
        """Return the call that asks to be held and answered within `most` seconds."""
        seconds = min(self._seconds, math.ceil(min(LONGER[-1], most)))
        return replace(
            call,
            params={"wait": seconds} if seconds else {},
            read_within=min(seconds + self._timeout, most + 1),
        )

    def cut(self, error: HandoverError) -> None:
        """Note that a request was cut off."""
        if error.cut_after >= HELD:
            known = error.cut_after < self._seconds  # or else nobody said when
            safe = error.cut_after * SAFE if known else self._seconds / 2
            self._seconds = self._short = min(self._short, round(safe, 2))
            self._cuts += 1
            self._answers = 0

    def kept(self) -> None:
        """Note that a request was answered."""
        self._answers += 1
        if self._answers >= min(2**self._cuts, MOST_ANSWERS):
            self._seconds = next((s for s in LONGER if s > self._seconds), LONGER[-1])
