"""What tests ask of a text in another language: whether any of it is still English."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html.parser import HTMLParser

SAME = {
    "de": {"handover", "code", "json", "utc", "name"},
    "fr": {"handover", "code", "json", "utc", "ctrl", "image", "images", "action"},
}
"""Words that are the same in English."""

HEARD = ("alt", "aria-label", "placeholder", "title")
SILENT = ("style", "script")


class Page(HTMLParser):
    """What a person reads and hears of HTML, piece by piece, and the language that it claims."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.language: str | None = None
        self._is_silent = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "html":
            self.language = given.get("lang")
        self._is_silent = tag in SILENT
        self.texts += [text for name in HEARD if (text := given.get(name))]

    def handle_endtag(self, tag: str) -> None:
        self._is_silent = False

    def handle_data(self, data: str) -> None:
        if not self._is_silent:
            self.texts.append(" ".join(data.split()))


def words_of(text: str) -> set[str]:
    """Of three letters and more: a shorter one may be of any language."""
    without_digests = re.sub(r"\b[0-9a-f]{4}( [0-9a-f]{4})+\b", "", text.lower())
    return set(re.findall(r"[a-z]{3,}", without_digests))


def english_left(
    english: Iterable[str], other: Iterable[str], language: str, theirs: str
) -> set[str]:
    """Texts that are the same in both, but for those of words that are somebody else's."""
    known = words_of(theirs) | SAME[language]
    return {text for text in set(english) & set(other) if not words_of(text) <= known}
