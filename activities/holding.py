"""How long a message is held back for its reader: in their quiet hours, and until the next mail
that has several. Pure.

The delay is never more than half of the time that is left, so that an approver has at least as much
time as was taken from them. `Due` has that time. It is the same at every attempt, because otherwise
half of the rest would be taken again and again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from handover.models import Channel, Urgency
from histories.reading import Live
from store.approvers import Preferences
from workflows.messages import ASKING, REMINDER, SendNotificationInput

MINUTE = timedelta(minutes=1)
PASSES = (Urgency.CRITICAL,)
"""Urgencies that nobody sleeps through."""


@dataclass(frozen=True, slots=True)
class Due:
    """The time when a message was to go out, and the end of its purpose."""

    at: datetime
    until: datetime

    @property
    def latest(self) -> datetime:
        """Return the latest time at which the message goes out, whatever its reader has set."""
        return self.at + max(self.until - self.at, timedelta()) / 2


@dataclass(frozen=True, slots=True)
class Hold:
    """The reason why a message is held back, and its end."""

    until: datetime
    why: str

    def __str__(self) -> str:
        return f"held back until {self.until:%Y-%m-%d %H:%M:%S} UTC ({self.why})"


def due(
    sending: SendNotificationInput,
    reading: Live,
    scheduled_at: datetime,
    ends_after: timedelta | None,
) -> Due:
    """Return the times of a message. Its purpose ends when the next step asks somebody else, the
    decision expires, or Temporal gives it up."""
    rules = reading.state.rules
    ends = [scheduled_at + ends_after] if ends_after else []
    if sending.message in ASKING:
        level = next(n for n, step in enumerate(rules.steps) if sending.approver in step.approvers)
        following = (step.at for step in rules.steps[level + 1 :])
        ends += [rules.expires_at, *(at for at in following if at > scheduled_at)]
    return Due(scheduled_at, min(ends, default=scheduled_at))


def hold(
    now: datetime, due: Due, preferences: Preferences, zone: ZoneInfo, *, gathers: bool
) -> Hold | None:
    """Return the hold of a message by its reader's settings. `gathers` says that it may share a
    mail."""
    until, why = due.at, ""
    if gathers and preferences.digest_minutes:
        until, why = _next_digest(until, preferences.digest_minutes, zone), "digest"
    if (quiet := preferences.quiet_hours) and quiet.covers(until.astimezone(zone).time()):
        until = _first_minute(until, lambda each: not quiet.covers(each.astimezone(zone).time()))
        why = "quiet hours"
    if until > due.latest:
        until, why = due.latest, f"{why}, for half of the time that is left"
    return Hold(until.astimezone(UTC), why) if why and until > now else None


def may_wait(sending: SendNotificationInput, reading: Live) -> bool:
    """Return whether this message may wait: it asks, or it tells that others have answered."""
    if _passes(reading):
        return False
    if sending.message in ASKING:
        return sending.channel in (Channel.EMAIL, Channel.SLACK)
    # In Slack this only changes a message that is there.
    return sending.message == "settled" and sending.channel == Channel.EMAIL


def may_gather(sending: SendNotificationInput, reading: Live) -> bool:
    """Return whether this message may share a mail with others."""
    is_question = sending.message in ASKING and sending.channel == Channel.EMAIL
    return is_question and not _passes(reading)


def is_needless(sending: SendNotificationInput, reading: Live, due_at: datetime) -> bool:
    """Return whether this is a reminder of a question that is, or was at its time, still on its
    way: they would arrive together."""
    if sending.message != REMINDER:
        return False
    same = {"approver": sending.approver, "channel": sending.channel}
    is_under_way = any(
        each.message in ASKING
        and (each.approver, each.channel) == (sending.approver, sending.channel)
        and each.result == "pending"
        and each.at < due_at
        for each in reading.notifications
    )
    came_since = any(
        entry.type == "notification.sent"
        and entry.details["message"] in ASKING
        and entry.details.items() >= same.items()
        and entry.at > due_at
        for entry in reading.entries
    )
    return is_under_way or came_since


def _passes(reading: Live) -> bool:
    return reading.request.urgency in PASSES


def _next_digest(moment: datetime, minutes: int, zone: ZoneInfo) -> datetime:
    """Return the first multiple of so many minutes after this time, counted from each midnight."""
    day = moment.astimezone(zone).date()

    def is_boundary(minute: datetime) -> bool:
        there = minute.astimezone(zone)
        # Where clocks are put forward over midnight, a day begins without it.
        return (there.hour * 60 + there.minute) % minutes == 0 or there.date() > day

    return _first_minute(moment, is_boundary)


def _first_minute(after: datetime, fits: Callable[[datetime], bool]) -> datetime:
    """Return the first such minute, searched in UTC, where clocks neither leave out a time nor show
    one twice."""
    minute = after.astimezone(UTC).replace(second=0, microsecond=0) + MINUTE
    while not fits(minute):
        minute += MINUTE
    return minute
