"""The service's limits on JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

MAX_DEPTH = 64
MAX_INTEGER = 2**53 - 1
MAX_PAYLOAD = 256 * 1024
MAX_DATA = MAX_PAYLOAD + 1024
MAX_METADATA = 16 * 1024
HALF = "this has half of a character (a lone surrogate); leave it out"
INEXACT = (
    "this integer is beyond ±(2^53 - 1), where not every program reads it exactly; send it as a"
    " text"
)

Path = tuple[str, ...]


class UnfitJsonError(ValueError):
    """The JSON is refused; `path` leads to the fault."""

    def __init__(self, why: str, path: Path = ()) -> None:
        super().__init__(why)
        self.path = path


def check_json(value: Any, most: int) -> Any:
    """Check a value. Raises `UnfitJsonError`; `most` is in bytes."""
    if fault := _fault_within(value, ()):
        raise UnfitJsonError(*fault)
    size = len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
    if size > most:
        raise UnfitJsonError(f"this is {size} bytes of JSON; at most {most} are taken")
    return value


def check_answer(value: Any, most: int) -> Any:
    """Check an answer, which may quote the payload. An integer that is just how JavaScript writes a
    large float becomes that float."""
    return check_json(_with_large_floats(value, MAX_DEPTH), most)


def _with_large_floats(value: Any, levels: int) -> Any:
    match value:
        case dict() if levels:
            told = cast(dict[str, Any], value)
            return {name: _with_large_floats(part, levels - 1) for name, part in told.items()}
        case list() if levels:
            return [_with_large_floats(part, levels - 1) for part in cast(list[Any], value)]
        case int() if MAX_INTEGER < abs(value) < 10**21:
            nearest = float(value)
            return nearest if Decimal(repr(nearest)) == value else value
        case _:
            return value


def _fault_within(value: Any, path: Path) -> tuple[str, Path] | None:
    if len(path) > MAX_DEPTH:
        return f"this is nested more than {MAX_DEPTH} levels deep", ()
    for name, part in _parts(value):
        if found := _fault_within(part, (*path, name)):
            return found
    why = _fault(value)
    return (why, path) if why else None


def _parts(value: Any) -> Iterable[tuple[str, Any]]:
    match value:
        case Mapping():
            return cast(Mapping[str, Any], value).items()
        case list() | tuple():
            return ((str(i), part) for i, part in enumerate(cast(Sequence[Any], value)))
        case _:
            return ()


def _fault(value: Any) -> str | None:
    match value:
        case str() if not is_whole(value):
            return HALF
        case int() if abs(value) > MAX_INTEGER:
            return INEXACT
        case float() if not math.isfinite(value):
            return "JSON has no NaN and no infinity; send a finite number, or null"
        case Mapping() if not all(map(is_whole, cast(Mapping[str, Any], value))):
            return HALF
        case _:
            return None


def is_whole(text: str) -> bool:
    """Return whether a text has no lone surrogates, which have no canonical form."""
    return not any("\ud800" <= character <= "\udfff" for character in text)
