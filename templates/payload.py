"""A payload as people read it: one row for each value, and what a change to it changes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from handover.proof import digest, dumps

MAX_ROWS = 60
"""More are no longer read; the JSON has them."""

MAX_DEPTH = 6
"""Levels that become rows of their own; what is deeper stands in its row as JSON."""

MAX_TEXT = 600
"""Characters of one value in a row."""

BETWEEN = " → "

NEEDS_QUOTES = re.compile(r'|\s.*|.*\s|["#{\[].*|.*→.*', re.DOTALL)
"""Texts that, as they are, would pass for something else, or for nothing."""


@dataclass(frozen=True, slots=True)
class Value:
    """`more` characters of it are left out; `is_text` says that it is a string in the JSON."""

    text: str
    is_text: bool
    more: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    value: Value


@dataclass(frozen=True, slots=True)
class Rows:
    """`more` rows are left out."""

    rows: list[Row]
    more: int


@dataclass(frozen=True, slots=True)
class Change:
    """`was` is None for what was added, `now` for what was removed."""

    name: str
    was: Value | None
    now: Value | None


@dataclass(frozen=True, slots=True)
class Changes:
    """`more` changes are left out; `same` values are as they were asked."""

    rows: list[Change]
    more: int
    same: int


def rows(payload: Any) -> Rows:
    """Each value of the payload, by the way that leads to it."""
    found = [Row(_name(path), _value(leaf)) for path, leaf in _leaves(payload, MAX_DEPTH)]
    return Rows(found[:MAX_ROWS], len(found[MAX_ROWS:]))


def changes(asked: Any, given: Any) -> Changes:
    """What is other in `given`, in the order of what was asked. Equal is what is equal as canonical
    JSON: `1` and `1.0`, but not `1` and `"1"`."""
    before, after = dict(_leaves(asked)), dict(_leaves(given))
    paths = [*before, *(path for path in after if path not in before)]
    other = [path for path in paths if not _is_same(path, before, after)]
    told = [
        Change(_name(path), _value_at(path, before), _value_at(path, after))
        for path in other[:MAX_ROWS]
    ]
    return Changes(told, len(other[MAX_ROWS:]), len(paths) - len(other))


def texts(payload: Any) -> str:
    """All that is written in it, names and values, a line each."""
    parts = (part for path, leaf in _leaves(payload) for part in (*path, leaf))
    return "\n".join(dict.fromkeys(part for part in parts if isinstance(part, str)))


def fingerprint(payload: Any) -> str:
    """The beginning of the payload's digest, as people compare it: `3f2a 91bc 04d7 e1a2`."""
    return grouped(digest(payload))


def grouped(hex: str) -> str:
    """The first 16 of these digits in groups of four."""
    return " ".join(hex[start : start + 4] for start in range(0, 16, 4))


Path = tuple[str | int, ...]


def _leaves(value: Any, depth: int | None = None, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """The values that hold no others, or are `depth` levels down."""
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


def _value_at(path: Path, values: Mapping[Path, Any]) -> Value | None:
    return _value(values[path]) if path in values else None


def _name(path: Path) -> str:
    return BETWEEN.join(f"#{part + 1}" if isinstance(part, int) else _key(part) for part in path)


def _key(key: str) -> str:
    return _quoted(key) if NEEDS_QUOTES.fullmatch(key) else key


def _value(leaf: Any) -> Value:
    if isinstance(leaf, str):
        shown = _quoted(leaf) if NEEDS_QUOTES.fullmatch(leaf) or _is_json(leaf) else leaf
        return _cut(shown, is_text=True)
    return _cut(_compact(leaf), is_text=False)


def _compact(value: Any) -> str:
    """A number as its canonical form has it, which is what is signed."""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return dumps(value).decode()


def _is_json(text: str) -> bool:
    """Whether it looks like a number, `true`, `false` or `null`."""
    return (
        re.fullmatch(r"[+-]?[0-9.,_]+([eE][+-]?[0-9]+)?|true|false|null|none", text, re.I)
        is not None
    )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _cut(text: str, *, is_text: bool) -> Value:
    return Value(text[:MAX_TEXT], is_text, max(0, len(text) - MAX_TEXT))
