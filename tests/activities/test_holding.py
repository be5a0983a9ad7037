"""How long a message is held back: by properties, and on the days on which clocks are changed."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.holding import Due, Hold, hold
from store.approvers import Preferences, QuietHours

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
ZONES += ("Africa/Cairo", "America/Santiago", "Pacific/Apia")  # clocks change at midnight
NIGHT = QuietHours(time(20), time(7))
SECOND = timedelta(seconds=1)

clocks = st.times().map(lambda clock: clock.replace(second=0, microsecond=0))
quiet_hours = st.builds(QuietHours, clocks, clocks).filter(lambda hours: hours.start != hours.end)
preferences = st.builds(
    Preferences,
    quiet_hours=st.none() | quiet_hours,
    digest_minutes=st.none() | st.integers(15, 1440),
)
zones = st.sampled_from(ZONES).map(ZoneInfo)
moments = st.integers(1_262_304_000, 2_208_988_800).map(  # of the years 2010 to 2040
    lambda seconds: datetime.fromtimestamp(seconds, UTC)
)
spans = st.timedeltas(timedelta(), timedelta(days=5))
dues = st.builds(lambda at, span: Due(at, at + span), moments, spans)


def at(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def clock(moment: datetime, zone: ZoneInfo) -> time:
    return moment.astimezone(zone).time()


@given(dues, spans, preferences, zones, st.booleans())
def test_never_for_more_than_half_of_the_time(
    due: Due, passed: timedelta, set_by_them: Preferences, zone: ZoneInfo, gathers: bool
):
    """From when it was due, however late it is looked at; and what is held is held for later."""
    now = due.at + passed
    held = hold(now, due, set_by_them, zone, gathers=gathers)
    if held:
        assert now < held.until <= due.at + (due.until - due.at) / 2


@given(dues, spans, preferences, zones, st.booleans())
def test_the_same_at_every_attempt(
    due: Due, passed: timedelta, set_by_them: Preferences, zone: ZoneInfo, gathers: bool
):
    """A second look takes no second half; when its time has come, nothing holds it any more."""
    held = hold(due.at, due, set_by_them, zone, gathers=gathers)
    later = hold(due.at + passed, due, set_by_them, zone, gathers=gathers)
    assert later == (held if held and held.until > due.at + passed else None)


@given(moments, preferences, zones)
def test_only_in_quiet_hours_where_there_is_no_digest(
    moment: datetime, set_by_them: Preferences, zone: ZoneInfo
):
    """From a minute that is quiet to the first one that is not, with every one between quiet."""
    quiet = set_by_them.quiet_hours
    held = hold(moment, Due(moment, moment + timedelta(days=9)), set_by_them, zone, gathers=False)
    assert (held is not None) == (quiet is not None and quiet.covers(clock(moment, zone)))
    if held and quiet:
        assert not quiet.covers(clock(held.until, zone))
        minutes = int((held.until - moment) / timedelta(minutes=1))
        between = (moment + timedelta(minutes=n) for n in range(minutes))
        assert all(quiet.covers(clock(each, zone)) for each in between)
        assert quiet.covers(clock(held.until - SECOND, zone))


@given(moments, st.integers(15, 1440), zones)
def test_a_digest_is_due_at_its_times_of_the_day(moment: datetime, minutes: int, zone: ZoneInfo):
    """At a multiple of its minutes since midnight or as a day begins, and within a day."""
    set_by_them = Preferences(digest_minutes=minutes)
    held = hold(moment, Due(moment, moment + timedelta(days=9)), set_by_them, zone, gathers=True)
    assert held
    there = held.until.astimezone(zone)
    begins = (there - timedelta(minutes=1)).date() < there.date() or there.date() > (
        (held.until - timedelta(minutes=1)).astimezone(zone).date()
    )
    assert begins or (there.hour * 60 + there.minute) % minutes == 0
    assert held.until - moment <= timedelta(hours=25)


@given(moments, quiet_hours, st.integers(15, 1440), zones)
def test_the_later_of_both(moment: datetime, quiet: QuietHours, minutes: int, zone: ZoneInfo):
    """A digest that falls into quiet hours goes out at their end."""
    due = Due(moment, moment + timedelta(days=9))
    digest = hold(moment, due, Preferences(digest_minutes=minutes), zone, gathers=True)
    both = Preferences(quiet_hours=quiet, digest_minutes=minutes)
    held = hold(moment, due, both, zone, gathers=True)
    assert held
    assert digest
    assert held.until >= digest.until
    assert not quiet.covers(clock(held.until, zone))


@pytest.mark.parametrize(
    ("zone", "asked", "ends"),
    [
        ("Europe/Berlin", "2026-03-12 23:00", "2026-03-13 07:00"),
        ("Europe/Berlin", "2026-03-28 23:00", "2026-03-29 07:00"),  # an hour shorter
        ("Europe/Berlin", "2026-10-24 23:00", "2026-10-25 07:00"),  # an hour longer
        ("Asia/Kolkata", "2026-03-13 06:59", "2026-03-13 07:00"),
    ],
)
def test_a_night(zone: str, asked: str, ends: str):
    """By the clocks on the wall, also where they are changed in it."""
    asked_at = at(asked, zone)
    due = Due(asked_at, asked_at + timedelta(days=2))
    held = hold(asked_at, due, Preferences(quiet_hours=NIGHT), ZoneInfo(zone), gathers=False)
    assert held == Hold(at(ends, zone), "quiet hours")


@pytest.mark.parametrize(
    ("asked", "ends"),
    [("2026-03-28T22:00", "2026-03-29T01:00"), ("2026-10-24T22:00", "2026-10-25T00:30")],
)
def test_an_end_that_clocks_leave_out_or_show_twice(asked: str, ends: str):
    """Half past two does not come in March, and comes twice in October: the first time counts."""
    set_by_them = Preferences(quiet_hours=QuietHours(time(20), time(2, 30)))
    asked_at = at(asked)
    due = Due(asked_at, asked_at + timedelta(days=2))
    held = hold(asked_at, due, set_by_them, ZoneInfo("Europe/Berlin"), gathers=False)
    assert held == Hold(at(ends), "quiet hours")


def test_what_operators_read():
    """Until when, and why."""
    asked_at = at("2026-03-12T22:00")
    set_by_them = Preferences(quiet_hours=NIGHT)
    half = "quiet hours, for half of the time that is left"
    for days, told in (
        (2, "held back until 2026-03-13 07:00:00 UTC (quiet hours)"),
        (0.25, f"held back until 2026-03-13 01:00:00 UTC ({half})"),
    ):
        due = Due(asked_at, asked_at + timedelta(days=days))
        assert str(hold(asked_at, due, set_by_them, ZoneInfo("UTC"), gathers=False)) == told


def test_a_clock_that_differs_from_temporals():
    """A message that is due in a moment, by this clock, is not held where nothing is set."""
    asked_at = at("2026-03-12T12:00")
    due = Due(asked_at, asked_at + timedelta(hours=1))
    set_by_them = Preferences(quiet_hours=NIGHT)
    assert hold(asked_at - SECOND, due, set_by_them, ZoneInfo("UTC"), gathers=False) is None
