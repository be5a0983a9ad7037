"""Errors of the HTTP API, as RFC 9457 problem documents.

    ApiError
    ├── Unauthorized        401 unauthorized
    ├── NotFound            404 not_found
    ├── Conflict            409, with the decision as it stands
    ├── Gone                410 gone
    ├── TooLarge            413 content_too_large
    ├── Invalid             422, naming the fields
    └── Unavailable         503, with Retry-After

Each document also carries `error` (a sentence) and `code` (a word that stays).
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from temporalio.service import RPCError, RPCStatusCode

log = logging.getLogger(__name__)

ONE_OR_LIST = ("<one>", "<list>")
"""Tags of a field that takes a word or a list of them: no names that a client would know."""

TEMPORAL_LIMIT = 5.0
"""Seconds that one request to Temporal may take before we call it away."""

RETRY_AFTER = 2
"""Seconds after which a client may try again when something is away."""

AWAY = (
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.RESOURCE_EXHAUSTED,
    RPCStatusCode.CANCELLED,
    RPCStatusCode.ABORTED,
)


class ApiError(Exception):
    status = 500
    code = "internal"

    def __init__(
        self,
        error: str,
        *,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(error)
        self.error = error
        self.code = code or self.code
        self.headers = dict(headers or {})
        self.more = more

    def document(self) -> dict[str, Any]:
        return {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.error,
            "error": self.error,
            "code": self.code,
            **self.more,
        }


class Unauthorized(ApiError):  # noqa: N818 - named as HTTP names them, here and below
    status = 401
    code = "unauthorized"

    def __init__(self, error: str) -> None:
        super().__init__(error, headers={"WWW-Authenticate": "Bearer"})


class NotFound(ApiError):  # noqa: N818
    status = 404
    code = "not_found"


class Conflict(ApiError):  # noqa: N818
    status = 409
    code = "conflict"


class Gone(ApiError):  # noqa: N818
    status = 410
    code = "gone"


class TooLarge(ApiError):  # noqa: N818
    status = 413
    code = "content_too_large"


class Invalid(ApiError):  # noqa: N818
    """`errors` is a list of `{field, message}`."""

    status = 422
    code = "invalid_request"


class Unavailable(ApiError):  # noqa: N818
    status = 503
    code = "unavailable"

    def __init__(self, error: str) -> None:
        super().__init__(error, headers={"Retry-After": str(RETRY_AFTER)})


def invalid(field: str, message: str, *, code: str = Invalid.code) -> Invalid:
    """One field that cannot stay as it is."""
    return Invalid(f"{field}: {message}", code=code, errors=[{"field": field, "message": message}])


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


def problem(error: ApiError) -> JSONResponse:
    return JSONResponse(
        error.document(),
        status_code=error.status,
        headers=error.headers,
        media_type="application/problem+json",
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
    async def http_error(_: Request, error: HTTPException) -> JSONResponse:
        known = ApiError(str(error.detail), code=_code_of(error.status_code), headers=error.headers)
        known.status = error.status_code
        return problem(known)

    @app.exception_handler(Exception)
    async def fault(_: Request, error: Exception) -> JSONResponse:
        return problem(ApiError("Something went wrong here. It is logged, and was not your fault."))

    @app.exception_handler(PoolTimeoutError)
    @app.exception_handler(OperationalError)
    @app.exception_handler(InterfaceError)
    async def store_away(_: Request, error: Exception) -> JSONResponse:
        log.error("the store cannot be reached: %s", error)
        return problem(Unavailable("The store cannot be reached right now; try again."))


def _named_fields(errors: Sequence[Any]) -> Invalid:
    fields = [_named(_field(e), e["msg"].removeprefix("Value error, ")) for e in errors]
    first = f"{fields[0]['field']}: {fields[0]['message']}"
    rest = f" (and {len(fields) - 1} more)" if len(fields) > 1 else ""
    return Invalid(first + rest, errors=fields)


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
    return ".".join(inner) or str(location[0])


def _code_of(status: int) -> str:
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return "content_too_large"  # Python has renamed its phrase
    return HTTPStatus(status).phrase.lower().replace(" ", "_").replace("-", "_")
