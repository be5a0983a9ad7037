"""`/slack/interactions`: Slack tells what was pressed, and what was typed into a form.

Slack waits three seconds. What is pressed is taken after the answer, in the same process; should
that process die in between, nothing was recorded, the message keeps its buttons, and the person
presses again.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.background import BackgroundTask

from api import slack
from api.deps import The
from api.errors import ApiError, Forbidden, NotFound
from api.slack import ForgedError, Pressed, Submitted
from api.slack_answers import press, submit

log = logging.getLogger(__name__)

router = APIRouter(include_in_schema=False)


@router.post("/slack/interactions")
async def interactions(service: The, request: Request) -> Response:
    """Take a signed interaction."""
    app = service.slack
    if app is None:
        raise NotFound("Slack is not set up here.")
    body = await request.body()
    # Before anything that may take its time: this instant decides whether an answer is in time.
    received_at = datetime.now(UTC)
    try:
        app.verify(request.headers, body)
        interaction = slack.read(body)
    except ForgedError as error:
        log.warning("an interaction was refused: %s", error)
        raise Forbidden(f"This is not taken: {error}.", code="not_signed") from error
    except ValueError as error:
        raise ApiError("This is no interaction of Slack's.", code="bad_request") from error
    match interaction:
        case Pressed():
            taking = BackgroundTask(press, service, app, interaction, received_at)
            return Response(status_code=200, background=taking)
        case Submitted():
            answer, later = await submit(service, app, interaction, received_at)
            return JSONResponse(answer, background=BackgroundTask(later) if later else None)
        case _:
            return Response(status_code=200)
