"""How a reader writes numbers and dates, as CLDR has it for their locale."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from babel import Locale
from babel.numbers import get_decimal_symbol, get_group_symbol

from handover.proof import dumps

SPACES = "\xa0\u202f\u2009"
"""Spaces between groups of digits, where nobody types them."""

TAKEN_FOR_ANOTHER = re.compile(r"(-?[1-9][0-9]{0,2}\.[0-9]{3})(e.*)?")
"""Numbers with three digits behind the decimal sign, which separates thousands elsewhere."""


@dataclass(frozen=True, slots=True)
class Notation:
    """One locale's notation. `groups` may separate groups of digits; `sizes` are those of the last
    group, and of those before. `order` is that of a date in digits (`dmy`), with `separator`
    between them; `halves` says that a day has twice twelve hours, and `months` are the names of
    months in small letters."""

    decimal: str
    groups: str
    sizes: tuple[int, int]
    order: str
    separator: str
    halves: bool
    months: Mapping[str, int]

    def number(self, value: float) -> str:
        """Write a number that nobody reads otherwise: its canonical digits, never grouped, and with
        a further zero (`1.2340`) if they would pass for grouped ones."""
        digits = dumps(value).decode()
        if odd := TAKEN_FOR_ANOTHER.fullmatch(digits):
            digits = f"{odd[1]}0{odd[2] or ''}"
        return digits.replace(".", self.decimal)

    def example(self, year: int) -> str:
        """Return the last afternoon of a year, as an unambiguous example of a time."""
        parts = {"y": str(year), "m": "12", "d": "31"}
        day = self.separator.join(parts[part] for part in self.order)
        return f"{day} {'2:30 PM' if self.halves else '14:30'}"

    def for_scripts(self) -> dict[str, Any]:
        """Return the parts that `assets/typed.js` reads by."""
        return {name: value for name, value in asdict(self).items() if name != "months"}


@lru_cache
def notation_of(locale: Locale) -> Notation:
    day: str = locale.date_formats["short"].pattern
    time: str = locale.time_formats["short"].pattern
    decimal = get_decimal_symbol(locale)
    return Notation(
        decimal=decimal,
        groups=_groups(locale).replace(decimal, ""),
        sizes=locale.decimal_formats[None].grouping,
        order="".join(dict.fromkeys(re.findall("[dmy]", day.lower()))),
        separator=re.sub("[dMy]", "", day)[0],
        halves="a" in time,
        months={
            name.casefold().removesuffix("."): month
            for kind in ("format", "stand-alone")
            for width in ("wide", "abbreviated")
            for month, name in locale.months[kind][width].items()
        },
    )


def _groups(locale: Locale) -> str:
    """Return the separators of groups; a space too, which means the same everywhere."""
    symbol = get_group_symbol(locale).replace("’", "'")  # noqa: RUF001 - as they are printed
    return " " if symbol in SPACES else f" {symbol}"
