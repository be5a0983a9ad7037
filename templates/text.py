"""How an agent's text becomes something that a person can trust.

An agent's text is hostile until shown otherwise: it may hold characters that reorder, hide or
imitate the words around it. What these filters return is what the person would be agreeing to.
"""

from __future__ import annotations

import json
import re
import textwrap
import unicodedata
from dataclasses import dataclass

HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories without a glyph: control, format (bidi among them), unassigned, separators."""

BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols, by category, that are drawn as nothing."""

JOINERS = frozenset("\u200c\u200d")
"""Needed inside emoji and in the scripts of Persia and India."""

QUOTE_WIDTH = 76
"""Columns. A longer line is wrapped here, as a mail client would wrap it without its mark."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The beginning of a text, and whether there is more of it."""

    text: str
    cut: bool


def visible(text: str) -> str:
    """The text with hidden characters written out (`⟨U+202E⟩`), but for newlines and tabs."""
    text = re.sub(r"\r\n?", "\n", text)
    return "".join(
        character if _is_plain(text, index) else f"⟨U+{ord(character):04X}⟩"
        for index, character in enumerate(text)
    )


def visible_line(text: str, limit: int | None = None) -> str:
    """The same as one line, cut with an ellipsis to `limit` characters."""
    line = visible(" ".join(text.split()))
    return line if limit is None or len(line) <= limit else line[: limit - 1].rstrip() + "…"


def excerpt(text: str, characters: int, lines: int) -> Excerpt:
    """The beginning of a text, bounded in both directions."""
    text = text.strip("\n")
    beginning = "\n".join(text[:characters].split("\n")[:lines])
    return Excerpt(beginning.rstrip() or beginning, cut=len(beginning) < len(text))


def quoted(text: str) -> str:
    """The text with every line marked, wrapped ones too: none of it can pass for ours."""
    lines = [
        part
        for line in text.expandtabs(4).split("\n")
        for part in textwrap.wrap(line, QUOTE_WIDTH - 2, break_on_hyphens=False) or [""]
    ]
    return "\n".join(f"> {line}".rstrip() for line in lines)


def as_json(value: object) -> str:
    """JSON for people."""
    return visible(json.dumps(value, indent=2, ensure_ascii=False))


def is_web_link(text: str) -> bool:
    """Whether this may become a link: nothing but http and https, in plain ASCII."""
    return re.fullmatch(r"https?://[!-~]+", text) is not None


def number(value: float) -> str:
    """Without the end that a whole number has as a float."""
    return repr(value).removesuffix(".0")


def _is_plain(text: str, index: int) -> bool:
    character = text[index]
    if character in "\n\t":
        return True
    if character in JOINERS:
        around = (text[index - 1 : index], text[index + 1 : index + 2])
        return all(not neighbour.isascii() for neighbour in around)
    return character not in BLANK and unicodedata.category(character) not in HIDDEN
