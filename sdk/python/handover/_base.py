"""The client without its I/O: requests, answers, errors, and when to try again.

What a method does is a generator: it yields a `Call`, is sent the `Answer` (or thrown an
`APIConnectionError`), and returns the result. So the logic stands once, and the blocking and the
asynchronous client are two loops that carry out calls.
"""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import to_jsonable_python

from .exceptions import (
    APIConnectionError,
    APIError,
    HandoverError,
    UnreadableAnswerError,
    error_class,
)

logger = logging.getLogger("handover")

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 5.0
LONGEST_RETRY_AFTER = 60
HELD = 1.0
"""A connection that dropped after this many seconds was being held: the service had the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to make, `after` seconds from now."""

    method: str
    path: str
    params: Mapping[str, int] = field(default_factory=dict[str, int])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    content: bytes | None = None
    read_within: float | None = None
    """Seconds for the answer to come, where the client's own timeout is not what is meant."""
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    """By lower-case name."""
    content: bytes
    took: float
    """Seconds from sending the request to having the answer."""


Steps = Generator[Call, Answer, T]


def to_content(body: Mapping[str, Any]) -> bytes:
    """The JSON of a request; raises ValueError for what JSON cannot say."""
    return json.dumps(to_jsonable_python(body), allow_nan=False).encode()


def read(model: type[M], answer: Answer) -> M:
    """The object in an answer; raises `APIError` or `UnreadableAnswerError`."""
    if not 200 <= answer.status < 300:
        raise _refusal(answer)
    try:
        return model.model_validate_json(answer.content)
    except ValidationError as error:
        raise UnreadableAnswerError(
            f"The answer (status {answer.status}) is not Handover's: {_beginning(answer)!r}."
            " Does base_url lead to a Handover service?"
        ) from error


def _refusal(answer: Answer) -> APIError:
    try:
        told = json.loads(answer.content)
    except ValueError:
        told = None
    problem = cast(dict[str, Any], told) if isinstance(told, dict) else {"detail": _detail(answer)}
    asked = answer.headers.get("retry-after", "")
    return error_class(answer.status)(
        answer.status,
        problem,
        answer.headers.get("x-request-id"),
        min(int(asked), LONGEST_RETRY_AFTER) if asked.isdecimal() else None,
    )


def _detail(answer: Answer) -> str:
    if location := answer.headers.get("location"):
        return f"base_url leads elsewhere, to {location}"
    return _beginning(answer)


def _beginning(answer: Answer) -> str:
    return answer.content[:200].decode(errors="replace")


def may_pass(error: HandoverError) -> bool:
    """Whether the same request may succeed later."""
    if isinstance(error, APIError):
        return error.status in (408, 429) or (error.status >= 500 and error.status != 501)
    return isinstance(error, APIConnectionError | UnreadableAnswerError)


def backoff(times: int) -> float:
    """Seconds to pause after `times` failures: doubling, and random so that many do not meet."""
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(times - 1, 10))
    return random.uniform(0, longest)  # noqa: S311 - spreads load, hides nothing


class Patience:
    """How long to go on trying, counted from the first failure: a request may be held for long
    before it fails.

    With `once_held`, the patience grows to that many seconds when a connection drops while the
    service holds the request: it has the request then, and what it asks for may exist.
    """

    def __init__(
        self, clock: Callable[[], float], seconds: float, *, once_held: float = 0.0
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._once_held = once_held
        self._failures = 0
        self._since = 0.0

    def pause(self, error: HandoverError) -> float:
        """Seconds to pause before the next attempt; raises `error` when there should be none."""
        if not may_pass(error):
            raise error
        self._failures += 1
        if self._failures == 1:
            self._since = self._clock()
        if isinstance(error, APIConnectionError) and error.held >= HELD:
            self._seconds = max(self._seconds, self._once_held)
        seconds = backoff(self._failures) + (getattr(error, "retry_after", None) or 0)
        if self._clock() + seconds > self._since + self._seconds:
            raise error
        self._log(error, seconds)
        return seconds

    def _log(self, error: HandoverError, seconds: float) -> None:
        level = logging.WARNING if self._failures == 1 else logging.DEBUG
        logger.log(level, "%s; trying again in %.1f s", error, seconds)
