"""Values as they come back from people, who were shown them as JSON.

What they left alone is the very object; what they changed is read by the type of what stood there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping, Sequence, Set
from copy import copy
from enum import Enum
from typing import Any, cast

from pydantic import TypeAdapter

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


def read_back(original: Any, changed: Any, *path: str) -> Any:
    """What somebody made of a value that they were shown as `as_json` has it.

    JSON may become any other JSON; all else keeps its type, wherever within the value it is.
    Raises `UnfitValueError` for a change that is none of that type.
    """
    if dumps(as_json(original)) == dumps(changed):
        return original
    match original, changed:
        case (Enum(), _):
            return read_as(type(original), original, changed, *path)
        case (int(), _) if not isinstance(original, bool):
            return _integer(original, changed, path)
        case (Mapping(), dict()):
            return _mapping(cast(Any, original), cast(dict[str, Any], changed), path)
        case ((list() | tuple() | set() | frozenset()), list()):
            return _items(cast(Any, original), cast(list[Any], changed), path)
        case _:
            plain = _is_plain(original)
            return changed if plain else read_as(type(original), original, changed, *path)


def read_as(hint: Any, original: object, changed: Any, *path: str) -> Any:
    """What somebody made of a value, read as a type has it: nothing added to it, nothing lost.

    Raises `UnfitValueError` where it does not fit.
    """
    told = _with_integers(as_exact_json(original, *path), changed)
    try:
        read = TypeAdapter(hint).validate_json(dumps(told), strict=True)
    except Exception as error:  # whatever a type's own validators raise
        raise UnfitValueError(path, f"it does not fit: {error}") from error
    if not _has_same_parts(changed, as_json(read, *path)):
        raise UnfitValueError(path, f"it does not fit: it has other parts than {hint}")
    return read


def _with_integers(exact: Any, changed: Any) -> Any:
    """The changed JSON, with integers in the place of texts that stand for them, where `exact` has
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
    """Whether this text stands for an integer, where there was one."""
    return bool(INTEGER.fullmatch(text)) and (is_large(exact) or is_large(int(text)))


def _models(known: Sequence[Any], count: int) -> list[Any]:
    """For each of so many entries one that it is like: the one in its place, or where entries came
    or went any of them, if all are alike. None where that is not known."""
    if len(known) == count:
        return list(known)
    kinds: set[type] = {type(each) for each in known}
    return [known[0] if len(kinds) == 1 else None] * count


def _integer(original: int, changed: Any, path: Path) -> Any:
    told = _with_integers(original, changed)
    is_integer = isinstance(told, int) and not isinstance(told, bool)
    if is_large(original) and not is_integer:
        raise UnfitValueError(path, f"it does not fit: {original} is an integer")
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
            raise UnfitValueError((*path, key), "it does not fit: its name is new, and not a text")
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
        raise UnfitValueError(path, f"it does not fit: {error}") from error


def _item(model: Any, value: Any, known: list[Any], path: Path) -> Any:
    if model is not None:
        return read_back(model, value, *path)
    if all(map(_is_plain, known)):
        return value
    raise UnfitValueError(path, "it does not fit: it is like none of the others")


def _is_plain(value: object) -> bool:
    """Whether it is JSON as it is, so that any JSON may take its place."""
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
