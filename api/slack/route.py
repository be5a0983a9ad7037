"""`/slack/interactions`: Slack reports presses, and entries of forms.

Slack waits three seconds, and gets its answer when the person's is in Temporal's history: if the
process dies before that, Slack shows that it did not work, and the person presses again. Only
slower work goes on after the answer; a process that dies then has recorded nothing, and the message
keeps its buttons.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.background import BackgroundTask

from api.doors.deps import ServiceDep
from api.http.json_checks import UnfitJsonError
from api.problems.errors import ApiError, Forbidden, NotFound
from api.slack import interactions
from api.slack.answers import PATIENCE, SlackAnswers
from api.slack.interactions import Pressed, Submitted
from slack_app.app import ForgedError

log = logging.getLogger(__name__)

router = APIRouter(include_in_schema=False)


@router.post("/slack/interactions")
async def interacted(service: ServiceDep, request: Request) -> Response:
    """Take a signed interaction."""
    app = service.slack
    if app is None:
        raise NotFound("Slack is not set up here.")
    body = await request.body()
    # Before anything that may take its time: this instant decides whether an answer is in time.
    received_at = await service.clock.now()
    try:
        app.verify(request.headers, body)
        interaction = interactions.read(body)
    except ForgedError as error:
        log.warning("an interaction was refused: %s", error)
        raise Forbidden(f"This is not taken: {error}.", code="not_signed") from error
    except UnfitJsonError as error:
        raise ApiError(f"This is not taken. {error.sentence}", code="bad_request") from error
    except ValueError as error:
        raise ApiError("This is no interaction of Slack's.", code="bad_request") from error
    slack_answers = SlackAnswers(
        app,
        service.answers,
        service.linked,
        service.links,
        service.limits,
        service.readers,
        service.settings.public_url,
    )
    until = asyncio.get_running_loop().time() + PATIENCE
    match interaction:
        case Pressed():
            rest = await _done_until(until, slack_answers.press(interaction, received_at))
            return Response(status_code=200, background=rest)
        case Submitted():
            answer, taking = await slack_answers.submit(interaction, received_at)
            rest = await _done_until(until, taking()) if taking else None
            return JSONResponse(answer, background=rest)
        case _:
            return Response(status_code=200)


async def _done_until(until: float, work: Coroutine[Any, Any, None]) -> BackgroundTask:
    """Run the work, and leave the rest of it for after the answer when the time is over."""
    task = asyncio.create_task(work)
    await asyncio.wait([task], timeout=max(0.0, until - asyncio.get_running_loop().time()))
    if task.done():
        task.result()
    return BackgroundTask(_rest_of, task)


async def _rest_of(task: asyncio.Task[None]) -> None:
    await task
