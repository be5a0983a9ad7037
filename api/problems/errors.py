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
has the status and the title. What Temporal, the store and the framework raise is mapped here, and
only here.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from enum import StrEnum
from http import HTTPStatus
from typing import Any, ClassVar

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from temporalio.service import RPCError, RPCStatusCode

from api.problems.table import MEDIA_TYPE, PROBLEMS, ProblemDocument
from workflows.lifecycle import UnknownRulesError
from workflows.proof import UnprovenError
from workflows.sentences import Sentence
from workflows.unknown_keys import UnknownKeyError

log = logging.getLogger(__name__)

ONE_OR_LIST = ("<one>", "<list>")
"""Tags of a field that takes a word or a list of them: no names that a client would know."""

TEMPORAL_LIMIT = 5.0
"""Seconds that one request to Temporal may take before we call it away."""

OF_FRAMEWORK = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "content_too_large",
}
"""The codes of what Starlette and FastAPI raise themselves."""

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

ADVICE = {
    "extra_forbidden": "this is not known here; check its spelling, or leave it out",
    "missing": "this is required; send it",
}

RETRY_AFTER = 2
"""Seconds after which a client may try again when something is away."""

UNCONFIRMED = (
    "Temporal did not say whether it took this: it may count, or not. Read the decision before you"
    " send it again."
)

REFUSED = (
    RPCStatusCode.INVALID_ARGUMENT,
    RPCStatusCode.PERMISSION_DENIED,
    RPCStatusCode.UNAUTHENTICATED,
    RPCStatusCode.FAILED_PRECONDITION,
    RPCStatusCode.UNIMPLEMENTED,
    RPCStatusCode.RESOURCE_EXHAUSTED,
)
"""What Temporal answers before it does anything."""

AWAY = (
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.RESOURCE_EXHAUSTED,
    RPCStatusCode.CANCELLED,
    RPCStatusCode.ABORTED,
)


class ApiError(Exception):
    """Raises `KeyError` for a code that is not in the table, as its subclasses do when defined.

    `error` is English, and `sentence` the same in parts. Where its text is marked for translation,
    pages tell it; else they tell what they have for the code.
    `more` are further members of the document.
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
            instance=f"urn:request:{_request_id()}",
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
    """`errors` is a list of `{field, message}`."""

    code = "invalid_request"


class TooMany(ApiError):  # noqa: N818
    """`retry_after` in seconds."""

    code = "rate_limited"

    def __init__(self, error: str, *, code: str | None = None, retry_after: int) -> None:
        super().__init__(error, code=code, headers={"Retry-After": str(retry_after)})


class Unavailable(ApiError):  # noqa: N818
    """`takes_operator`: it stays so until an operator does what `error` says, which people are told
    too."""

    code = "unavailable"

    def __init__(self, error: str, *, takes_operator: bool = False) -> None:
        super().__init__(error, headers={"Retry-After": str(RETRY_AFTER)})
        self.takes_operator = takes_operator


class Unconfirmed(Unavailable):
    """It may have been taken: the connection broke, or the time was over, in the middle."""

    code = "unconfirmed"


class NeedsOperator(Unavailable):
    """Whatever was asked for, it takes an operator first."""

    def __init__(self, error: str) -> None:
        super().__init__(error, takes_operator=True)


class Unread(StrEnum):
    """Why one decision cannot be read."""

    LATER_RULES = "later_rules"
    """Only a newer release can, which is being rolled out."""
    UNKNOWN_KEY = "unknown_key"
    """Only a process can that knows another key."""
    BROKEN = "broken"
    """Nobody can make sense of what is kept of it."""


class Unreadable(Unavailable):
    """This decision cannot be read by this process; those of others can."""

    def __init__(self, error: str, reason: Unread) -> None:
        super().__init__(error, takes_operator=reason != Unread.LATER_RULES)
        self.reason = reason


@contextmanager
def reading(decision_id: str) -> Generator[None]:
    """Turn whatever keeps this one decision from being understood into `Unreadable`."""
    try:
        yield
    except (ApiError, UnprovenError):
        raise
    except UnknownRulesError as error:
        log.warning("%s cannot be read yet: %s", decision_id, error)
        raise Unreadable(str(error), Unread.LATER_RULES) from error
    except UnknownKeyError as error:
        log.error("%s cannot be read: %s", decision_id, error)  # noqa: TRY400 - no fault of ours
        raise Unreadable(str(error), Unread.UNKNOWN_KEY) from error
    except Exception as error:
        log.exception("%s cannot be read", decision_id)
        told = f"What is kept of {decision_id} cannot be read."
        raise Unreadable(told, Unread.BROKEN) from error


def invalid(field: str, message: str | Sentence, *, code: str = Invalid.code) -> Invalid:
    """One field that cannot stay as it is."""
    is_text = isinstance(message, str)
    sentence = Sentence(message, field=field) if is_text else replace(message, field=field)
    told = message if is_text else message.clause
    named = [{"field": field, "message": told}]
    return Invalid(f"{field}: {told}", code=code, errors=named, sentence=sentence)


@asynccontextmanager
async def asking_temporal(limit: float | None = TEMPORAL_LIMIT) -> AsyncGenerator[asyncio.Timeout]:
    """Turn what Temporal's client raises into `NotFound` and `Unavailable`; `limit` in seconds."""
    try:
        async with asyncio.timeout(limit) as timeout:
            yield timeout
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            raise NotFound("There is no such decision.") from error
        if error.status in AWAY:
            raise Unavailable("Temporal cannot be reached right now; try again.") from error
        raise
    except TimeoutError as error:
        raise Unavailable("Temporal did not answer in time; try again.") from error
    except RuntimeError as error:
        if "client connect" not in str(error):
            raise
        raise Unavailable("Temporal cannot be reached right now; try again.") from error


