"""Bodies in JSON, which are taken only if there is one way to read them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from api.http.json_checks import UnfitJsonError, read_json
from api.problems.errors import invalid


class JsonRoute(APIRoute):
    """Refuses a body in which a name occurs twice in one object, since readers take the first or
    the last. The framework refuses a body that is no JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def check(request: Request) -> Response:
            body = await request.body()
            with suppress(ValueError, RecursionError):
                _check(body)
            return await handle(request)

        return check


def _check(body: bytes) -> None:
    """Check a body. Raises `Invalid`, and the errors of `json.loads`."""
    try:
        read_json(body)
    except UnfitJsonError as error:
        raise invalid(".".join(error.path), str(error)) from error
