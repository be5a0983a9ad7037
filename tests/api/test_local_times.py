"""Times by a clock on a wall: in every zone, also where clocks are set."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.people.local_times import LocalTime, NoSuchTimeError, TimeTwiceError
from templates.reader import time_zones


def moment(text: str, zone: str) -> datetime:
    return LocalTime(datetime.fromisoformat(text), zone).moment


@pytest.mark.parametrize(
    ("text", "zone", "utc"),
    [
        ("2026-03-12T14:30", "UTC", "2026-03-12T14:30:00+00:00"),
        ("2026-03-12 14:30", "Europe/Berlin", "2026-03-12T13:30:00+00:00"),
        ("2026-07-12T14:30:15", "Europe/Berlin", "2026-07-12T12:30:15+00:00"),
        ("2026-03-12T14:30", "Asia/Kolkata", "2026-03-12T09:00:00+00:00"),
        ("2026-03-12T14:30+02:00", "Asia/Kolkata", "2026-03-12T12:30:00+00:00"),
        ("2026-03-29T01:59", "Europe/Berlin", "2026-03-29T00:59:00+00:00"),
        ("2026-03-29T03:00", "Europe/Berlin", "2026-03-29T01:00:00+00:00"),
    ],
)
def test_a_time_is_a_moment_in_its_zone(text: str, zone: str, utc: str) -> None:
    """To the second, in UTC; an offset of its own counts more than the zone."""
    assert moment(text, zone).isoformat() == utc


@pytest.mark.parametrize(
    ("text", "zone", "instead"),
    [
        ("2026-03-29T02:00", "Europe/Berlin", "03:00"),
        ("2026-03-29T02:59", "Europe/Berlin", "03:59"),
        ("2026-10-04T02:15", "Australia/Lord_Howe", "02:45"),
        ("2011-12-30T12:00", "Pacific/Apia", "12:00"),
    ],
)
def test_a_time_that_clocks_skip_is_refused_with_one_that_they_show(
    text: str, zone: str, instead: str
) -> None:
    """The hour in spring, the half hour of Lord Howe, the day that Samoa left out."""
    with pytest.raises(NoSuchTimeError) as refused:
        moment(text, zone)
    assert refused.value.sentence.field == "execute_at"
    assert f"such as {instead}." in str(refused.value.sentence)


def test_a_time_that_comes_twice_is_asked_back() -> None:
    """With both moments, each with the offset that makes it one."""
    with pytest.raises(TimeTwiceError) as unclear:
        moment("2026-10-25T02:30", "Europe/Berlin")
    said = str(unclear.value.sentence)
    assert "Europe/Berlin" in said
    assert "write 2026-10-25 02:30+0200 or 2026-10-25 02:30+0100." in said
    assert moment("2026-10-25T02:30+01:00", "Europe/Berlin").hour == 1


@pytest.mark.parametrize(
    "zone", ["", "Berlin", "europe/berlin", "../etc/passwd", "UTC+1", "x" * 999]
)
def test_a_zone_has_to_have_a_name(zone: str) -> None:
    """One of IANA's; the field is named, with what to write."""
    with pytest.raises(NoSuchTimeError) as refused:
        moment("2026-03-12T14:30", zone)
    assert refused.value.sentence.field == "time_zone"


@given(
    st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)),  # noqa: DTZ001 - a clock's time
    st.sampled_from(sorted(time_zones())),
)
def test_every_time_in_every_zone_is_read_back_or_refused(shown: datetime, zone: str) -> None:
    """What is taken is shown by that zone's clocks; nothing else is raised."""
    try:
        there = LocalTime(shown, zone).moment.astimezone(ZoneInfo(zone))
    except NoSuchTimeError:
        return
    except OverflowError:
        assert shown.year in (1, 9999)
        return
    assert there.replace(tzinfo=None) == shown
    assert there.tzinfo is not UTC
