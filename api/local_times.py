"""Times as people write them: by a clock on a wall, in a zone, and sometimes twice or never."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from templates.reader import is_time_zone
from workflows.sentences import N_, Sentence

LOCAL_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?")
"""As `<input type="datetime-local">` sends it."""

NO_SUCH_ZONE = Sentence(
    N_("Give a time zone by its name, such as Europe/Berlin, America/New_York or UTC."),
    field="time_zone",
)
SKIPPED = N_("Clocks in %(zone)s skip this time on that day. Give another one, such as %(time)s.")
TWICE = N_(
    "Clocks in %(zone)s are set back on that day and show this time twice; the first one counts."
)


class NoSuchTimeError(ValueError):
    """`sentence` says what to do about it."""

    def __init__(self, sentence: Sentence) -> None:
        self.sentence = sentence
        super().__init__(str(sentence))


@dataclass(frozen=True, slots=True)
class LocalTime:
    """`moment` is in UTC; where clocks show this time twice it is the first."""

    moment: datetime
    zone: str
    is_twice: bool

    @property
    def remark(self) -> Sentence | None:
        """What a person should know about it."""
        return Sentence(TWICE, {"zone": self.zone}) if self.is_twice else None


def read_local_time(text: str, zone: str) -> LocalTime | None:
    """None for what is no date and time at all. Raises `NoSuchTimeError`."""
    if not is_time_zone(zone):
        raise NoSuchTimeError(NO_SUCH_ZONE)
    try:
        shown = datetime.fromisoformat(text) if LOCAL_TIME.fullmatch(text) else None
        first = shown and shown.replace(tzinfo=ZoneInfo(zone))
        moment = first and first.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    if not first or not moment:
        return None
    there = moment.astimezone(first.tzinfo)
    if there.replace(tzinfo=None) != shown:
        values = {"zone": zone, "time": f"{there:%H:%M}"}
        raise NoSuchTimeError(Sentence(SKIPPED, values, "execute_at"))
    return LocalTime(moment, zone, is_twice=first.replace(fold=1).utcoffset() != first.utcoffset())
