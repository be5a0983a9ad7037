"""What becomes of an answer: one verdict, which every way in tells in its own words."""

from __future__ import annotations

from dataclasses import dataclass

from histories.reading import Live
from workflows.objections import Objection


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reading` is the decision as it is now. `why` says why the answer did not get into the
    history, and is None where it did."""

    reading: Live
    why: Objection | None = None


class Recorded(Verdict):
    """The decision ended with this answer."""


class Declined(Verdict):
    """They are not the one to ask, and others are."""


class Received(Verdict):
    """It is in the history; what comes of it is not known yet."""


@dataclass(frozen=True, slots=True)
class Over(Verdict):
    """The decision has ended, and not with this answer. `repeats` says whether with an equal one of
    the same person."""

    repeats: bool = False


class Refused(Verdict):
    """It counts for nothing, and `why` says so; the record has the attempt."""


class Late(Refused):
    """The time was over."""


class NotAsked(Refused):
    """They are not asked, or not any more."""


class Changed(Refused):
    """What they saw is not what is asked."""


class UsedUp(Refused):
    """No further code is mailed, and none of those that were holds any more."""


class Unfit(Refused):
    """Another answer of theirs may count."""


REFUSALS = {"late": Late, "not_asked": NotAsked, "changed": Changed, "too_many_codes": UsedUp}
"""By an objection's reason; every other one is `Unfit`."""
