"""`/outbox/{token}/previews`: every mail in every language, for people who work on them.

They exist only beside an outbox, which is in development alone.
"""

from __future__ import annotations

from fastapi import APIRouter, Response

from api.doors.deps import Service, ServiceDep
from api.operators.outbox import ENGLISH, admit, mail_html
from api.operators.samples import READERS, SAMPLES, preview
from api.people.page import failure, page
from api.problems.errors import NotFound
from templates import RenderedEmail

router = APIRouter(include_in_schema=False)


@router.get("/outbox/{token}/previews")
async def previews(service: ServiceDep, token: str) -> Response:
    """List the previews."""
    try:
        admit(service, token)
    except NotFound as error:
        return failure(error, ENGLISH)
    lines = [
        (message, preview(message, "en").subject, [(r, _place(token, message, r)) for r in READERS])
        for message in SAMPLES
    ]
    return page("previews", {"lines": lines, "back": f"/outbox/{token}"}, ENGLISH)


@router.get("/outbox/{token}/previews/{message}/{language}")
async def one(service: ServiceDep, token: str, message: str, language: str) -> Response:
    """Show one mail: its subject, its HTML in a frame, its plain text."""
    try:
        mail = _preview(service, token, message, language)
    except NotFound as error:
        return failure(error, ENGLISH)
    context = {
        "back": f"/outbox/{token}/previews",
        "message": message,
        "language": language,
        "subject": mail.subject,
        "text": mail.text,
        "html_url": f"{_place(token, message, language)}/html",
    }
    return page("preview", context, ENGLISH, frames="'self'")


@router.get("/outbox/{token}/previews/{message}/{language}/html")
async def html(service: ServiceDep, token: str, message: str, language: str) -> Response:
    """Show the HTML part alone, as a mail program does."""
    try:
        mail = _preview(service, token, message, language)
    except NotFound as error:
        return failure(error, ENGLISH)
    return mail_html(mail.html, framed_by_us=True)


def _preview(service: Service, token: str, message: str, language: str) -> RenderedEmail:
    admit(service, token)
    if message not in SAMPLES or language not in READERS:
        raise NotFound("There is no such mail.")
    return preview(message, language)


def _place(token: str, message: str, language: str) -> str:
    return f"/outbox/{token}/previews/{message}/{language}"
