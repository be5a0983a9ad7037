"""Makes a request askable: long texts are cut visibly, and values become JSON.

A request that can't be asked so is a `NotAskedError`, before anything is sent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, cast

from ._values import MAX_NAME, UnfitValueError, as_json
from .exceptions import FieldError, InvalidRequestError, NotAskedError

MAX_ACTION = 2_000
MAX_CONTEXT = 100_000
"""Characters of a context."""

MAX_PAYLOAD = 256 * 1024
"""Bytes of a payload's JSON."""

MAX_KEY = 255

WRITTEN = ("action", "context", "payload")
"""The fields that describe the action. A model never chooses whom to ask, or how."""


def askable(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a decision as they can be sent.

    An action that is too long is cut, and the context begins with all of it. A context that is too
    long ends with how much of it is shown, and the digest of all of it. The payload is JSON;
    `answered` finds the objects that it was made of.

    Raises `NotAskedError`, which names every field at fault, if no approver could be shown them.
    """
    errors: list[FieldError] = []
    told = {name: _told(name, value, errors) for name, value in fields.items()}
    if errors:
        raise NotAskedError(*errors)
    if len(told.get("action") or "") > MAX_ACTION:
        parts = (told["action"], told.get("context"))
        told["context"] = "\n\n".join(part for part in parts if part)
        told["action"] = told["action"][: MAX_ACTION - 1] + "…"
    if isinstance(told.get("context"), str):
        told["context"] = cut(told["context"], MAX_CONTEXT)
    return told


def cut(text: str, most: int) -> str:
    """Return the text, or its beginning with a note and the digest of all of it, within this many
    characters."""
    if len(text) <= most:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()
    mark = f"… [cut here: all of it has {len(text):,} characters, and the SHA-256 {digest}]"
    return text[: most - len(mark)] + mark


def told_to_caller(error: NotAskedError | InvalidRequestError) -> NotAskedError:
    """Return the fields that nobody could be asked about, under the names that the caller's
    arguments have.

    Raises the service's refusal if it concerns whom or how to ask: no model can correct that.
    """
    words = all(name.split(".")[0] in WRITTEN for name, _ in error.fields)
    if isinstance(error, InvalidRequestError) and not (error.fields and words):
        raise error
    fields = [FieldError(name.removeprefix("payload."), message) for name, message in error.fields]
    return NotAskedError(*fields)


def checked_key(key: str | None) -> str | None:
    """Return an idempotency key that the service takes; a key that it would refuse becomes its
    digest."""
    if key is None or (key.isascii() and key.isprintable() and len(key) <= MAX_KEY):
        return key
    return "sha256-" + hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()


def _told(name: str, value: Any, errors: list[FieldError]) -> Any:
    """Return a field as it is sent, and add its faults to `errors`."""
    try:
        told = as_json(value, name)
    except UnfitValueError as error:
        errors.append(FieldError(".".join(error.path), error.why))
        return value
    if why := _complaint(name, told):
        errors.append(FieldError(name, why))
    return told if name == "payload" else value


def _complaint(name: str, told: Any) -> str | None:
    match name:
        case "action" if not isinstance(told, str) or not told.strip():
            return "it is empty; say what is to be done"
        case "context" if told is not None and not isinstance(told, str):
            return "it is no text"
        case "payload" if told is not None:
            return _complaint_about_payload(told)
        case _:
            return None


def _complaint_about_payload(told: Any) -> str | None:
    if not isinstance(told, dict):
        return "it is no mapping of names to values"
    size = len(json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode())
    if size <= MAX_PAYLOAD:
        return None
    largest = _largest(cast(dict[str, Any], told))
    return (
        f"the arguments are {size:,} bytes of JSON, and at most {MAX_PAYLOAD:,} can be shown to an"
        f" approver; shorten {largest}, or do it in several steps"
    )


def _largest(told: Mapping[str, Any]) -> str:
    return max(told, key=lambda name: len(name) + len(json.dumps(told[name])))[:MAX_NAME]
