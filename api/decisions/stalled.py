"""Decisions whose workflow does not go on, as far as this process has read them: for `/readyz`.

A worker whose workflow does not replay fails a task again and again, and says so in its own log.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from api.problems.errors import ApiError, NotFound
from histories.reading import Live, Reading

MOST = 100
"""Decisions that are remembered; the newest."""

LOOKED_AT = 5
"""Decisions that one check reads again."""


class Stalled:
    def __init__(self) -> None:
        self._failing: dict[str, Live] = {}

    def note(self, reading: Reading) -> None:
        """Remember what was just read."""
        self._failing.pop(reading.decision_id, None)
        if isinstance(reading, Live) and reading.failing:
            self._failing[reading.decision_id] = reading
            while len(self._failing) > MOST:
                del self._failing[next(iter(self._failing))]

    async def check(self, look: Callable[[str], Awaitable[Reading]]) -> None:
        """Read the newest again; `look` is to note what it has read. Raises `ApiError` where one
        still does not go on."""
        for decision_id in list(self._failing)[-LOOKED_AT:]:
            try:
                reading = await look(decision_id)
            except NotFound:  # its retention ended
                self._failing.pop(decision_id, None)
                continue
            except ApiError:  # which is said where it is asked for
                continue
            if isinstance(reading, Live) and (why := reading.stalled(datetime.now(UTC))):
                number = len(self._failing)
                others = f" (and perhaps {number - 1} more)" if number > 1 else ""
                raise ApiError(f"{decision_id}{others} does not go on. {why}")
