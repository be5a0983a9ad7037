"""Bodies in JSON: taken where there is one way to read them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from api.http.json_checks import UnfitJsonError, read_json
from api.problems.errors import invalid


class JsonRoute(APIRoute):
    """Refuses a body in which a name stands twice in one object: readers take the first or the
    last. What is no JSON, the framework refuses."""

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
    """Raises `Invalid`, and what `json.loads` does."""
    try:
        read_json(body)
    except UnfitJsonError as error:
        raise invalid(".".join(error.path), str(error)) from error
