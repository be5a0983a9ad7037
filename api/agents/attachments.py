"""Files: from agents, for agents, and for approvers by their link."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import structlog
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from api.decisions.decisions import already_settled, decision_of
from api.doors.auth import Creator, KeyedRoute, Reader, Sender
from api.doors.deps import Service, The
from api.files.downloads import NO_FILE, send
from api.files.uploads import discard, read_form, receive, the_file
from api.http.openapi import answers
from api.pages.views import failure
from api.people.linked import READ_FOR, reading_links
from api.people.readers import of_browser
from api.problems.errors import ApiError, Conflict, Invalid, NotFound
from handover.models import Attachment
from links import Link
from store.attachments import StoredFile
from store.keys import ApiKey
from workflows.reading import Fold

MULTIPART = {
    "requestBody": {
        "required": True,
        "description": "One file of at most 10 MB, judged by its content: an image, a PDF, an"
        " office document, text, CSV, Markdown, JSON or XML.",
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                },
                "encoding": {"file": {"contentType": "application/octet-stream"}},
                "examples": {
                    "text": {
                        "summary": "A note; curl -F 'file=@note.txt' sends it",
                        "value": {"file": "The parcel arrived broken."},
                    }
                },
            }
        },
    }
}
REFUSED = (
    *("file_type_refused", "file_too_large", "file_empty"),
    *("invalid_request", "content_too_large"),
)
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


@router.post("/attachments", status_code=201, openapi_extra=MULTIPART, responses=answers(*REFUSED))
async def upload(service: The, agent: Sender, request: Request) -> Attachment:
    """Send a file before the question; `attachment_ids` of `POST /decisions` then names it."""
    # The key was checked before this: nobody's bytes are taken without one.
    async with read_form(request) as form:
        return await receive(
            service, the_file(form), agent=agent.name, uploaded_by=agent.name, decision_id=None
        )


@router.get(
    "/attachments/{attachment_id}",
    response_class=Response,
    responses=DOWNLOAD | answers("not_found"),
)
async def download(service: The, key: Reader, attachment_id: str) -> Response:
    """A file of this agent's, or of its decisions; any, with a key that may resolve or audit."""
    file = await service.store.attachments.find(attachment_id)
    if file is None or not _may_see(key, file):
        raise NotFound(NO_FILE)
    return await send(service, file.attachment)


@router.post(
    "/decisions/{decision_id}/attachments",
    status_code=201,
    openapi_extra=MULTIPART,
    responses=UNHEARD
    | answers("not_found", "already_settled", "too_many_attachments", *REFUSED)
    | answers("unavailable", "unconfirmed"),
)
async def attach(
    service: The, agent: Creator, decision_id: str, request: Request, response: Response
) -> Attachments:
    """Show one more file with a pending decision, 5 at most: 202 while it is not known here yet.

    A page that was opened before it shows itself again, because what is asked has changed.
    """
    fold = await service.decisions.read_own(agent, decision_id)
    if fold.settled:
        raise already_settled(fold, agent)
    async with read_form(request) as form:
        attachment = await receive(
            service,
            the_file(form),
            agent=agent.name,
            uploaded_by=agent.name,
            decision_id=decision_id,
        )
    fold = await _attach(service, fold, agent, attachment)
    attached = _attached(fold)
    if attachment not in attached:
        response.status_code = 202
    return Attachments(attachments=attached)


@router.get("/decisions/{decision_id}/attachments", responses=answers("not_found"))
async def attachments(service: The, key: Reader, decision_id: str) -> Attachments:
    """The files that are shown with a decision."""
    fold = await service.decisions.read_for(key, decision_id)
    return Attachments(attachments=_attached(fold))


@router.get("/d/{token}/files/{attachment_id}", include_in_schema=False)
async def download_by_link(
    service: The, token: str, attachment_id: str, request: Request
) -> Response:
    """A file that the link's decision shows, or that its answer brought."""
    try:
        link, fold = await open_link(service, token, "files")
        shown = [*_attached(fold), *_answered(fold)] if may_read(link, fold) else []
        found = next((file for file in shown if file.id == attachment_id), None)
        if found is None:
            raise NotFound(NO_FILE)
        return await send(service, found)
    except ApiError as error:
        return failure(error, of_browser(service, request))


def _may_see(key: ApiKey, file: StoredFile) -> bool:
    return key.name == file.agent or key.sees_all


async def _attach(service: Service, fold: Fold, agent: ApiKey, attachment: Attachment) -> Fold:
    """The decision with this file, which is deleted again where the decision does not take it."""
    try:
        fold = await service.decisions.attach(fold, agent, attachment)
    except (Conflict, Invalid):
        await discard(service, attachment)
        raise
    except NotFound:  # it ended in between
        fold = await service.decisions.read(fold.decision_id)
    if fold.settled and attachment not in _attached(fold):
        await discard(service, attachment)
        raise already_settled(fold, agent)
    return fold


async def open_link(service: Service, token: str, use: str) -> tuple[Link, Fold]:
    """The link and its decision, after counting this use. Raises `NotFound` and `TooMany`."""
    with reading_links(NO_FILE):
        link = service.links.read(token)
    structlog.contextvars.bind_contextvars(decision_id=link.decision_id)
    await service.limits.count_link(link, use)
    return link, await service.decisions.glance(link.decision_id)


def may_read(link: Link, fold: Fold) -> bool:
    """Whoever may answer, and after the end for as long as the page shows the outcome."""
    if fold.state is None:
        return False
    if not fold.settled:
        return fold.state.may_answer(fold.state.known_as(link.approver))
    resolved_at = decision_of(fold).resolved_at
    return resolved_at is None or datetime.now(UTC) - resolved_at <= READ_FOR


def _attached(fold: Fold) -> list[Attachment]:
    return list(fold.state.attachments) if fold.state else []


def _answered(fold: Fold) -> list[Attachment]:
    """The files of the answer. What it says of them was found in the store before it was signed."""
    data = decision_of(fold).response_data if fold.settled else None
    files = data.get("uploaded_files") if data else None
    listed = cast(list[Any], files) if isinstance(files, list) else []
    return [Attachment.model_validate(file) for file in listed]
