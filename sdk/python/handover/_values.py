"""Values as JSON has them, for people to read.

JSON has fewer kinds of values than Python: other values become texts, lists or objects, and an
integer that some readers of JSON would round becomes a text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, cast

from pydantic_core import to_jsonable_python

MAX_INTEGER = 2**53 - 1
"""Largest integer, in both directions, that readers of JSON do not round."""

MAX_BITS = 13_000
"""Bits of an integer. Python writes and reads no integers of more than 4,300 digits."""

MAX_NAME = 100
"""Characters of a name that an error repeats."""

MAX_DEPTH = 64
"""Levels of nesting that the service takes."""

SURROGATE = re.compile("[\ud800-\udfff]")

Path = tuple[str, ...]


class UnfitValueError(Exception):
    """The value is no JSON, or the change does not fit; `path` leads to it."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(path, why)
        self.path = tuple(name[:MAX_NAME] for name in path)
        self.why = why

    def __str__(self) -> str:
        return f"{'.'.join(self.path)}: {self.why}" if self.path else self.why


def dumps(value: object) -> str:
    """Write JSON to compare by, in which 1, 1.0 and true differ."""
    return json.dumps(value, sort_keys=True, allow_nan=False)


def as_json(value: object, *path: str) -> Any:
    """Return the value as it is sent, the same in every process.

    Raises `UnfitValueError` if it has no form in JSON.
    """
    return _Writer(exact=False).write(value, path)


def as_exact_json(value: object, *path: str) -> Any:
    """Return the value like `as_json`, with integers that stay integers however large they are."""
    return _Writer(exact=True).write(value, path)


def is_large(value: object) -> bool:
    """Return whether this is an integer that is sent as a text."""
    return isinstance(value, int) and abs(value) > MAX_INTEGER


def name_in_json(name: object, path: Path) -> str:
    """Return the name of a key in a JSON object, which in a mapping may be no text."""
    if isinstance(name, str) and not isinstance(name, Enum):
        return _text(name, path)
    (told,) = _jsonable({name: None}, path)
    return _text(told, path)


def in_order(value: Set[Any], path: Path) -> list[Any]:
    """Sort a set, whose order differs in each process, so that a repeated question is the same."""
    return sorted(value, key=lambda each: dumps(as_json(each, *path)))


class _Writer:
    def __init__(self, *, exact: bool) -> None:
        self._exact = exact

    def write(self, value: object, path: Path) -> Any:
        if len(path) > MAX_DEPTH:
            raise UnfitValueError(path[:3], f"this is nested more than {MAX_DEPTH} levels deep")
        match value:
            case Enum():
                return self.write(value.value, path)
            case None | bool() | str() | int() | float():
                return self._scalar(value, path)
            case Iterator():
                raise UnfitValueError(path, "reading an iterator uses it up; give a list")
            case Mapping():
                return self._object(cast(Mapping[Any, Any], value), path)
            case list() | tuple():
                return self._list(cast(Sequence[Any], value), path)
            case set() | frozenset():
                return self._list(in_order(cast(Set[Any], value), path), path)
            case _:
                return self._other(value, path)

    def _scalar(self, value: str | float | None, path: Path) -> Any:
        match value:
            case None | bool():
                return value
            case str():
                return _text(value, path)
            case int():
                return self._integer(value, path)
            case _:
                return _number(value, path)

    def _integer(self, value: int, path: Path) -> int | str:
        if value.bit_length() > MAX_BITS:
            raise UnfitValueError(path, "this integer has thousands of digits; say it otherwise")
        return str(int(value)) if is_large(value) and not self._exact else int(value)

    def _object(self, value: Mapping[Any, Any], path: Path) -> dict[str, Any]:
        told: dict[str, Any] = {}
        for name, each in value.items():
            if (key := name_in_json(name, path)) in told:
                raise UnfitValueError(path, f"two of its names are {key[:MAX_NAME]!r} in JSON")
            told[key] = self.write(each, (*path, key))
        return told

    def _list(self, value: Sequence[Any], path: Path) -> list[Any]:
        return [self.write(each, (*path, str(index))) for index, each in enumerate(value)]

    def _other(self, value: object, path: Path) -> Any:
        serializer = getattr(type(value), "__pydantic_serializer__", None)
        if is_dataclass(value) and not isinstance(value, type) and serializer is None:
            return self._object({e.name: getattr(value, e.name) for e in fields(value)}, path)
        told = _jsonable(value, path)
        if serializer:
            whole = serializer.to_python(value, by_alias=True, warnings=False)
            told = _in_one_order(whole, told)
        return self.write(told, path)


def _text(value: str, path: Path) -> str:
    if SURROGATE.search(value):
        raise UnfitValueError(path, "it has half of a character (a lone surrogate); leave it out")
    return str(value)


def _number(value: float, path: Path) -> float:
    if not math.isfinite(value):
        raise UnfitValueError(path, f"{value} is no number in JSON; give a finite one, or null")
    return float(value)


def _jsonable(value: object, path: Path) -> Any:
    try:
        return to_jsonable_python(value)
    except UnicodeDecodeError as error:
        raise UnfitValueError(path, "these bytes are no text; give them as base64") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise UnfitValueError(path, f"it has no form in JSON ({error})") from error


def _in_one_order(value: object, told: Any) -> Any:
    """Return pydantic's form of a model, with its sets in one order."""
    match value, told:
        case dict(), dict():
            inner = cast(dict[Any, Any], value)
            named = cast(dict[str, Any], told)
            return {key: _in_one_order(inner.get(key), named[key]) for key in named}
        case ((list() | tuple() | set() | frozenset()), list()):
            entries = cast(list[Any], told)
            if len(cast(Any, value)) != len(entries):
                return entries
            pairs = zip(cast(Any, value), entries, strict=True)
            listed = [_in_one_order(each, entry) for each, entry in pairs]
            return sorted(listed, key=json.dumps) if isinstance(value, Set) else listed
        case _:
            return told
