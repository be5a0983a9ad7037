"""A payload as people read it: one row for each value, a list of its changes, and a field for each
value in a form."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from handover.proof import digest, dumps
from templates.text import visible

MAX_ROWS = 60
"""Rows for people; more are no longer read, and the JSON has them."""

MAX_DEPTH = 6
"""Levels with rows of their own; a deeper value is JSON in its row."""

MAX_TEXT = 600
"""Characters of one value in a row."""

MAX_FIELDS = 60
"""Fields of a form; a payload with more values is changed as JSON."""

MAX_LINE = 60
"""Characters of a text that has a field of one line."""

BETWEEN = " → "

NEEDS_QUOTES = re.compile(r'|\s.*|.*\s|["#{\[].*|.*→.*', re.DOTALL)
"""Texts that would pass for something else, or for nothing, without quotes."""


Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """A value as text, without `more` of its characters; `is_text` says that it is a string in the
    JSON."""

    text: str
    is_text: bool
    more: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    value: Value


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a payload, without `more` of them."""

    rows: list[Row]
    more: int


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one value. `was` is None for an added one, `now` for a removed one."""

    name: str
    was: Value | None
    now: Value | None


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes of a payload, without `more` of them; `same` values are unchanged."""

    rows: list[Change]
    more: int
    same: int


Writer = Callable[[float], str]
"""Writes a number in its reader's way."""


def canonical(number: float) -> str:
    """Return a number as it is signed."""
    return dumps(number).decode()


@dataclass(frozen=True, slots=True)
class Field:
    """A form's field for a value of the payload. `kind` is `number`, `text`, `lines`, `flag`, or
    `fixed` for a value that only the JSON can change. `text` is its first content."""

    name: str
    path: Path
    label: str
    kind: str
    text: str
    value: Any


def rows(payload: Any, write: Writer = canonical) -> Rows:
    """Return a row for each value of the payload, with its path."""
    found = [Row(_name(path), _value(leaf, write)) for path, leaf in _leaves(payload, MAX_DEPTH)]
    return Rows(found[:MAX_ROWS], len(found[MAX_ROWS:]))


def fields(payload: Any, write: Writer = canonical) -> list[Field]:
    """Return a field for each value; none if there are too many."""
    leaves = list(_leaves(payload))
    if not payload or len(leaves) > MAX_FIELDS:
        return []
    return [
        Field(f"payload.{number}", path, _name(path), _kind(leaf), _written(leaf, write), leaf)
        for number, (path, leaf) in enumerate(leaves)
    ]


def changes(asked: Any, given: Any, write: Writer = canonical) -> Changes:
    """Return the differences of `given`, in the order of the original. Values are equal if their
    canonical JSON is: `1` and `1.0`, but not `1` and `"1"`."""
    before, after = dict(_leaves(asked)), dict(_leaves(given))
    paths = [*before, *(path for path in after if path not in before)]
    other = [path for path in paths if not _is_same(path, before, after)]
    told = [
        Change(_name(path), _value_at(path, before, write), _value_at(path, after, write))
        for path in other[:MAX_ROWS]
    ]
    return Changes(told, len(other[MAX_ROWS:]), len(paths) - len(other))


def texts(payload: Any) -> str:
    """Return all of its names and values, a line each."""
    parts = (part for path, leaf in _leaves(payload) for part in (*path, leaf))
    return "\n".join(dict.fromkeys(part for part in parts if isinstance(part, str)))


def fingerprint(payload: Any) -> str:
    """Return the beginning of the payload's digest, as people compare it: `3f2a 91bc 04d7 e1a2`."""
    return grouped(digest(payload))


def grouped(hex: str) -> str:
    """Return the first 16 of these digits in groups of four."""
    return " ".join(hex[start : start + 4] for start in range(0, 16, 4))


def _leaves(value: Any, depth: int | None = None, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Return the values that hold no others, or are `depth` levels down."""
    if (
        not value
        or not isinstance(value, dict | list)
        or (depth is not None and len(path) >= depth)
    ):
        yield path, value
        return
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield from _leaves(inner, depth, (*path, key))


def _is_same(path: Path, before: Mapping[Path, Any], after: Mapping[Path, Any]) -> bool:
    return path in before and path in after and dumps(before[path]) == dumps(after[path])


def _value_at(path: Path, values: Mapping[Path, Any], write: Writer) -> Value | None:
    return _value(values[path], write) if path in values else None


def _name(path: Path) -> str:
    return BETWEEN.join(f"#{part + 1}" if isinstance(part, int) else _key(part) for part in path)


def _key(key: str) -> str:
    return _quoted(key) if NEEDS_QUOTES.fullmatch(key) else key


def _value(leaf: Any, write: Writer) -> Value:
    if isinstance(leaf, str):
        shown = _quoted(leaf) if NEEDS_QUOTES.fullmatch(leaf) or _is_json(leaf) else leaf
        return _cut(shown, is_text=True)
    return _cut(_compact(leaf, write), is_text=False)


def _compact(value: Any, write: Writer) -> str:
    match value:
        case dict() | list():
            return json.dumps(value, ensure_ascii=False)
        case None | bool():
            return json.dumps(value)
        case _:
            return write(value)


def _kind(leaf: Any) -> str:
    match leaf:
        case bool():
            return "flag"
        case int() | float():
            return "number"
        case str() if visible(leaf) == leaf and "\r" not in leaf:
            return "lines" if len(leaf) > MAX_LINE or "\n" in leaf else "text"
        case _:
            return "fixed"  # also for what cannot be seen, which the JSON writes out


def _written(leaf: Any, write: Writer) -> str:
    return visible(leaf) if isinstance(leaf, str) else _compact(leaf, write)


def _is_json(text: str) -> bool:
    """Return whether it looks like a number, `true`, `false` or `null`."""
    return (
        re.fullmatch(r"[+-]?[0-9.,_]+([eE][+-]?[0-9]+)?|true|false|null|none", text, re.I)
        is not None
    )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _cut(text: str, *, is_text: bool) -> Value:
    return Value(text[:MAX_TEXT], is_text, max(0, len(text) - MAX_TEXT))
