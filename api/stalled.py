"""Decisions whose workflow does not go on, as far as this process has read them: for `/readyz`.

A worker whose workflow does not replay fails a task again and again, and says so in its own log.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime

from api.errors import ApiError
from workflows.reading import Fold

MOST = 100
"""Decisions that are remembered; the newest."""

LOOKED_AT = 5
"""Decisions that one check reads again."""


class Stalled:
    def __init__(self) -> None:
        self._failing: dict[str, Fold] = {}

    def note(self, fold: Fold) -> None:
        """Remember what was just read."""
        self._failing.pop(fold.decision_id, None)
        if fold.failing:
            self._failing[fold.decision_id] = fold
            while len(self._failing) > MOST:
                del self._failing[next(iter(self._failing))]

    async def check(self, look: Callable[[str], Awaitable[Fold]]) -> None:
        """Read them again; `look` is to note what it has read. Raises `ApiError` where one does not
        go on."""
        for decision_id in list(self._failing)[-LOOKED_AT:]:
            with suppress(ApiError):
                await look(decision_id)
        now = datetime.now(UTC)
        told = {id: why for id, fold in self._failing.items() if (why := fold.stalled(now))}
        for decision_id, why in told.items():
            others = f" (and {len(told) - 1} more)" if len(told) > 1 else ""
            raise ApiError(f"{decision_id}{others} does not go on. {why}")
