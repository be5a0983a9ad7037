"""Sentences of the rules for people, in English, and in parts for other languages."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as default
from datetime import datetime
from typing import Any, cast


class Marked(str):
    """A text that is in the catalogs."""

    __slots__ = ()


def N_(text: str) -> Marked:  # noqa: N802 - gettext's own name for it
    """Mark a text that is translated where it is shown, and not here."""
    return Marked(text)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Numbers or times with an “or” between them, each as it can be typed."""

    values: tuple[float | datetime, ...]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence whose `str()` is English, for the API and for the record.

    `text` is that English with named places, as gettext's catalogs have it. What stands in them is
    a text, a count (an integer), a number (a float), a list of texts, `AnyOf` several, or another
    sentence. `field` names the field at fault.
    """

    text: str
    values: Mapping[str, Any] = default(default_factory=dict[str, Any])
    field: str | None = None

    def __str__(self) -> str:
        if self.field is not None:
            return f"{self.field}: {self.clause}"
        return self._filled(self.text)

    @property
    def clause(self) -> str:
        """The sentence in English, as the end of one that somebody else has begun."""
        is_abbreviation = self.text[1:2].isupper()
        return self._filled(self.text if is_abbreviation else self.text[:1].lower() + self.text[1:])

    def _filled(self, text: str) -> str:
        # A text without places may have a percent sign of its own.
        if not self.values:
            return str(text)
        return text % {name: _english(value) for name, value in self.values.items()}


def _english(value: Any) -> str:
    match value:
        case Sentence():
            return value.clause
        case AnyOf():
            return " or ".join(map(_typeable, value.values))
        case int():
            return f"{value:,}"
        case float():
            return repr(value).removesuffix(".0")
        case list() | tuple():
            # Short enough for the record, however many there are.
            listed = ", ".join(map(str, cast(Iterable[object], value)))
            return textwrap.shorten(listed, 300, placeholder=" …")
        case _:
            return str(value)


def _typeable(value: float | datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M%z}" if isinstance(value, datetime) else _english(float(value))
