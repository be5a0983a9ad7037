"""Agents' texts made safe for a terminal: hidden characters are written out, and nothing can pass
for this package's own words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Characters that have no visible form, whatever their category says."""

MAX_MARKS = 4
"""Marks above and below one letter; more cover the text around."""


def visible(text: str) -> str:
    """Write hidden characters out (`⟨U+202E⟩`), except newlines."""
    return "".join(_visible(re.sub(r"\r\n?", "\n", text.expandtabs(4))))


def visible_line(text: str, most: int | None = None) -> str:
    """Return the visible text as one line, cut with an ellipsis to `most` characters."""
    line = visible(" ".join(text.split()))
    return line if most is None or len(line) <= most else line[: most - 1] + "…"


def visible_json(text: str) -> str:
    r"""JSON that says the same, with hidden characters as `\u202e`."""
    return "".join(_escaped(each) if each != "\n" and _is_hidden(each) else each for each in text)


def quoted(text: str, width: int) -> Iterator[str]:
    """Return the text in rows of at most `width` columns, each behind a mark that it cannot
    leave."""
    for line in visible(text).split("\n"):
        for row in _rows(line, max(width - 2, 20)):
            yield f"│ {row}"


def _visible(text: str) -> Iterator[str]:
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        is_shown = character == "\n" or not (_is_hidden(character) or marks > MAX_MARKS)
        yield character if is_shown else f"⟨U+{ord(character):04X}⟩"


def _is_hidden(character: str) -> bool:
    if character in BLANK or unicodedata.name(character, "").startswith("VARIATION SELECTOR"):
        return True
    category = unicodedata.category(character)
    return category[0] == "C" or category in ("Zl", "Zp")


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


def _rows(line: str, width: int) -> Iterator[str]:
    row, columns = "", 0
    for character in line:
        wide = _columns(character)
        if columns + wide > width:
            yield row
            row, columns = "", 0
        row, columns = row + character, columns + wide
    yield row


def _columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WFA" else 1
