"""The link of one approver to one decision: what it opens, and for how long."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import structlog
from fastapi import Depends, Path, Request, Response

from api.bodies import JsonRoute
from api.decisions import decision_of
from api.deps import Service, the_service
from api.errors import Gone, NeedsOperator, NotFound
from links import BadTokenError, Link, UnknownLinkKeyError
from workflows.reading import Fold

log = logging.getLogger(__name__)

READ_FOR = timedelta(days=90)
"""How long after the end a link still shows the outcome."""

NO_LINK = "This link is not complete, or it is not ours."

SYSTEM = "system"
"""The use of a link by a program, which asks and answers in JSON."""


@contextmanager
def reading_links(otherwise: str = NO_LINK) -> Generator[None]:
    """Turn a token that is none of ours into `NotFound`, with these words, and one whose key only
    another process knows into `NeedsOperator`."""
    try:
        yield
    except BadTokenError as error:
        raise NotFound(otherwise) from error
    except UnknownLinkKeyError as error:
        log.error("a link cannot be read: %s", error)  # noqa: TRY400 - no fault of ours
        raise NeedsOperator(str(error)) from error


def read_link(service: Service, token: str) -> Link:
    """Raises `NotFound` and `NeedsOperator`."""
    with reading_links():
        return service.links.read(token)


async def decision_behind(service: Service, link: Link) -> Fold:
    """The decision as it stands. Raises `NotFound` and `Gone`."""
    structlog.contextvars.bind_contextvars(decision_id=link.decision_id)
    fold = await service.decisions.glance(link.decision_id)
    if fold.state is None:
        raise NotFound("There is no such decision.")
    resolved_at = decision_of(fold).resolved_at
    if fold.settled and resolved_at and datetime.now(UTC) - resolved_at > READ_FOR:
        raise Gone("This decision ended more than 90 days ago; its link no longer shows it.")
    return fold


class LinkRoute(JsonRoute):
    """Asks for the link, and counts its use, before anything of the body is read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def admit(request: Request) -> Response:
            service = the_service(request)
            request.state.link = read_link(service, request.path_params["token"])
            await service.limits.count_link(request.state.link, SYSTEM)
            return await handle(request)

        return admit


async def the_link(
    request: Request,
    token: Annotated[str, Path(description="What `respond_url` ends with. It stands for a key.")],
) -> Link:
    return request.state.link


TheLink = Annotated[Link, Depends(the_link)]
"""Of a `LinkRoute`."""
