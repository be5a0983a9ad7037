"""The door of the pages: errors are pages too, and forms come only from ours."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from api.doors.deps import the_service
from api.http.origins import is_from_us
from api.http.packing import pack
from api.people.page import failure, message
from api.problems.errors import ApiError, Unavailable
from api.problems.handlers import OF_FRAMEWORK
from store import StoreAway
from templates.catalogs import N_
from templates.words import words

FROM_ELSEWHERE = (
    N_("This came from another page"),
    N_(
        "Nothing was recorded: another site tried to answer in your name, or your browser says so."
        " Open the link in your message again, and answer there."
    ),
)
log = logging.getLogger(__name__)


class PageRoute(APIRoute):
    """Answers errors with a page, where other routes answer with a problem document, and refuses
    forms from pages that are not ours."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def show(request: Request) -> Response:
            page = await show_errors(request)
            return pack(request, page) if isinstance(page, HTMLResponse) else page

        async def show_errors(request: Request) -> Response:
            service = the_service(request)
            reader = service.readers.of_browser(request)
            try:
                if not is_from_us(request, service.settings.public_url):
                    headline, explanation = map(words(reader).gettext, FROM_ELSEWHERE)
                    return message(headline, explanation, reader, 403)
                return await handle(request)
            except ApiError as error:
                return failure(error, reader)
            except HTTPException as error:
                shown = ApiError(str(error.detail), code=OF_FRAMEWORK.get(error.status_code))
                return failure(shown, reader)
            except StoreAway as error:
                log.error("the store cannot be reached: %s", error)  # noqa: TRY400 - no fault of ours
                shown = Unavailable("The store cannot be reached right now; try again.")
                return failure(shown, reader)

        return show
