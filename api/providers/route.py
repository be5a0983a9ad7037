"""`/events/sendgrid`: SendGrid reports whether mails arrived."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response

from api.doors.deps import ServiceDep
from api.http.json_checks import UnfitJsonError
from api.problems.errors import ApiError, Forbidden, NotFound
from api.providers import sendgrid
from api.providers.delivery_events import DeliveryEvents

log = logging.getLogger(__name__)

router = APIRouter(include_in_schema=False)


@router.post("/events/sendgrid", status_code=204)
async def sendgrid_events(service: ServiceDep, request: Request) -> Response:
    """Take a signed batch of events; a repeated event is taken as if it were new."""
    key, now = service.settings.sendgrid_event_key, datetime.now(UTC)
    if not key:
        raise NotFound("HANDOVER_SENDGRID_EVENT_KEY is not set: nobody tells of mails here.")
    body = await request.body()
    try:
        sendgrid.verify(key, request.headers, body, now)
        events = sendgrid.read(body, now)
    except sendgrid.ForgedError as error:
        log.warning("events were refused: %s", error)
        raise Forbidden(f"This is not taken: {error}.", code="not_signed") from error
    except UnfitJsonError as error:
        raise ApiError(f"This is not taken. {error.sentence}", code="bad_request") from error
    except ValueError as error:
        raise ApiError("This is no JSON list of events.", code="bad_request") from error
    told = DeliveryEvents(service.store.delivery_events, service.telling, service.waiting)
    await told.take(events)
    return Response(status_code=204)
