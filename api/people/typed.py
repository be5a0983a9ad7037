"""Numbers and times as people type them, which are taken if they have one reading; otherwise the
page asks back.

An entry is taken if it is written as in the reader's locale, and nobody elsewhere reads it
otherwise. `assets/typed.js` reads by the same rules, while somebody types.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from itertools import product

from templates.notation import Notation
from workflows.answers import MAX_NUMBER
from workflows.canonical import dumps
from workflows.sentences import N_, AnyOf, Sentence

MAX_LENGTH = 100
"""Characters of a number or a time."""

MAX_TOLD = 40
"""Characters of an entry that a question about it repeats."""

WHEN = Sentence(
    N_("Say when: choose “As soon as it is approved”, or give a date and time."), field="execute_at"
)
NOW_OR_THEN = Sentence(
    N_("You chose “As soon as it is approved”, and gave a time as well: take one of them back."),
    field="execute_at",
)

NUMBER = re.compile(r"([+-]?)([0-9][0-9.,' ]*|[.,][0-9]+)([eE][+-]?[0-9]{1,3})?")
SPELLINGS = str.maketrans(
    {
        **dict.fromkeys("\xa0\u202f\u2009", " "),
        **dict.fromkeys("−﹣－", "-"),  # noqa: RUF001 - what keyboards and other programs write
        **dict.fromkeys("’ʼ＇", "'"),  # noqa: RUF001
        "．": ".",  # noqa: RUF001
        "，": ",",  # noqa: RUF001
        "：": ":",  # noqa: RUF001
        "／": "/",  # noqa: RUF001
        "＋": "+",  # noqa: RUF001
    }
)

WHOLE = re.compile(
    r"(?P<date>.+?)[T\s,]+(?:(?:um|à|at)\s)?"
    r"(?P<hour>[0-9]{1,2})(?:\s?[:.h]\s?(?P<minute>[0-9]{2})|(?=\s?(?:[ap]\.?m|h)))"
    r"(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,6})[0-9]*)?)?"
    r"(?:\s?(?P<half>[ap])\.?m\.?|\s?uhr|\s?h)?"
    r"\s?(?P<offset>z|(?:utc|gmt)?(?P<sign>[+-])(?P<hours>[01]?[0-9]|2[0-3])"
    r"(?::?(?P<minutes>[0-5][0-9]))?|utc|gmt)?",
    re.IGNORECASE,
)
ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:.*")
DIGITS = re.compile(r"([0-9]{1,4})\s?([./-])\s?([0-9]{1,2})\s?\2\s?([0-9]{1,4})")
NAMED = re.compile(
    r"(?P<d>[0-9]{1,2})(?:\.|er|st|nd|rd|th)?\s+(?P<m>[^\W\d_]+)\.?,?\s+(?P<y>[0-9]{4})"
    r"|(?P<M>[^\W\d_]+)\.?\s+(?P<D>[0-9]{1,2})(?:st|nd|rd|th)?,?\s+(?P<Y>[0-9]{4})"
)

TWO_THINGS = N_("“%(typed)s” can mean %(meanings)s. Write the one that you mean.")
ANOTHER_WAY = N_(
    "“%(typed)s” is not how this is written here. If you mean %(meanings)s, write that."
)


class UnclearError(ValueError):
    """The entry has several readings, or is written as elsewhere; `sentence` asks back."""

    def __init__(self, typed: str, meanings: Iterable[float | datetime]) -> None:
        found = tuple(meanings)
        told = typed if len(typed) <= MAX_TOLD else f"{typed[:MAX_TOLD]}…"
        text = TWO_THINGS if len(found) > 1 else ANOTHER_WAY
        self.meanings = found
        self.sentence = Sentence(text, {"typed": told, "meanings": AnyOf(found)})
        super().__init__(str(self.sentence))


def read_number(text: str, notation: Notation) -> int | float | None:
    """Read a number; None if it is none at all. Raises `UnclearError`."""
    typed = _plain(text)
    match = NUMBER.fullmatch(typed) if len(typed) <= MAX_LENGTH else None
    if match is None:
        return None
    sign, digits, exponent = match[1], match[2].rstrip(), match[3] or ""
    own = _own(digits, notation)
    told = [*own, *_elsewhere(digits), *([] if own else _slips(digits))]
    meanings = [Decimal(f"{sign}{each}{exponent}") for each in dict.fromkeys(told)]
    numbers = dict.fromkeys(each for each in map(_as_double, meanings) if each is not None)
    if not numbers:
        return None
    [first, *rest] = numbers
    is_exact = meanings[0] == Decimal(dumps(first).decode())
    if rest or not own or not is_exact:
        raise UnclearError(typed, numbers)
    return first


def read_time(text: str, notation: Notation) -> datetime | None:
    """Read a clock's time, with its offset if one was typed. None if it is no date and time.

    Raises `UnclearError`.
    """
    typed = _plain(text)
    match = WHOLE.fullmatch(typed) if len(typed) <= MAX_LENGTH else None
    if match is None:
        return None
    days, is_own = _days(match["date"], notation)
    halves = notation.halves and not ISO.fullmatch(typed)
    rest, offset = _after_the_hour(match), _offset(match)
    hours = [] if rest is None else _hours(match, halves=halves)
    meanings = [
        day.replace(hour=hour, tzinfo=offset) + (rest or timedelta())
        for day, hour in product(days, hours)
    ]
    if not meanings:
        return None
    if len(meanings) > 1 or not is_own:
        raise UnclearError(typed, meanings)
    return meanings[0]


def _plain(text: str) -> str:
    """Return the text with the digits and signs of ASCII."""
    ascii = (str(unicodedata.decimal(each, each)) for each in text.translate(SPELLINGS))
    return "".join(ascii).strip()


def _own(digits: str, notation: Notation) -> list[str]:
    """Return their value in the reader's own way of writing."""
    last, others = notation.sizes
    groups = "|".join(
        rf"[1-9][0-9]{{0,{others - 1}}}(?:{each}[0-9]{{{others}}})*{each}[0-9]{{{last}}}"
        for each in map(re.escape, notation.groups)
    )
    return _written(digits, notation.decimal, f"[0-9]+|{groups}")


