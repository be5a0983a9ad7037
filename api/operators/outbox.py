"""`/outbox/{token}`: the mails of a service without an e-mail provider.

The page has a token of its own, because an agent on the same machine has an API key and must not
find the links by which it could approve its own requests.
"""

from __future__ import annotations

import email
import email.policy
import re
import secrets
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from api.doors.deps import Service, ServiceDep
from api.people.page import GUARDS, failure, page
from api.problems.errors import NotFound
from templates import Reader

SHOWN = 200
ENGLISH = Reader()
"""The reader of this page, who runs the service and is no approver."""

HEADERS = BytesHeaderParser(policy=email.policy.default)
NAME = re.compile(r"[A-Za-z0-9_.-]{1,200}\.eml")
WEB_LINK = re.compile(r"(https?://[!-;=?-~]+)")

router = APIRouter(include_in_schema=False)


@router.get("/outbox/{token}")
async def outbox(service: ServiceDep, token: str) -> Response:
    """List the mails, newest first."""
    try:
        folder = _folder(service, token)
    except NotFound as error:
        return failure(error, ENGLISH)
    newest = sorted(folder.glob("*.eml"), reverse=True)[:SHOWN]
    mails = [_line(token, path) for path in newest]
    return page("outbox", {"mails": mails, "previews": f"/outbox/{token}/previews"}, ENGLISH)


@router.get("/outbox/{token}/{name}")
async def mail(service: ServiceDep, token: str, name: str) -> Response:
    """Show one mail: its headers, its plain text with links that work."""
    try:
        message = _read(_folder(service, token), name)
    except NotFound as error:
        return failure(error, ENGLISH)
    shown = ("From", "To", "Date", "Message-ID", "In-Reply-To")
    context = {
        "back": f"/outbox/{token}",
        "subject": message["Subject"] or "",
        "headers": [(h, message[h]) for h in shown if message[h]],
        "text_parts": [
            (p, bool(WEB_LINK.fullmatch(p))) for p in WEB_LINK.split(_part(message, "plain"))
        ],
        "html_url": f"/outbox/{token}/{name}/html",
    }
    return page("mail", context, ENGLISH)


@router.get("/outbox/{token}/{name}/html")
async def html(service: ServiceDep, token: str, name: str) -> Response:
    """Show the HTML part as a mail program does: no scripts, and links open."""
    try:
        message = _read(_folder(service, token), name)
    except NotFound as error:
        return failure(error, ENGLISH)
    return mail_html(_part(message, "html"))


def admit(service: Service, token: str) -> None:
    """Require an outbox, and its token. Raises `NotFound`."""
    known = service.secrets.outbox_token
    if (
        service.settings.email != "outbox"
        or not known
        or not secrets.compare_digest(token.encode(), known.encode())
    ):
        raise NotFound("There is no such page.")


def mail_html(content: str, *, framed_by_us: bool = False) -> HTMLResponse:
    """Return a mail's HTML, which can do nothing here."""
    ancestors = "'self'" if framed_by_us else "'none'"
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none';"
        f" frame-ancestors {ancestors};"
        " sandbox allow-top-navigation allow-popups"
    )
    headers = {**GUARDS, "Content-Security-Policy": policy}
    if framed_by_us:
        headers["X-Frame-Options"] = "SAMEORIGIN"
    return HTMLResponse(content, headers=headers)


def _folder(service: Service, token: str) -> Path:
    admit(service, token)
    return service.settings.data_dir / "outbox"


def _read(folder: Path, name: str) -> EmailMessage:
    path = folder / name
    if not NAME.fullmatch(name) or not path.is_file():
        raise NotFound("There is no such mail.")
    return email.message_from_bytes(path.read_bytes(), policy=email.policy.default)


def _line(token: str, path: Path) -> dict[str, Any]:
    # Its headers alone: the parts of two hundred mails would take most of a second.
    message = HEADERS.parsebytes(path.read_bytes())
    return {
        "url": f"/outbox/{token}/{path.name}",
        "subject": message["Subject"] or "(no subject)",
        "to": message["To"] or "",
        "date": message["Date"] or "",
    }


def _part(message: EmailMessage, subtype: str) -> str:
    part = message.get_body(preferencelist=(subtype,))
    return part.get_content() if part else ""
