"""`/d/{token}/files/{attachment_id}`: the files of a decision, for approvers by their link."""

from __future__ import annotations

from typing import Any, cast

from fastapi import APIRouter, Request, Response

from api.decisions.documents import attached, decision_of
from api.doors.deps import ServiceDep
from api.files.downloads import NO_FILE
from api.http.bodies import JsonRoute
from api.http.downloads import download
from api.people.linked import may_read
from api.people.page import failure
from api.problems.errors import ApiError, NotFound
from handover.models import Attachment
from histories.reading import Live

router = APIRouter(include_in_schema=False, route_class=JsonRoute)


@router.get("/d/{token}/files/{attachment_id}")
async def download_by_link(
    service: ServiceDep, token: str, attachment_id: str, request: Request
) -> Response:
    """Download a file that the link's decision shows, or that its answer brought."""
    try:
        link, reading = await service.linked.open(token, "files")
        shown = [*attached(reading), *_answered(reading)] if may_read(reading, link) else []
        found = next((file for file in shown if file.id == attachment_id), None)
        if found is None:
            raise NotFound(NO_FILE)
        return download(await service.downloads.attachment(found), found)
    except ApiError as error:
        return failure(error, service.readers.of_browser(request))


def _answered(reading: Live) -> list[Attachment]:
    """Return the files of the answer, whose metadata came from the store before it was signed."""
    data = decision_of(reading).response_data if reading.settled else None
    files = data.get("uploaded_files") if data else None
    listed = cast(list[Any], files) if isinstance(files, list) else []
    return [Attachment.model_validate(file) for file in listed]
