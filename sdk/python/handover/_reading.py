"""Reads values back from people, who were shown them as JSON.

An unchanged value is the very object; a changed one is read by the type of the original.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping, MutableMapping, Sequence, Set
from copy import copy
from enum import Enum
from typing import Any, TypeVar, cast, get_args

from pydantic import TypeAdapter, ValidationError

from ._values import (
    Path,
    UnfitValueError,
    as_exact_json,
    as_json,
    dumps,
    in_order,
    is_large,
    name_in_json,
)

INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,4000})", re.ASCII)
PLAIN = (str, int, float, bool, type(None))
OPEN: tuple[Any, ...] = (Any, object, dict, list, tuple, set, frozenset)


def read_back(original: Any, changed: Any, *path: str) -> Any:
    """Return a person's version of a value that they were shown as `as_json` has it.

    JSON may become any other JSON; every other value keeps its type, wherever it is. Raises
    `UnfitValueError` for a change that does not have that type.
    """
    if dumps(as_json(original)) == dumps(changed):
        return original
    match original, changed:
        case (Enum(), _):
            return _read_by(type(original), original, changed, path)
        case (int(), _) if not isinstance(original, bool):
            return _integer(original, changed, path)
        case (Mapping(), dict()):
            return _mapping(cast(Any, original), cast(dict[str, Any], changed), path)
        case ((list() | tuple() | deque() | set() | frozenset()), list()):
            return _items(cast(Any, original), cast(list[Any], changed), path)
        case _ if _is_plain(original):
            return changed
        case _:
            return _read_by(type(original), original, changed, path)


def refusal(error: UnfitValueError) -> str:
    """Return why a permitted payload cannot run."""
    return f"the approver's {'.'.join(error.path) or 'change'} does not fit: {error.why}"


def read_as(hint: Any, original: Any, changed: Any, *path: str) -> Any:
    """Read a value like `read_back`, but by an annotation, which may say more, or allow another
    type than the original's.

    Raises `UnfitValueError` if it does not fit.
    """
    if not _is_open(hint):
        try:
            return _fitting(hint, read_back(original, changed, *path), changed, path)
        except UnfitValueError:  # its annotation has the last word
            return _read_by(hint, original, changed, path)
    return _fitting(hint, read_back(original, changed, *path), changed, path)


def _fitting(hint: Any, read: Any, changed: Any, path: Path) -> Any:
    try:
        fit = TypeAdapter(hint).validate_python(read, strict=True)
    except Exception as error:  # whatever a type's own validators raise
        raise UnfitValueError(path, _summary(error)) from error
    _check_parts(hint, fit, changed, path)
    return fit


def _is_open(hint: Any) -> bool:
    """Return whether the annotation leaves some type to the caller."""
    return hint in OPEN or isinstance(hint, TypeVar) or any(map(_is_open, get_args(hint)))


def _read_by(hint: Any, original: object, changed: Any, path: Path) -> Any:
    told = _with_integers(as_exact_json(original, *path), changed)
    try:
        read = TypeAdapter(hint).validate_json(dumps(told), strict=True)
    except Exception as error:  # whatever a type's own validators raise
        raise UnfitValueError(path, _summary(error)) from error
    _check_parts(hint, read, changed, path)
    return read


def _check_parts(hint: Any, read: Any, changed: Any, path: Path) -> None:
    """Check that nothing was added, and nothing lost."""
    if not _has_same_parts(changed, as_json(read, *path)):
        raise UnfitValueError(path, f"it has other parts than {hint}")


def _summary(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    told = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(": ".join([*map(str, each["loc"]), each["msg"]]) for each in told[:3])


def _with_integers(exact: Any, changed: Any) -> Any:
    """Return the changed JSON, with integers in place of the texts for them, where `exact` has
    integers."""
    match exact, changed:
        case int(), str() if not isinstance(exact, bool) and _is_integer(exact, changed):
            return int(changed)
        case dict(), dict():
            known = cast(dict[str, Any], exact)
            told = cast(dict[str, Any], changed)
            return {k: _with_integers(known.get(k), each) for k, each in told.items()}
        case list(), list():
            told = cast(list[Any], changed)
            pairs = zip(_models(cast(list[Any], exact), len(told)), told, strict=True)
            return [_with_integers(model, each) for model, each in pairs]
        case _:
            return changed


def _is_integer(exact: int, text: str) -> bool:
    """Return whether this text stands for an integer that was there."""
    return bool(INTEGER.fullmatch(text)) and (is_large(exact) or is_large(int(text)))


def _models(known: Sequence[Any], count: int) -> list[Any]:
    """Return an example for each of so many entries: the original in its place, or, where entries
    came or went, any of them, if all are alike. None if that is not known."""
    if len(known) == count:
        return list(known)
    kinds: set[type] = {type(each) for each in known}
    return [known[0] if len(kinds) == 1 else None] * count


def _integer(original: int, changed: Any, path: Path) -> Any:
    told = _with_integers(original, changed)
    is_integer = isinstance(told, int) and not isinstance(told, bool)
    if is_large(original) and not is_integer:
        raise UnfitValueError(path, f"{original} is an integer")
    return told


def _mapping(original: Mapping[Any, Any], changed: dict[str, Any], path: Path) -> Any:
    names = {name_in_json(name, path): name for name in original}
    read: dict[Any, Any] = {}
    for key, value in changed.items():
        if key in names:
            read[names[key]] = read_back(original[names[key]], value, *path, key)
        elif all(isinstance(name, str) for name in names.values()):
            read[key] = value
        else:
            raise UnfitValueError((*path, key), "its name is new, and not a text")
    if not isinstance(original, MutableMapping):
        return read
    held = copy(original)  # an ordered one, or one with a default, stays one
    held.clear()
    held.update(read)
    return held


def _items(original: Any, changed: list[Any], path: Path) -> Any:
    known: list[Any] = list(original)
    if isinstance(original, Set):
        known = in_order(cast(Set[Any], original), path)
    left_alone = {dumps(as_json(each)): each for each in reversed(known)}
    models = _models(known, len(changed))
    read = [
        left_alone[text]
        if (text := dumps(value)) in left_alone
        else _item(models[index], value, known, (*path, str(index)))
        for index, value in enumerate(changed)
    ]
    kind = cast(Any, type(cast(object, original)))
    try:
        return getattr(kind, "_make", kind)(read)  # a named tuple takes no list
    except TypeError as error:
        raise UnfitValueError(path, str(error)) from error


def _item(model: Any, value: Any, known: list[Any], path: Path) -> Any:
    if model is not None:
        return read_back(model, value, *path)
    if all(map(_is_plain, known)):
        return value
    raise UnfitValueError(path, "it is like none of the others")


def _is_plain(value: object) -> bool:
    """Return whether it is JSON as it is, so that any JSON may replace it."""
    match value:
        case dict():
            told = cast(dict[Any, Any], value)
            return all(type(key) is str and _is_plain(told[key]) for key in told)
        case list():
            return all(map(_is_plain, cast(list[Any], value)))
        case _:
            return type(value) in PLAIN and not is_large(value)


def _has_same_parts(one: Any, other: Any) -> bool:
    match one, other:
        case dict(), dict():
            ones, others = cast(dict[str, Any], one), cast(dict[str, Any], other)
            same = ones.keys() == others.keys()
            return same and all(_has_same_parts(ones[key], others[key]) for key in ones)
        case list(), list():
            first, second = cast(list[Any], one), cast(list[Any], other)
            return len(first) == len(second) and all(map(_has_same_parts, first, second))
        case _:
            return True
