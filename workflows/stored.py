"""Parts too large for a history: set aside when it is written, put back when it is read.

A part is named in `stored` by the SHA-256 (hex) of its canonical JSON, under which the store keeps
it. What is signed names it so as well, so nobody can exchange it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from handover.models import DecisionRequest
from handover.proof import integer
from workflows.canonical import dumps
from workflows.messages import DecisionInput
from workflows.statements import Response

INLINE = 16 * 1024
"""Bytes of canonical JSON up to which a part stays in the history. A decision's input, its signal
and its result stay so far below 512 KiB, where Temporal warns (2 MiB is its limit)."""

OF_REQUEST = ("context", "payload")
OF_RESPONSE = ("notes", "data")


R = TypeVar("R", bound=Response)


class MissingContentError(Exception):
    """The store does not have a part of a decision, or has something else in its place."""


@dataclass(frozen=True, slots=True)
class SetAside:
    """Parts that were set aside. `stored`: digests by name. `bodies`: canonical JSON by digest."""

    stored: dict[str, str]
    bodies: dict[str, str]


def set_aside(parts: Mapping[str, Any]) -> SetAside:
    """Set aside those of these parts that are too large. Raises `ValueError` for one that could not
    be read back: nothing may be asked or answered with it."""
    stored: dict[str, str] = {}
    bodies: dict[str, str] = {}
    for name, part in parts.items():
        body = dumps(part)
        if len(body) > INLINE:
            if dumps(_read(body.decode())) != body:
                raise ValueError(f"{name} would be read back as something else")
            stored[name] = hashlib.sha256(body).hexdigest()
            bodies[stored[name]] = body.decode()
    return SetAside(stored, bodies)


def whole_request(input: DecisionInput, bodies: Mapping[str, str]) -> DecisionRequest:
    """Return the request as the agent sent it. Raises `MissingContentError`, and `ValueError` for a
    part that is no JSON."""
    return input.request.model_copy(update=_put_back(input.stored, bodies))


def whole_response(response: R, bodies: Mapping[str, str]) -> R:
    """Return the response as it was given. Raises `MissingContentError`."""
    return response.model_copy(update=_put_back(response.stored, bodies))


def _put_back(stored: Mapping[str, str], bodies: Mapping[str, str]) -> dict[str, Any]:
    try:
        return {name: _read(bodies[digest]) for name, digest in stored.items()}
    except KeyError as error:
        raise MissingContentError(f"the store does not have {error}") from error


def _read(body: str) -> Any:
    """Read canonical JSON, which writes a large float as an integer that has no canonical form."""
    return json.loads(body, parse_int=integer)
