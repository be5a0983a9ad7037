"""A decision that ended long ago, the keys of its links, and a clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from handover.models import Origin
from links import LinkKeys
from tests.workflows.harness import make_input
from workflows import events, lifecycle
from workflows.reading import Fold

LINKS = LinkKeys(["a key of thirty-two letters or more"])


class RightClock:
    """As the API has one, beside which Temporal's is not asked."""

    async def now(self) -> datetime:
        return datetime.now(UTC)


def ended(ago: timedelta) -> Fold:
    """A decision that was withdrawn so long ago."""
    then = datetime.now(UTC) - ago
    input = make_input(action="Refund").model_copy(
        update={"created_at": then, "expires_at": then + timedelta(hours=1)}
    )
    fold = Fold(input.id, input.keyring)
    state = lifecycle.apply(lifecycle.begin(input), events.Withdrawn(then, Origin.AGENT))
    fold.input, fold.state = input, state
    return fold
