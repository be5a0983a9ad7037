"""What the service takes of JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

MAX_DEPTH = 64
MAX_INTEGER = 2**53 - 1
MAX_PAYLOAD = 256 * 1024
MAX_DATA = MAX_PAYLOAD + 1024
MAX_METADATA = 16 * 1024


def complaint_about_json(value: Any, most: int) -> str | None:
    """Why this is not taken, or None; `most` is in bytes."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH + 1):
        if any(_has_no_canonical_form(each) for each in level):
            return (
                "this has no canonical JSON form; send integers beyond ±(2^53 - 1) as strings, no"
                " NaN or infinity, no lone surrogates"
            )
        level = [part for each in level for part in _parts(each)]
    if level:
        return f"this is nested more than {MAX_DEPTH} levels deep"
    size = len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
    return f"this is {size} bytes of JSON; at most {most} are taken" if size > most else None


def _parts(value: Any) -> Iterable[Any]:
    match value:
        case Mapping():
            told = cast(Mapping[str, Any], value)
            return [*told.keys(), *told.values()]
        case list() | tuple():
            return cast(Sequence[Any], value)
        case _:
            return ()


def _has_no_canonical_form(value: Any) -> bool:
    match value:
        case bool():
            return False
        case int():
            return abs(value) > MAX_INTEGER
        case float():
            return not math.isfinite(value)
        case str():
            return not is_whole(value)
        case _:
            return False


def is_whole(text: str) -> bool:
    """Without lone surrogates, which have no canonical form."""
    return not any("\ud800" <= character <= "\udfff" for character in text)
