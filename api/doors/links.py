"""Identifies the link with which a program answers."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Path, Request, Response

from api.doors.deps import the_service
from api.http.bodies import JsonRoute
from links import Link

SYSTEM = "system"
"""The use of a link by a program, which asks and answers in JSON."""


class LinkRoute(JsonRoute):
    """Reads the link, and counts its use, before anything of the body is read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def admit(request: Request) -> Response:
            service = the_service(request)
            request.state.link = service.linked.read(request.path_params["token"])
            await service.limits.count_link(request.state.link, SYSTEM)
            return await handle(request)

        return admit


async def the_link(
    request: Request,
    token: Annotated[str, Path(description="What `respond_url` ends with. It stands for a key.")],
) -> Link:
    return request.state.link


TheLink = Annotated[Link, Depends(the_link)]
"""The link of a `LinkRoute`."""