def _elsewhere(digits: str) -> list[str]:
    """Return their values somewhere, in the West or in India."""
    found: list[str] = []
    for decimal, groups in ((".", ",' "), (",", ".' ")):
        grouped = "|".join(
            rf"[1-9][0-9]{{0,2}}(?:{each}[0-9]{{2,3}})*{each}[0-9]{{3}}"
            for each in map(re.escape, groups)
        )
        found += _written(digits, decimal, f"[0-9]+|{grouped}")
    return found


def _slips(digits: str) -> list[str]:
    """Return the values of their one separator if nobody writes it so."""
    is_one = re.fullmatch("[0-9]+([.,])[0-9]+", digits)
    return [digits.replace(is_one[1], point) for point in (".", "")] if is_one else []


def _written(digits: str, decimal: str, whole: str) -> list[str]:
    """Return the values as Python writes them."""
    match = re.fullmatch(rf"({whole}|)(?:{re.escape(decimal)}([0-9]*))?", digits)
    if match is None or not (match[1] or match[2]):
        return []
    return [f"{re.sub('[^0-9]', '', match[1]) or 0}.{match[2] or 0}"]


def _as_double(number: Decimal) -> int | float | None:
    """Return the nearest number that JSON keeps."""
    if number == number.to_integral_value() and abs(number) <= MAX_NUMBER:
        return int(number)
    nearest = float(number)
    return nearest if abs(nearest) != float("inf") else None


def _days(text: str, notation: Notation) -> tuple[list[datetime], bool]:
    """Return the possible days, and whether one is written so here."""
    if named := NAMED.fullmatch(text):
        month = notation.months.get((named["m"] or named["M"]).casefold(), 0)
        year, day = int(named["y"] or named["Y"]), int(named["d"] or named["D"])
        return list(_day(year, month, day)), True
    match = DIGITS.fullmatch(text)
    if match is None:
        return [], False
    parts, separator = (match[1], match[3], match[4]), match[2]
    orders = _orders(parts, separator, notation)
    found = {order: day for order in orders for day in _in(order, parts)}
    ours = {("ymd", "-"), (notation.order, notation.separator)}
    is_whole = max(map(len, parts)) == 4
    is_own = is_whole and any((order, separator) in ours for order in found)
    return list(dict.fromkeys(found.values())), is_own


def _orders(parts: Sequence[str], separator: str, notation: Notation) -> list[str]:
    """Return the possible orders of year, month and day; the reader's comes first."""
    if len(parts[0]) == 4:
        return ["ymd"]
    if separator == ".":
        return ["dmy"]  # wherever a date has points
    return ["mdy", "dmy"] if notation.order == "mdy" else ["dmy", "mdy"]


def _in(order: str, parts: Sequence[str]) -> Iterator[datetime]:
    told = dict(zip(order, parts, strict=True))
    year = told["y"] if len(told["y"]) == 4 else f"20{told['y'][-2:]:0>2}"
    return _day(int(year), int(told["m"]), int(told["d"]))


def _day(year: int, month: int, day: int) -> Iterator[datetime]:
    try:
        yield datetime(year, month, day)  # noqa: DTZ001 - a clock's time
    except ValueError:
        return


def _hours(match: re.Match[str], *, halves: bool) -> list[int]:
    """Return the possible meanings of this hour."""
    hour = int(match["hour"])
    if half := match["half"]:
        return [hour % 12 + (12 if half in "pP" else 0)] if 1 <= hour <= 12 else []
    if halves and 1 <= hour <= 12:
        return [hour % 12, hour % 12 + 12]
    return [hour] if hour < 24 else []


def _after_the_hour(match: re.Match[str]) -> timedelta | None:
    minute, second = int(match["minute"] or 0), int(match["second"] or 0)
    if minute > 59 or second > 59:
        return None
    fraction = int((match["fraction"] or "").ljust(6, "0"))
    return timedelta(minutes=minute, seconds=second, microseconds=fraction)


def _offset(match: re.Match[str]) -> timezone | None:
    if not match["offset"]:
        return None
    ahead = timedelta(hours=int(match["hours"] or 0), minutes=int(match["minutes"] or 0))
    return timezone(-ahead if match["sign"] == "-" else ahead)


def repair(text: str) -> str:
    """Repair a text: some charsets make half characters, which can neither be signed nor displayed;
    PostgreSQL takes no NUL; and forms end a line with CR LF."""
    text = text.encode(errors="replace").decode()
    return text.replace("\x00", "\ufffd").replace("\r\n", "\n")
