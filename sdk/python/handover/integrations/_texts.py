"""The words of an `interrupt()`'s value, the same in every process."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from typing import Any, cast

from pydantic import BaseModel

from .._values import MAX_DEPTH, UnfitValueError, as_json

WORDS = ("action", "question", "instruction", "message", "task", "description")
"""Keys of a mapping, of which the first present one has the action."""

ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")


def fields_of(value: object) -> dict[str, Any]:
    """Return the fields for the value of an `interrupt()`: a text, or a mapping with the action
    under one of `WORDS`, perhaps a `context` and a `payload`. Nothing of it is withheld from the
    approver."""
    if (named := as_mapping(value)) is not None:
        return _fields_of_mapping(named)
    if isinstance(value, str) and value.strip():
        return _asking(value)
    return _asking("Answer what the agent asks", context=text_of(value))


def as_mapping(value: object) -> Mapping[str, Any] | None:
    """Return a value with names as a mapping: a mapping, a dataclass, a pydantic model. Savers
    return each of them as a mapping if its class cannot be imported."""
    if isinstance(value, Mapping):
        return cast(Mapping[str, Any], value)
    if isinstance(value, BaseModel):
        return dict(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    return None


def _fields_of_mapping(value: Mapping[str, Any]) -> dict[str, Any]:
    rest = dict(value)
    payload = rest.pop("payload") if isinstance(rest.get("payload"), Mapping) else None
    word = next((word for word in WORDS if _is_said(rest.get(word))), None)
    action = rest.pop(word) if word else "Answer what the agent asks"
    context = [rest.pop("context")] if _is_said(rest.get("context")) else []
    context += [text_of(rest, indent=2)] if rest else []
    return _asking(action, context="\n\n".join(context), payload=payload)


def _is_said(text: object) -> bool:
    return isinstance(text, str) and bool(text.strip())


def _asking(action: str, *, context: str = "", payload: object = None) -> dict[str, Any]:
    """Return the fields to ask with. Without a payload nobody can change anything: a graph does not
    read words."""
    fields: dict[str, Any] = {"action": action, "context": context or None, "payload": payload}
    return fields if payload is not None else {**fields, "options": ["approve", "deny"]}


def text_of(value: object, indent: int | None = None) -> str:
    return json.dumps(_told(value), indent=indent, ensure_ascii=False)


def digest_of(value: object) -> str:
    """Return the digest by which a repeated question is recognised."""
    try:
        text = json.dumps(_told(value), sort_keys=True)
    except (UnfitValueError, TypeError, ValueError):
        text = ""  # it cannot be asked, and nothing has to be told from it
    return hashlib.sha256(text.encode()).hexdigest()


def _told(value: Any, depth: int = 0) -> Any:
    """Return the value as JSON, with Python's words for values that JSON lacks.

    Raises `UnfitValueError` for a value that is nested without an end.
    """
    if depth > MAX_DEPTH:
        raise UnfitValueError((), f"this is nested more than {MAX_DEPTH} levels deep")
    try:
        return as_json(value)
    except UnfitValueError:
        return _told_in_parts(value, depth + 1)


def _told_in_parts(value: Any, depth: int) -> Any:
    if (named := as_mapping(value)) is not None:
        return {str(name): _told(each, depth) for name, each in named.items()}
    if isinstance(value, Set):
        parts = [_told(each, depth) for each in cast(Set[Any], value)]
        return sorted(parts, key=lambda part: json.dumps(part, sort_keys=True))
    if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray):
        return [_told(each, depth) for each in cast(Sequence[Any], value)]
    return value if isinstance(value, str) else ADDRESS.sub("", repr(value))
