"""Numbers and times that people type: taken where they can mean one thing, and asked back else."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.people.typed import UnclearError, read_number, read_time
from tests.typed import LOCALES, MORE_TIMES, NUMBERS, TIMES, notation

doubles = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)


def read(reader: Any, locale: str, text: str) -> Any:
    """What is taken; a list of what is asked back."""
    try:
        return reader(text, notation(locale))
    except UnclearError as error:
        return [*error.meanings]


def test_a_number_is_read_as_its_reader_writes_them() -> None:
    """Everything else is asked back with what it can mean, or is no number."""
    found = [(locale, text, read(read_number, locale, text)) for locale, text, _ in NUMBERS]
    assert found == NUMBERS
    assert [type(told) for *_, told in found] == [type(meant) for *_, meant in NUMBERS]


def test_a_time_is_read_as_its_reader_writes_them() -> None:
    """Everything else is asked back with what it can mean, or is no time."""

    def told(time: datetime | list[datetime] | None) -> object:
        if isinstance(time, list):
            return [each.isoformat() for each in time]
        return time and time.isoformat()

    known = [*TIMES, *MORE_TIMES]
    found = [(locale, text, told(read(read_time, locale, text))) for locale, text, _ in known]
    assert found == known


@given(doubles, st.sampled_from(LOCALES))
def test_what_we_write_is_read_as_that(number: float, locale: str) -> None:
    """By the same reader, whatever the number."""
    assert read_number(notation(locale).number(number), notation(locale)) == number


@given(doubles, st.sampled_from(LOCALES), st.sampled_from(LOCALES))
def test_what_one_reader_writes_no_other_takes_for_something_else(
    number: float, writer: str, reader: str
) -> None:
    """It is that number, or it is asked back."""
    found = read(read_number, reader, notation(writer).number(number))
    assert found == number or number in found


@pytest.mark.parametrize("reader", [read_number, read_time])
@given(text=st.text(max_size=30) | st.text("0123456789.,:/-+' TeEpm", max_size=30))
def test_whatever_is_typed_is_read_asked_back_or_nothing(reader: Any, text: str) -> None:
    """And never a fault."""
    for locale in ("en", "de", "fr"):
        read(reader, locale, text)


def test_what_is_asked_back_is_told() -> None:
    """With what was typed, cut, and each of its meanings."""
    with pytest.raises(UnclearError, match=r"^“1\.500” can mean 1500 or 1\.5\. Write the one"):
        read_number("1.500", notation("de"))
    with pytest.raises(UnclearError, match=r"If you mean 2026-03-12 14:30, write that"):
        read_time("12.03.26 14:30", notation("de"))
    with pytest.raises(UnclearError, match=r"^“1{40}…” is not how"):
        read_number("1" * 100, notation("de"))
