"""Middleware for each request: bounds, trusted proxies, caching of the answer, and a log line by
its route, because a link's path is a secret."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

import structlog
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from api.http.static import path_shown

TOO_LARGE = "The body is larger than anything that is taken here."
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")
DECISION_ID = re.compile(r"dec_[0-9a-f]{26}")

LINKS = ("/d/", "/i/", "/responses/", "/outbox/")
"""Beginnings of the paths of links. Some programs take the character behind a link along."""

log = logging.getLogger(__name__)

Headers = list[tuple[bytes, bytes]]


class BodyLimit:
    """ASGI middleware: answers 413 to a body of more than `most` bytes, declared or not.

    `most` is called for each request, because those with files may bring more. The reader of the
    body gets the error, so that a page answers with a page.
    """

    def __init__(self, app: ASGIApp, most: Callable[[Scope], int]) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        most = self._most(scope)
        length = dict(scope.get("headers", [])).get(b"content-length", b"")
        is_told = length.isdigit() and int(length) > most
        taken = 0

        async def take() -> Message:
            nonlocal taken
            if is_told:
                raise HTTPException(413, TOO_LARGE)
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > most:
                raise HTTPException(413, TOO_LARGE)
            return message

        await self._app(scope, take, send)


class Slashes:
    """ASGI middleware: serves a link with slashes at its end like the link without.

    It does not redirect, because a redirect names an address, of which a request knows too little.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope.get("path", "")
        if path.startswith(LINKS):
            scope["path"] = path.rstrip("/")
        await self._app(scope, receive, send)


class Proxies:
    """ASGI middleware: believes the proxies in `HANDOVER_TRUSTED_PROXIES` about whom they speak
    for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._believing: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            app = self._believing or self._believe(scope["app"].state.trusted_proxies)
        else:
            app = self._app
        await app(scope, receive, send)

    def _believe(self, trusted: Sequence[str]) -> ASGIApp:
        """Trust these proxies. The settings are known only once there is a request."""
        self._believing = cast(ASGIApp, ProxyHeadersMiddleware(cast(Any, self._app), list(trusted)))
        return self._believing


class Requests:
    """ASGI middleware: takes or makes `X-Request-Id`, answers with it, logs by it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        structlog.contextvars.clear_contextvars()
        request_id = _request_id(scope)
        started, status = time.monotonic(), 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *_unkept(message["headers"]),
                    (b"x-request-id", request_id.encode()),
                ]
            await send(message)

        structlog.contextvars.bind_contextvars(request_id=request_id)
        path_shown.set(scope["path"])
        try:
            await self._app(scope, receive, answer)
        finally:
            _log(scope, status, time.monotonic() - started)


def _unkept(headers: Headers) -> Headers:
    """Add that nobody on the way keeps the answer, unless the answer says how it may be kept."""
    says = any(name.lower() == b"cache-control" for name, _ in headers)
    return headers if says else [*headers, (b"cache-control", b"no-store")]


def _request_id(scope: Scope) -> str:
    given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
    return given if REQUEST_ID.fullmatch(given) else f"req_{secrets.token_hex(8)}"


def _log(scope: Scope, status: int, seconds: float) -> None:
    route = getattr(scope.get("route"), "path", "no route")
    fields: dict[str, object] = {
        "method": scope["method"],
        "route": route,
        "status": status,
        "seconds": round(seconds, 4),
    }
    decision_id = scope.get("path_params", {}).get("decision_id", "")
    # Whatever else somebody put into its place may be a key or a link.
    if DECISION_ID.fullmatch(decision_id):
        fields["decision_id"] = decision_id
    log.info("%s %s %s", scope["method"], route, status, extra=fields)
