"""Checks JSON, which has to be readable in one way and signable. A value without a canonical form,
or a repeated name, is refused with its path."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any, cast

import rfc8785

from handover.proof import integer
from workflows.answers import MAX_NUMBER
from workflows.sentences import N_, Sentence

MAX_DEPTH = 64
"""Levels of nesting in JSON. Temporal's converter reads fewer than 200, and a workflow that cannot
read its own input neither asks nor expires."""

MAX_NAME = 100
"""Characters of a name that a path displays."""

TOO_DEEP = N_("This is nested more than %(most)s levels deep.")
TOO_LARGE = N_("This is %(count)s bytes of JSON; at most %(most)s are taken.")
INEXACT = N_(
    "This integer is beyond ±(2^53 - 1), where not every program reads it exactly; send it as a"
    " text."
)
NO_NUMBER = N_("JSON has no NaN and no infinity; send a finite number, or null.")
TWICE = N_("This name is there twice; write it once.")
HALF = N_("This has half of a character (a lone surrogate); leave it out.")
AT = N_("At %(path)s: %(what)s")

Path = tuple[str | int, ...]


class UnfitJsonError(ValueError):
    """The JSON is refused. `path` leads to the fault, and `sentence` tells its writer why."""

    def __init__(self, text: str, path: Path = (), **values: object) -> None:
        what = Sentence(text, values)
        super().__init__(what.clause.removesuffix("."))
        self.path = tuple(str(name)[:MAX_NAME] for name in path)
        told = {"path": ".".join(self.path), "what": what}
        self.sentence = Sentence(AT, told) if path else what


def read_json(text: str | bytes) -> Any:
    """Return the value of a JSON document in which each object has each name once.

    Raises `UnfitJsonError` for any other, and the errors of `json.loads`.
    """
    repeats: list[_Repeating] = []

    def made(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        told = dict(pairs)
        if len(told) == len(pairs):
            return told
        names = [name for name, _ in pairs]
        repeated = next(name for name in told if names.count(name) > 1)
        repeats.append(_Repeating(told, repeated))
        return repeats[-1]

    value = json.loads(text, object_pairs_hook=made)
    if repeats:
        raise UnfitJsonError(TWICE, _way_to_repeat(value))
    return value


def check_json(value: Any, most: int | None = None) -> Any:
    """Refuse a value without a canonical form, which signatures need, or larger than `most` bytes.

    Raises `UnfitJsonError`.
    """
    if _is_deeper(value, MAX_DEPTH):
        raise UnfitJsonError(TOO_DEEP, most=MAX_DEPTH)
    try:
        size = len(rfc8785.dumps(value))
    except ValueError as error:
        raise UnfitJsonError(*_first_fault(value)) from error
    if most and size > most:
        raise UnfitJsonError(TOO_LARGE, count=size, most=most)
    return value


def check_answer(value: Any, most: int) -> Any:
    """Check an answer, which may quote the payload. An integer that is just how canonical JSON, and
    every JavaScript, writes a large float becomes that float."""
    if _is_deeper(value, MAX_DEPTH):
        raise UnfitJsonError(TOO_DEEP, most=MAX_DEPTH)
    return check_json(_with_large_floats(value), most)


class _Repeating(dict[str, Any]):
    """An object with a repeated name."""

    def __init__(self, told: dict[str, Any], name: str) -> None:
        super().__init__(told)
        self.name = name


def _way_to_repeat(value: Any) -> Path:
    """Return the path to the outermost repeated name; the first of the two values is already
    lost."""
    level: list[tuple[Path, Any]] = [((), value)]
    while level:
        for path, part in level:
            if isinstance(part, _Repeating):
                return (*path, part.name)
        level = [((*path, n), inner) for path, part in level for n, inner in _parts(part)]
    return ()


def _with_large_floats(value: Any) -> Any:
    match value:
        case dict():
            told = cast(dict[str, Any], value)
            return {name: _with_large_floats(part) for name, part in told.items()}
        case list():
            return [_with_large_floats(part) for part in cast(list[Any], value)]
        case int() if abs(value) > MAX_NUMBER:
            return _as_float(value)
        case _:
            return value


def _as_float(number: int) -> int | float:
    try:
        return integer(str(number))
    except (ValueError, OverflowError):
        return number


def _is_deeper(value: Any, levels: int) -> bool:
    """Return whether a value is deeper, level by level, since a deep value would break
    recursion."""
    level: list[Any] = [value]
    for _ in range(levels + 1):
        if not level:
            return False
        level = [part for each in level for _, part in _parts(each)]
    return bool(level)


def _first_fault(value: Any) -> tuple[str, Path]:
    """Return what is wrong, and the path to it. There is a fault."""
    for name, part in _parts(value):
        why, path = _first_fault(part)
        if why:
            return why, (name, *path)
    return _fault(value), ()


def _fault(part: Any) -> str:
    match part:
        case str() if not _is_whole(part):
            return HALF
        case int() if abs(part) > MAX_NUMBER:
            return INEXACT
        case float() if not math.isfinite(part):
            return NO_NUMBER
        case dict() if not all(map(_is_whole, cast(dict[str, Any], part))):
            return HALF
        case _:
            return ""


def _parts(value: Any) -> Iterable[tuple[Any, Any]]:
    match value:
        case dict():
            return cast(dict[str, Any], value).items()
        case list():
            return enumerate(cast(list[Any], value))
        case _:
            return ()


def _is_whole(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
