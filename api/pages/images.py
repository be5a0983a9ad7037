"""`/d/{token}/images/{number}`: the images that an agent points to, as the page shows them."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.doors.deps import Service, ServiceDep
from api.files.uploads import reaching_files
from api.http.downloads import stream
from api.pages.door import PageRoute
from api.people.linked import may_read
from api.people.page import message
from api.problems.errors import NotFound
from store.images import Image
from templates.words import words

NO_IMAGE = "There is no such image."

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.api_route("/d/{token}/images/{number}", methods=["GET", "HEAD"])
async def show(service: ServiceDep, token: str, number: str, request: Request) -> Response:
    """Return an image of the link's decision, counted from 1.

    The first `GET` fetches it, while the decision is pending: an image that nobody saw before the
    end is not displayed after it. `HEAD` fetches nothing.
    """
    link, reading = await service.linked.open(token, "images")
    if not may_read(reading, link):
        raise NotFound(NO_IMAGE)
    urls = reading.request.context_images or []
    numbers = {str(index): index for index in range(1, len(urls) + 1)}
    if not (index := numbers.get(number)):
        raise NotFound(NO_IMAGE)
    if reading.settled or request.method == "HEAD":
        image = await service.images.find(reading.decision_id, index)
    else:
        with reaching_files():
            image = await service.images.get(reading.decision_id, index, urls[index - 1])
    if image is None:
        raise NotFound(NO_IMAGE)
    if image.file is None:
        say = words(reader := await service.readers.of(request, link.approver)).gettext
        return message(
            say("This image cannot be shown"),
            say("It is not where the agent says, or it is too large or no image."),
            reader,
            502,
        )
    return await _send(service, image)


async def _send(service: Service, image: Image) -> Response:
    assert image.file  # noqa: S101 - the route told why there is none
    assert image.type  # noqa: S101
    ending = image.type.partition("/")[2]
    headers = {
        "Content-Type": image.type,
        "Content-Disposition": f'inline; filename="image-{image.number}.{ending}"',
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    return stream(await service.downloads.image(image, image.file), headers)
