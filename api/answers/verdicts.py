"""Verdicts on answers: one type, which every way in puts into its own words."""

from __future__ import annotations

from dataclasses import dataclass

from histories.reading import Live
from workflows.objections import Objection


@dataclass(frozen=True, slots=True)
class Verdict:
    """A verdict. `reading` is the decision as it is now. `why` says why the answer did not get into
    the history, and is None if it did."""

    reading: Live
    why: Objection | None = None


class Recorded(Verdict):
    """The decision ended with this answer."""


class Declined(Verdict):
    """The approver is not the one to ask, and others are."""


class Received(Verdict):
    """The answer is in the history; its effect is not known yet."""


@dataclass(frozen=True, slots=True)
class Over(Verdict):
    """The decision has ended, but not with this answer. `repeats` says that it ended with an equal
    one of the same person."""

    repeats: bool = False


class Refused(Verdict):
    """The answer does not count, and `why` says so; the record has the attempt."""


class Late(Refused):
    """The deadline had passed."""


class NotAsked(Refused):
    """The approver is not asked, or no longer asked."""


class Changed(Refused):
    """The approver saw something other than the question is now."""


class UsedUp(Refused):
    """No further code is mailed, and none of those that were holds any more."""


class Unfit(Refused):
    """The answer is not valid; another one by the same approver may count."""


REFUSALS = {"late": Late, "not_asked": NotAsked, "changed": Changed, "too_many_codes": UsedUp}
"""Classes by an objection's reason; every other reason is `Unfit`."""