@asynccontextmanager
async def telling_temporal() -> AsyncGenerator[None]:
    """As `asking_temporal`, for what changes something: `Unavailable` where it surely did not, and
    `Unconfirmed` where nobody can know."""
    try:
        async with asking_temporal():
            yield
    except (Unavailable, RPCError) as error:
        cause = error.__cause__ if isinstance(error, Unavailable) else error
        if isinstance(cause, RuntimeError) or (
            isinstance(cause, RPCError) and cause.status in REFUSED
        ):
            raise
        raise Unconfirmed(UNCONFIRMED) from error


def problem(error: ApiError) -> JSONResponse:
    return JSONResponse(
        error.document(),
        status_code=error.status,
        headers=error.headers,
        media_type=MEDIA_TYPE,
    )


def install(app: FastAPI) -> None:
    """Answer every error of this app with a problem document."""

    @app.exception_handler(ApiError)
    async def api_error(_: Request, error: ApiError) -> JSONResponse:
        return problem(error)

    @app.exception_handler(RequestValidationError)
    async def refused_input(_: Request, error: RequestValidationError) -> JSONResponse:
        return problem(_named_fields(error.errors()))

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> JSONResponse:
        code = OF_FRAMEWORK.get(error.status_code, ApiError.code)
        is_bare = error.detail == HTTPStatus(error.status_code).phrase
        detail = PROBLEMS[code].meaning if is_bare else error.detail
        headers = _allowed(request) if code == "method_not_allowed" else error.headers
        return problem(ApiError(detail, code=code, headers=headers))

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, error: Exception) -> JSONResponse:
        """In the middle of a body. For the log alone: nobody hears this any more."""
        return problem(ApiError("The connection broke off.", code="bad_request"))

    @app.exception_handler(Exception)
    async def fault(_: Request, error: Exception) -> JSONResponse:
        # This answer is made outside of the middleware that names the request.
        return problem(
            ApiError(
                "Something went wrong here. It is logged, and was not your fault.",
                headers={"X-Request-Id": _request_id()},
            )
        )

    @app.exception_handler(PoolTimeoutError)
    @app.exception_handler(OperationalError)
    @app.exception_handler(InterfaceError)
    async def store_away(_: Request, error: Exception) -> JSONResponse:
        log.error("the store cannot be reached: %s", error)
        return problem(Unavailable("The store cannot be reached right now; try again."))


def _allowed(request: Request) -> dict[str, str]:
    """The methods that this path takes: Starlette names those of its first route alone."""

    def takes(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(route.matches(scope)[0] == Match.FULL for route in request.app.routes)

    return {"Allow": ", ".join(filter(takes, METHODS))}


def _named_fields(errors: Sequence[Any]) -> Invalid:
    fields = [_named(_field(e), _message(e)) for e in errors]
    first = f"{fields[0]['field']}: {fields[0]['message']}"
    rest = f" (and {len(fields) - 1} more)" if len(fields) > 1 else ""
    return Invalid(first + rest, errors=fields)


def _message(error: Any) -> str:
    """What to do, where the library says only what is not so."""
    said: str = error["msg"]
    return ADVICE.get(error["type"]) or said.removeprefix("Value error, ")


def _named(field: str, message: str) -> dict[str, str]:
    """A rule over several fields names the one to change at the start of its message."""
    if field == "body" and (named := re.match(r"([a-z_]+[a-z_.0-9]*): (.+)", message)):
        field, message = named.groups()
    return {"field": field, "message": message}


def _field(error: Any) -> str:
    """`("body", "escalation", 0, "approvers")` as `escalation.0.approvers`."""
    location: Sequence[str | int] = error["loc"]
    if error["type"] == "json_invalid":
        return str(location[0])  # what follows is the place in the text
    outer = ("body", "query", "header", "path", *ONE_OR_LIST)
    inner = [str(part) for part in location if part not in outer]
    inner += getattr(error.get("ctx", {}).get("error"), "path", ())  # into JSON of any shape
    return ".".join(inner) or str(location[0])


def _request_id() -> str:
    return structlog.contextvars.get_contextvars().get("request_id", "unknown")
