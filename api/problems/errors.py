"""Errors of the HTTP API, as RFC 9457 problem documents.

    ApiError                500 internal
    ├── Unauthorized        401 unauthorized
    ├── Forbidden           403 missing_scope
    ├── NotFound            404 not_found
    ├── Conflict            409 already_settled, with the decision as it stands
    ├── Gone                410 gone
    ├── TooLarge            413 content_too_large
    ├── Invalid             422 invalid_request, naming the fields
    ├── TooMany             429 rate_limited, with Retry-After
    └── Unavailable         503 unavailable, with Retry-After
        ├── Unconfirmed     503 unconfirmed
        ├── NeedsOperator   and it stays so until an operator does something
        └── Unreadable      this one decision alone; its `reason` says what it takes

The class is what happened in general; `code` names an entry of `api.problems.table.PROBLEMS`, which
has the status and the title.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any, ClassVar

import structlog

from api.problems.table import PROBLEMS, ProblemDocument
from workflows.sentences import Sentence

RETRY_AFTER = 2
"""Seconds after which a client may try again when something is away."""


class ApiError(Exception):
    """An error with a problem document. A code that is not in the table raises `KeyError`, in a
    subclass when it is defined.

    `error` is English, and `sentence` the same in parts. If its text is marked for translation,
    pages display it; otherwise they display their words for the code. `more` are further members of
    the document.
    """

    code: ClassVar[str] = "internal"

    def __init_subclass__(cls) -> None:
        _ = PROBLEMS[cls.code]

    def __init__(
        self,
        error: str,
        *,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
        sentence: Sentence | None = None,
        **more: Any,
    ) -> None:
        super().__init__(error)
        self.error = str(error)
        self.sentence = sentence or Sentence(error)
        self.problem = PROBLEMS[code or self.code]
        self.headers = dict(headers or {})
        self.more = more

    @property
    def status(self) -> int:
        return self.problem.status

    def document(self) -> dict[str, Any]:
        document = ProblemDocument(
            type=self.problem.type,
            title=self.problem.title,
            status=self.problem.status,
            detail=self.error,
            instance=f"urn:request:{request_id()}",
            code=self.problem.code,
            error=self.error,
            **self.more,
        )
        return document.model_dump(mode="json", exclude_unset=True)


class Unauthorized(ApiError):  # noqa: N818 - named as HTTP names them, here and below
    code = "unauthorized"

    def __init__(self, error: str, *, code: str | None = None) -> None:
        super().__init__(error, code=code, headers={"WWW-Authenticate": "Bearer"})


class Forbidden(ApiError):  # noqa: N818
    code = "missing_scope"


class NotFound(ApiError):  # noqa: N818
    code = "not_found"


class Conflict(ApiError):  # noqa: N818
    code = "already_settled"


class Gone(ApiError):  # noqa: N818
    code = "gone"


class TooLarge(ApiError):  # noqa: N818
    code = "content_too_large"


class Invalid(ApiError):  # noqa: N818
    """The request is not valid. `errors` is a list of `{field, message}`."""

    code = "invalid_request"


class TooMany(ApiError):  # noqa: N818
    """There are too many requests. `retry_after` is in seconds."""

    code = "rate_limited"

    def __init__(self, error: str, *, code: str | None = None, retry_after: int) -> None:
        super().__init__(error, code=code, headers={"Retry-After": str(retry_after)})


class Unavailable(ApiError):  # noqa: N818
    """Something is away. `takes_operator`: it stays so until an operator does what `error` says,
    which people read too."""

    code = "unavailable"

    def __init__(self, error: str, *, takes_operator: bool = False) -> None:
        super().__init__(error, headers={"Retry-After": str(RETRY_AFTER)})
        self.takes_operator = takes_operator


class Unconfirmed(Unavailable):
    """The request may have been taken: the connection broke, or the time was over, in the
    middle."""

    code = "unconfirmed"


class NeedsOperator(Unavailable):
    """The request needs an operator first, whatever it is."""

    def __init__(self, error: str) -> None:
        super().__init__(error, takes_operator=True)


class Unread(StrEnum):
    """Reasons why one decision cannot be read."""

    LATER_RULES = "later_rules"
    """A newer release, which is being rolled out, can read it."""
    UNKNOWN_KEY = "unknown_key"
    """A process that knows another key can read it."""
    BROKEN = "broken"
    """Nobody can make sense of its stored data."""


class Unreadable(Unavailable):
    """This decision cannot be read by this process; those of others can."""

    def __init__(self, error: str, reason: Unread) -> None:
        super().__init__(error, takes_operator=reason != Unread.LATER_RULES)
        self.reason = reason


def invalid(field: str, message: str | Sentence, *, code: str = Invalid.code) -> Invalid:
    """Return the error of one wrong field."""
    is_text = isinstance(message, str)
    sentence = Sentence(message, field=field) if is_text else replace(message, field=field)
    told = message if is_text else message.clause
    named = [{"field": field, "message": told}]
    return Invalid(f"{field}: {told}", code=code, errors=named, sentence=sentence)


def request_id() -> str:
    """Return the id of the request under way, by which the log has it."""
    return structlog.contextvars.get_contextvars().get("request_id", "unknown")
