"""Handlers that turn every error of the app into a problem document: ours, the framework's and the
store's."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from api.problems.errors import ApiError, Invalid, Unavailable, request_id
from api.problems.table import MEDIA_TYPE, PROBLEMS
from store import StoreAway

log = logging.getLogger(__name__)

ONE_OR_LIST = ("<one>", "<list>")
"""Tags of a field that takes a word or a list of them; they are no names for clients."""

OF_FRAMEWORK = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "content_too_large",
}
"""Codes of the errors that Starlette and FastAPI raise themselves."""

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

ADVICE = {
    "extra_forbidden": "this is not known here; check its spelling, or leave it out",
    "missing": "this is required; send it",
}


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
        """Handle a client that left in the middle of a body. Only the log hears of it."""
        return problem(ApiError("The connection broke off.", code="bad_request"))

    @app.exception_handler(Exception)
    async def fault(_: Request, error: Exception) -> JSONResponse:
        # This answer is made outside of the middleware that names the request.
        return problem(
            ApiError(
                "Something went wrong here. It is logged, and was not your fault.",
                headers={"X-Request-Id": request_id()},
            )
        )

    @app.exception_handler(StoreAway)
    async def store_away(_: Request, error: Exception) -> JSONResponse:
        log.error("the store cannot be reached: %s", error)
        return problem(Unavailable("The store cannot be reached right now; try again."))


def _allowed(request: Request) -> dict[str, str]:
    """Return the methods of this path: Starlette names only those of its first route."""

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
    """Return what to do, if the library says only what is wrong."""
    said: str = error["msg"]
    return ADVICE.get(error["type"]) or said.removeprefix("Value error, ")


def _named(field: str, message: str) -> dict[str, str]:
    """Return the field to change, which a rule over several fields names at the start of its
    message."""
    if field == "body" and (named := re.match(r"([a-z_]+[a-z_.0-9]*): (.+)", message)):
        field, message = named.groups()
    return {"field": field, "message": message}


def _field(error: Any) -> str:
    """Write `("body", "escalation", 0, "approvers")` as `escalation.0.approvers`."""
    location: Sequence[str | int] = error["loc"]
    if error["type"] == "json_invalid":
        return str(location[0])  # what follows is the place in the text
    outer = ("body", "query", "header", "path", *ONE_OR_LIST)
    inner = [str(part) for part in location if part not in outer]
    inner += getattr(error.get("ctx", {}).get("error"), "path", ())  # into JSON of any shape
    return ".".join(inner) or str(location[0])
