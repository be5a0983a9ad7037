"""The client without its I/O: requests, answers, errors.

A method's logic is a generator: it yields a `Call`, is sent the `Answer` (or thrown an
`APIConnectionError`), and returns the result. So the logic is written once, and the blocking and
the asynchronous client are two loops that carry out calls.
"""

from __future__ import annotations

import json
import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar, cast
from urllib.parse import quote

from pydantic import BaseModel, ValidationError
from pydantic_core import to_jsonable_python

from ._options import Options
from ._patience import Patience
from .exceptions import (
    APIError,
    ConflictError,
    HandoverError,
    UnreadableAnswerError,
    error_class,
)
from .models import Decision

BY_GATEWAYS = (408, 502, 503, 504, *range(520, 528))
"""Statuses of a gateway that has waited long enough. The service itself gives a reason, with a
`code`."""

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to make, `after` seconds from now."""

    method: str
    path: str
    params: Mapping[str, float | str] = field(default_factory=dict[str, float | str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    content: bytes | None = None
    """The JSON of the body."""
    file: tuple[str, bytes] | None = None
    """Name and content of a file, to be sent as the one part `file` of a form."""
    read_within: float | None = None
    """Seconds for the answer to come, instead of the client's own timeout."""
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    """Headers by lower-case name."""
    content: bytes
    took: float
    """Seconds from sending the request to receiving the answer."""

    @property
    def at(self) -> datetime:
        """Return the time by the service's own clock, so that a wrong one here does not shorten a
        decision's life."""
        return _http_date(self.headers.get("date", "")) or datetime.now(UTC)


Steps = Generator[Call, Answer, T]


def to_content(body: Mapping[str, Any]) -> bytes:
    """Return the JSON of a request; raises ValueError for a value that JSON lacks."""
    told = to_jsonable_python(body)
    _check_names(body, ())
    return json.dumps(told, allow_nan=False).encode()


def _check_names(value: object, path: tuple[str, ...]) -> None:
    """Refuse names that are one in JSON, such as 1 and "1", of which only the last would be
    sent."""
    match value:
        case Mapping():
            parts = cast(Mapping[Any, Any], value)
            if not all(isinstance(name, str) for name in parts):
                told = [*map(_name, parts)]
                if len(set(told)) < len(told):
                    twice = next(name for name in told if told.count(name) > 1)
                    raise ValueError(f"{'.'.join(path)}: two of its names are {twice!r} in JSON")
            for name, part in parts.items():
                _check_names(part, (*path, str(name)))
        case list() | tuple():
            for index, part in enumerate(cast(Sequence[Any], value)):
                _check_names(part, (*path, str(index)))
        case _:
            pass


def _name(name: object) -> str:
    (told,) = to_jsonable_python({name: None})
    return told


def read(model: type[M], answer: Answer) -> M:
    """Return the object in an answer; raises `APIError` or `UnreadableAnswerError`."""
    if not 200 <= answer.status < 300:
        raise _refusal(answer)
    try:
        return model.model_validate_json(answer.content)
    except ValidationError as error:
        unreadable = UnreadableAnswerError(
            f"The answer (status {answer.status}) is not Handover's: {_beginning(answer)!r}."
            " Does base_url lead to a Handover service?"
        )
        unreadable.cut_after = answer.took
        raise unreadable from error


def _refusal(answer: Answer) -> APIError:
    try:
        told = json.loads(answer.content)
    except ValueError:
        told = None
    problem = cast(dict[str, Any], told) if isinstance(told, dict) else {"detail": _detail(answer)}
    request_id = answer.headers.get("x-request-id")
    error = api_error(answer.status, problem, request_id, _retry_after(answer))
    if answer.status in BY_GATEWAYS and not isinstance(error.code, str):
        error.cut_after = answer.took
    return error


def api_error(
    status: int,
    problem: Mapping[str, Any],
    request_id: str | None = None,
    retry_after: int | None = None,
) -> APIError:
    """Return the error for a problem document, with the decision that a conflict is about."""
    error = error_class(status)(status, problem, request_id, retry_after)
    if isinstance(error, ConflictError):
        error.decision = _decision_in(problem)
    return error


def _decision_in(problem: Mapping[str, Any]) -> Decision | None:
    try:
        return Decision.model_validate(problem.get("decision"))
    except ValidationError:
        return None


def _retry_after(answer: Answer) -> int | None:
    asked = answer.headers.get("retry-after", "").strip()
    if asked.isascii() and asked.isdecimal():
        return int(asked[:12])  # of more digits Python may refuse to make a number
    date = _http_date(asked)
    return max(0, math.ceil((date - answer.at).total_seconds())) if date else None


def _http_date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _detail(answer: Answer) -> str:
    if location := answer.headers.get("location"):
        return f"base_url leads elsewhere, to {location}"
    return _beginning(answer)


def _beginning(answer: Answer) -> str:
    return answer.content[:200].decode(errors="replace")


def send(options: Options, call: Call, model: type[M]) -> Steps[M]:
    """Send one request that may be repeated, and return the object in its answer."""
    patience = Patience(options.clock, options.retry_for)
    result, _ = yield from retried(call, patience, model)
    return result


def retried(call: Call, patience: Patience, model: type[M]) -> Steps[tuple[M, Answer]]:
    while True:
        try:
            answer = yield call
            return read(model, answer), answer
        except HandoverError as error:
            call = replace(call, after=patience.pause(error))


def path_of(decision_id: str, *further: str) -> str:
    if not decision_id:
        raise ValueError("decision_id is empty")
    return "/".join(["/decisions", quote(decision_id, safe=""), *further])
