"""JSON documents that can be read in one way: each name once in its object, and no NaN."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NoReturn, cast

Path = tuple[str, ...]


class RepeatedNameError(ValueError):
    """A name is repeated in an object; `path` leads to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"{'.'.join(path)}: {self.why}")

    @property
    def why(self) -> str:
        return "this name is there twice; write it once"


class _Repeating(dict[str, Any]):
    """An object with a repeated name."""

    def __init__(self, told: dict[str, Any], name: str) -> None:
        super().__init__(told)
        self.name = name


def read_json(document: str | bytes) -> Any:
    """Read a document. Raises `ValueError` if it is no JSON, and `RepeatedNameError`."""
    repeats: list[_Repeating] = []

    def made(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        told = dict(pairs)
        if len(told) == len(pairs):
            return told
        names = [name for name, _ in pairs]
        repeated = next(name for name in told if names.count(name) > 1)
        repeats.append(_Repeating(told, repeated))
        return repeats[-1]

    try:
        value = json.loads(document, object_pairs_hook=made, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if repeats:
        raise RepeatedNameError(_way_to_repeat(value))
    return value


def _way_to_repeat(value: Any) -> Path:
    """Return the path to the outermost repeated name; the first of the two values is already
    lost."""
    level: list[tuple[Path, Any]] = [((), value)]
    while level:
        for path, part in level:
            if isinstance(part, _Repeating):
                return (*path, part.name)
        level = [((*path, name), inner) for path, part in level for name, inner in _parts(part)]
    return ()


def _parts(value: Any) -> Iterable[tuple[str, Any]]:
    match value:
        case dict():
            return cast(dict[str, Any], value).items()
        case list():
            return ((str(i), part) for i, part in enumerate(cast(list[Any], value)))
        case _:
            return ()


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is none of its numbers")
