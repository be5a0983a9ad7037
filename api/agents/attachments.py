"""Files: from agents, and for agents."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from api.decisions.documents import already_settled, attached
from api.doors.auth import Creator, KeyedRoute, Reader, Sender
from api.doors.deps import Service, ServiceDep
from api.files.downloads import NO_FILE
from api.http.downloads import download as downloaded
from api.http.multipart import MULTIPART, REFUSED, read_form, the_file
from api.http.openapi import problems
from api.problems.errors import Conflict, Invalid, NotFound
from handover.models import Attachment
from histories.reading import Reading
from store.attachments import StoredFile
from store.keys import ApiKey

DOWNLOAD: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file itself, as a download",
        "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
    }
}

router = APIRouter(tags=["attachments"], route_class=KeyedRoute)


class Attachments(BaseModel):
    """The files that the agent shows with a decision, in the order in which they were added."""

    attachments: list[Attachment]


UNHEARD: dict[int | str, dict[str, Any]] = {
    202: {
        "model": Attachments,
        "description": "Taken and safe: it is shown as soon as a worker hears of it.",
    }
}


@router.post("/attachments", status_code=201, openapi_extra=MULTIPART, responses=problems(*REFUSED))
async def upload(service: ServiceDep, agent: Sender, request: Request) -> Attachment:
    """Send a file before the question; `attachment_ids` of `POST /decisions` then names it."""
    # The key was checked before this: nobody's bytes are taken without one.
    async with read_form(request) as form:
        return await service.uploads.receive(
            the_file(form), agent=agent.name, uploaded_by=agent.name, decision_id=None
        )


@router.get(
    "/attachments/{attachment_id}",
    response_class=Response,
    responses=DOWNLOAD | problems("not_found"),
)
async def download(service: ServiceDep, key: Reader, attachment_id: str) -> Response:
    """Download a file of this agent's, or of its decisions; any file, with a key that may resolve
    or audit."""
    file = await service.store.attachments.find(attachment_id)
    if file is None or not _may_see(key, file):
        raise NotFound(NO_FILE)
    return downloaded(await service.downloads.attachment(file.attachment), file.attachment)


@router.post(
    "/decisions/{decision_id}/attachments",
    status_code=201,
    openapi_extra=MULTIPART,
    responses=UNHEARD
    | problems("not_found", "already_settled", "too_many_attachments", *REFUSED)
    | problems("unavailable", "unconfirmed"),
)
async def attach(
    service: ServiceDep, agent: Creator, decision_id: str, request: Request, response: Response
) -> Attachments:
    """Show one more file with a pending decision, 5 at most: 202 while the service does not know it
    yet.

    A page that was opened before is shown again, because the question has changed.
    """
    reading = await service.decisions.read_own(agent, decision_id)
    if reading.settled:
        raise already_settled(reading, agent)
    async with read_form(request) as form:
        attachment = await service.uploads.receive(
            the_file(form),
            agent=agent.name,
            uploaded_by=agent.name,
            decision_id=decision_id,
        )
    reading = await _attach(service, reading, agent, attachment)
    files = attached(reading)
    if attachment not in files:
        response.status_code = 202
    return Attachments(attachments=files)


@router.get("/decisions/{decision_id}/attachments", responses=problems("not_found"))
async def attachments(service: ServiceDep, key: Reader, decision_id: str) -> Attachments:
    """List the files of a decision."""
    reading = await service.decisions.read_for(key, decision_id)
    return Attachments(attachments=attached(reading))


def _may_see(key: ApiKey, file: StoredFile) -> bool:
    return key.name == file.agent or key.sees_all


async def _attach(
    service: Service, reading: Reading, agent: ApiKey, attachment: Attachment
) -> Reading:
    """Return the decision with this file, which is deleted again if the decision does not take
    it."""
    try:
        reading = await service.telling.attach(reading, agent, attachment)
    except (Conflict, Invalid):
        await service.uploads.discard(attachment)
        raise
    except NotFound:  # it ended in between
        reading = await service.decisions.read(reading.decision_id)
    if reading.settled and attachment not in attached(reading):
        await service.uploads.discard(attachment)
        raise already_settled(reading, agent)
    return reading
