"""The pages that people see, as responses: what is in them, and the headers that guard them."""

from __future__ import annotations

import json
import re
import secrets
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fastapi.responses import HTMLResponse

from api.decisions import decision_of
from api.errors import ApiError, NeedsOperator
from api.forms import FILES
from handover.models import DecisionRequest, ResponseType
from links import Link
from templates import Reader, render_page
from templates.text import visible_line
from templates.words import words
from workflows.answers import most_files
from workflows.reading import Fold

FIELD = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*): ")

GUARDS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}


@dataclass(frozen=True, slots=True)
class Opened:
    """A link, the decision that it leads to, and who reads the page."""

    token: str
    link: Link
    fold: Fold
    reader: Reader

    @property
    def files(self) -> str:
        """Where its files are, seen from its page."""
        return f"./{self.token}/files"


@dataclass(frozen=True, slots=True)
class Wrong:
    """The field at fault, and what to do about it; `name` is empty where it is no field's fault."""

    name: str
    text: str


def page(
    name: str,
    context: Mapping[str, Any],
    reader: Reader,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    frames: str = "'none'",
) -> HTMLResponse:
    """A page that loads nothing from elsewhere and that nobody can frame."""
    nonce = secrets.token_urlsafe(16)
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; img-src 'self'; form-action 'self';"
        f" frame-src {frames}; frame-ancestors 'none'; base-uri 'none'"
    )
    return HTMLResponse(
        render_page(name, {**context, "nonce": nonce}, reader),
        status_code=status,
        headers={**GUARDS, "Content-Security-Policy": policy, **(headers or {})},
    )


def ask(
    opened: Opened,
    *,
    highlighted: str | None = None,
    typed: Mapping[str, str] | None = None,
    refused: str | None = None,
    status: int = 200,
) -> HTMLResponse:
    """The question; where it is shown again, with what was typed and why that was refused."""
    input, state = opened.fold.input, opened.fold.state
    assert input  # noqa: S101 - the route answered 404 where there was none
    assert state  # noqa: S101
    request, link = opened.fold.request, opened.link
    level = next((a.level for a in state.asked if a.approver == link.approver), 0)
    wrong = _wrong(refused, request.response_type) if refused else None
    context = {
        "request": request,
        "agent": input.agent,
        "link": link,
        "expires_at": state.rules.expires_at,
        "now": datetime.now(UTC),
        "digest": state.shown,
        "asked_before": [a.approver for a in state.asked if a.level < level],
        "attachments": state.attachments,
        "files": opened.files,
        "most_files": most_files(request.response_type),
        "typed": defaultdict(str, _as_asked(request) if typed is None else typed),
        "notice": wrong and f"Nothing is decided yet. {_placed(wrong, request.response_type)}",
        "wrong": wrong,
        "highlighted": highlighted,
    }
    return page("ask", context, opened.reader, status)


def outcome(opened: Opened, notice: str | None = None, status: int = 200) -> HTMLResponse:
    """What was decided, by whom and when."""
    input, decision = opened.fold.input, decision_of(opened.fold)
    assert input  # noqa: S101 - the route answered 404 where there was none
    headline = words(opened.reader).verdict(
        {
            "status": str(decision.status),
            "origin": str(decision.origin),
            "by": decision.resolved_by,
            "data": decision.response_data,
        }
    )
    context = {
        "decision": decision,
        "agent": input.agent,
        "files": opened.files,
        "headline": headline,
        "notice": notice,
    }
    return page("outcome", context, opened.reader, status)


def message(headline: str, explanation: str, reader: Reader, status: int = 200) -> HTMLResponse:
    return page("message", {"headline": headline, "explanation": explanation}, reader, status)


def failure(error: ApiError, reader: Reader) -> HTMLResponse:
    """What went wrong, for people."""
    headline = {404: "No such link", 410: "This link has expired"}.get(
        error.status, "That did not work"
    )
    explanation = error.error
    if error.status == 503 and not isinstance(error, NeedsOperator):
        explanation = "Nothing was recorded as far as we know. Please try again in a moment."
    context = {"headline": headline, "explanation": explanation}
    return page("message", context, reader, error.status, error.headers)


def _as_asked(request: DecisionRequest) -> dict[str, str]:
    """What stands in the form at first: what the agent wants, for whoever modifies it."""
    payload = json.dumps(request.payload, indent=2, ensure_ascii=False)
    return {"action": request.action, "payload": payload if request.payload is not None else ""}


def _wrong(message: str, type: ResponseType) -> Wrong:
    """A message begins with the field's name where one is at fault."""
    named = FIELD.match(message)
    name, text = (named[1], message[named.end() :]) if named else ("", message)
    if type.type == "file_upload" and name.startswith(("file", FILES)):
        name = FILES  # there is one field for all of them
    return Wrong(name, text[:1].upper() + text[1:])


def _placed(wrong: Wrong, type: ResponseType) -> str:
    """The sentence, with the label of its field where there are several."""
    labels = {field.name: field.label or field.name for field in type.fields or ()}
    label = labels.get(wrong.name)
    return f"{visible_line(label)}: {wrong.text}" if label else wrong.text
