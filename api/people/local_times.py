"""Times of a clock on a wall as moments: it shows some times twice, and some never."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from templates.reader import is_time_zone
from workflows.sentences import N_, AnyOf, Sentence

NO_SUCH_ZONE = Sentence(
    N_("Give a time zone by its name, such as Europe/Berlin, America/New_York or UTC."),
    field="time_zone",
)
SKIPPED = N_("Clocks in %(zone)s skip this time on that day. Give another one, such as %(time)s.")
TWICE = N_(
    "Clocks in %(zone)s are set back on that day and show this time twice: write %(meanings)s."
)


class NoSuchTimeError(ValueError):
    """There is no such moment; `sentence` says what to do about it."""

    def __init__(self, sentence: Sentence) -> None:
        self.sentence = sentence
        super().__init__(str(sentence))


class TimeTwiceError(NoSuchTimeError):
    """There are two such moments."""


@dataclass(frozen=True, slots=True)
class LocalTime:
    """A clock's time, in that zone unless it has an offset of its own."""

    shown: datetime
    zone: str

    @property
    def moment(self) -> datetime:
        """Return the moment in UTC. Raises `NoSuchTimeError` if there is none, or two."""
        if not is_time_zone(self.zone):
            raise NoSuchTimeError(NO_SUCH_ZONE)
        there = self.shown if self.shown.tzinfo else self.shown.replace(tzinfo=ZoneInfo(self.zone))
        moment = there.astimezone(UTC)
        back = moment.astimezone(there.tzinfo)
        if back.replace(tzinfo=None) != there.replace(tzinfo=None):
            values = {"zone": self.zone, "time": f"{back:%H:%M}"}
            raise NoSuchTimeError(Sentence(SKIPPED, values, "execute_at"))
        later = there.replace(fold=1)
        if later.utcoffset() != there.utcoffset():
            values = {"zone": self.zone, "meanings": AnyOf((there, later))}
            raise TimeTwiceError(Sentence(TWICE, values, "execute_at"))
        return moment
