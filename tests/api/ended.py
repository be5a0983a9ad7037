"""A decision that ended long ago, the keys of its links, a clock, and a service of just that."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from api.access.limiting import Limits
from api.people.linked import Linked
from api.people.readers import Readers
from handover.models import Origin
from histories.reading import Live
from links import LinkKeys
from settings.model import Settings
from store.approvers import Preferences
from templates import Reader
from tests.workflows.harness import make_input
from workflows import events, lifecycle

LINKS = LinkKeys(["a key of thirty-two letters or more"])


class RightClock:
    """As the API has one, beside which Temporal's is not asked."""

    async def now(self) -> datetime:
        return datetime.now(UTC)


class NothingSet:
    """In the place of the store, where no approver has set anything."""

    async def find(self, address: str) -> Preferences:
        return Preferences()


class Glances:
    """Decisions, all of which are what `glance` says."""

    def __init__(self, glance: Callable[[], Live]) -> None:
        self._glance = glance

    async def glance(self, decision_id: str) -> Live:
        return self._glance()


class Parts:
    """What the ways in by a link take of a service before there is an answer."""

    def __init__(self, glance: Callable[[], Live]) -> None:
        decisions = cast(Any, Glances(glance))
        self.links = LINKS
        self.limits = Limits("memory://", rate=0, link_rate=0, fail_open=True)
        self.clock = RightClock()
        self.settings = Settings(data_dir=Path("nowhere"), public_url="http://handover")
        self.linked = Linked(LINKS, decisions, self.limits)
        self.readers = Readers(cast(Any, NothingSet()), Reader())


def ended(ago: timedelta) -> Live:
    """A decision that was withdrawn so long ago."""
    then = datetime.now(UTC) - ago
    input = make_input(action="Refund").model_copy(
        update={"created_at": then, "expires_at": then + timedelta(hours=1)}
    )
    state = lifecycle.apply(lifecycle.begin(input), events.Withdrawn(then, Origin.AGENT))
    return Live(decision_id=input.id, run_id="run_1", input=input, state=state)
