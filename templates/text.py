"""Filters that turn an agent's text into one that a person can trust.

An agent's text counts as hostile: it may have characters that reorder, hide or imitate the words
around it. These filters return what the person would be agreeing to.
"""

from __future__ import annotations

import json
import re
import textwrap
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories without a glyph: control, format (bidi among them), unassigned, separators."""

BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols, by category, that have no visible form."""

JOINERS = frozenset("\u200c\u200d")
"""Joiners, which emoji and the scripts of Persia and India need."""

UNUSUAL = re.compile(r"[^\n\t -~]")
"""What has to be looked at one by one; the rest, nearly all of a payload of 256 KB, is plain."""

MAX_MARKS = 4
"""Marks above and below one letter. No language needs more, and more cover the text around."""

QUOTE_WIDTH = 76
"""Columns of a quote. A longer line is wrapped here, as a mail client would wrap it without its
mark."""


SCRIPTS = ("LATIN", "CYRILLIC", "GREEK")
"""Scripts whose letters pass for each other's, by the beginning of their characters' names."""

SYMBOLS = frozenset("μΩΔπΣλ")
"""Greek letters that occur beside Latin ones in units and formulas, and resemble none of them."""

MAX_WORDS = 5
"""Words of several scripts in a hint; a reader who needs more is past helping."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The beginning of a text, and whether there is more of it."""

    text: str
    cut: bool


@dataclass(frozen=True, slots=True)
class Folded:
    """A text in two parts: one is displayed, and the other when somebody asks for it."""

    beginning: str
    rest: str


def visible(text: str) -> str:
    """Write hidden characters out (`⟨U+202E⟩`), except newlines and tabs."""
    text = re.sub(r"\r\n?", "\n", text)
    return _spelled(text, lambda character: f"⟨U+{ord(character):04X}⟩")


def visible_line(text: str, limit: int | None = None) -> str:
    """Return the visible text as one line, cut with an ellipsis to `limit` characters."""
    line = visible(" ".join(text.split()))
    return line if limit is None or len(line) <= limit else line[: limit - 1].rstrip() + "…"


def excerpt(text: str, characters: int, lines: int) -> Excerpt:
    """Return the beginning of a text, bounded in both directions."""
    text = text.strip("\n")
    beginning = "\n".join(text[:characters].split("\n")[:lines])
    return Excerpt(beginning.rstrip() or beginning, cut=len(beginning) < len(text))


def folded(text: str, characters: int, lines: int) -> Folded:
    """Split the text into two parts, the first of about this length; nothing is lost between them.

    A text that is little longer stays whole.
    """
    beginning = excerpt(text, characters, lines).text
    start = text.find(beginning) + len(beginning)
    is_little = len(text) - start < characters / 2 and text.count("\n", start) < lines / 2
    return Folded(text, "") if is_little else Folded(text[:start], text[start:])


def mixed_scripts(text: str) -> list[str]:
    """Return the words with letters of several scripts that look alike, and say which of them are
    not Latin: `paypal (a = U+0430)`, where the `a` is Cyrillic."""
    found = dict.fromkeys(word for word in re.findall(r"[^\W\d_]+", text) if _is_mixed(word))
    return [f"{visible(word[:40])} ({_strange(word[:40])})" for word in list(found)[:MAX_WORDS]]


def quoted(text: str) -> str:
    """Mark every line of the text, wrapped ones too: none of it can pass for ours."""
    lines = [
        part
        for line in text.expandtabs(4).split("\n")
        for part in textwrap.wrap(line, QUOTE_WIDTH - 2, break_on_hyphens=False) or [""]
    ]
    return "\n".join(f"> {line}".rstrip() for line in lines)


def as_json(value: object) -> str:
    """Write JSON for people."""
    return visible(json.dumps(value, indent=2, ensure_ascii=False))


def editable_json(value: object) -> str:
    """Write JSON for people who edit it: the same value, with hidden characters as JSON escapes
    them."""
    return _spelled(json.dumps(value, indent=2, ensure_ascii=False), _escaped)


def is_web_link(text: str) -> bool:
    """Return whether this may become a link: only http and https, in plain ASCII."""
    return re.fullmatch(r"https?://[!-~]+", text) is not None


def _spelled(text: str, spell: Callable[[str], str]) -> str:
    """The text with this in the place of each character that is not plain."""

    def shown(found: re.Match[str]) -> str:
        return found[0] if _is_plain(text, found.start()) else spell(found[0])

    return UNUSUAL.sub(shown, text)


def _is_plain(text: str, index: int) -> bool:
    character = text[index]
    if character in "\n\t":
        return True
    if character in JOINERS:
        around = (text[index - 1 : index], text[index + 1 : index + 2])
        return all(not neighbour.isascii() for neighbour in around)
    if character in BLANK or unicodedata.category(character) in HIDDEN:
        return False
    stack = text[max(0, index - MAX_MARKS) : index + 1]
    return len(stack) <= MAX_MARKS or not all(map(_is_mark, stack))


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Me")


def _is_mixed(word: str) -> bool:
    return not word.isascii() and len({script for _, script in _scripts(word)}) > 1


def _strange(word: str) -> str:
    strange = dict.fromkeys(letter for letter, script in _scripts(word) if script != "LATIN")
    return ", ".join(f"{letter} = U+{ord(letter):04X}" for letter in strange)


def _scripts(word: str) -> Iterator[tuple[str, str]]:
    for letter in word:
        script = unicodedata.name(letter, "").partition(" ")[0]
        if script in SCRIPTS and letter not in SYMBOLS:
            yield letter, script
