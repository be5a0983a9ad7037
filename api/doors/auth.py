"""Identifies the caller of a route, and checks their rights.

A route takes the key that it needs (`key: Reader`), and its router the class `KeyedRoute`, which
asks for the key and counts the request before anything of its body is read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.access.bearers import LONG
from api.doors.deps import the_service
from api.http.bodies import JsonRoute
from api.problems.errors import Forbidden
from store.keys import ADMIN, AUDIT, CREATE, READ, RESOLVE, ApiKey

bearer = HTTPBearer(
    auto_error=False,
    description="An API key (`ho_…`), or an administrator's token of the OpenID provider.",
)


async def the_key(
    request: Request,
    _: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> ApiKey:
    """Return the key of the caller. Raises `Unauthorized`, `TooMany` and `Unavailable`."""
    return await _admit(request)


Agent = Annotated[ApiKey, Depends(the_key)]
"""Any key, whatever its rights."""


def _with_one_of(*scopes: str) -> Callable[[ApiKey], Coroutine[Any, Any, ApiKey]]:
    async def check(key: Agent) -> ApiKey:
        if not key.scopes & set(scopes):
            raise Forbidden(
                f"This takes a key with the scope {scopes[0]}, which this one does not have."
            )
        return key

    return check


Creator = Annotated[ApiKey, Depends(_with_one_of(CREATE))]
Reader = Annotated[ApiKey, Depends(_with_one_of(READ, RESOLVE, AUDIT))]
Sender = Annotated[ApiKey, Depends(_with_one_of(CREATE, RESOLVE))]
"""A key that sends files: with a question, or with an answer."""
Resolver = Annotated[ApiKey, Depends(_with_one_of(RESOLVE))]
Auditor = Annotated[ApiKey, Depends(_with_one_of(AUDIT))]
Administrator = Annotated[ApiKey, Depends(_with_one_of(ADMIN))]


class KeyedRoute(JsonRoute):
    """Identifies the caller before the body is read, and again before the answer to a held
    request."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        if not _takes_key(self.dependant):
            return handle

        async def admit(request: Request) -> Response:
            key = await _admit(request)
            bearers = the_service(request).bearers
            started = time.monotonic()
            try:
                with bearers.held(key):
                    return await handle(request)
            finally:
                if time.monotonic() - started > LONG:
                    await bearers.confirm(key)

        return admit


async def _admit(request: Request) -> ApiKey:
    """Admit the caller, once for each request."""
    admitted = getattr(request.state, "key", None)
    if isinstance(admitted, ApiKey):
        return admitted
    service, credentials = the_service(request), await bearer(request)
    key = await service.bearers.identify(credentials.credentials if credentials else None)
    await service.limits.count_key(key)
    request.state.key = key
    return key


def _takes_key(dependant: Dependant) -> bool:
    return dependant.call is the_key or any(map(_takes_key, dependant.dependencies))
