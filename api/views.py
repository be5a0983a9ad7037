"""The pages that people see, as responses: what is in them, and the headers that guard them."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fastapi.responses import HTMLResponse

from api.decisions import decision_of
from api.errors import ApiError
from api.forms import FILES
from api.static import loaders
from api.step_up import CodeNeeded, new_form
from api.telling import failure_told, told
from handover.models import DecisionRequest, ResponseType
from links import Link
from templates import Reader, render_page
from templates.text import editable_json, visible, visible_line
from templates.words import words
from workflows.answers import most_files
from workflows.reading import Fold
from workflows.sentences import Sentence

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

    @property
    def images(self) -> str:
        """Where the images are that the agent names."""
        return f"./{self.token}/images"


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
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}';"
        f" img-src 'self'; connect-src 'self'; form-action 'self'; frame-src {frames};"
        " frame-ancestors 'none'; base-uri 'none'"
    )
    return HTMLResponse(
        render_page(name, {**context, **loaders(nonce)}, reader),
        status_code=status,
        headers={**GUARDS, "Content-Security-Policy": policy, **(headers or {})},
    )


def ask(
    opened: Opened,
    *,
    highlighted: str | None = None,
    typed: Mapping[str, str] | None = None,
    refused: Sentence | None = None,
    code: CodeNeeded | None = None,
    given: Mapping[str, Any] | None = None,
    status: int = 200,
) -> HTMLResponse:
    """The question; where it is shown again, with what was typed and why that was refused. `given`
    is a changed payload, of which the changes are shown."""
    input, state = opened.fold.input, opened.fold.state
    assert input  # noqa: S101 - the route answered 404 where there was none
    assert state  # noqa: S101
    request, link = opened.fold.request, opened.link
    level = next((a.level for a in state.asked if a.approver == link.approver), 0)
    wrong = _wrong(refused, request.response_type, opened.reader) if refused else None
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
        "images": opened.images,
        "most_files": most_files(request.response_type),
        "typed": defaultdict(str, _as_asked(request) if typed is None else typed),
        "notice": wrong and _notice(wrong, request.response_type, opened.reader),
        "wrong": wrong,
        "highlighted": highlighted,
        "needs_code": state.rules.step_up,
        "code": code,
        "form": code.form if code else (typed or {}).get("form") or new_form(),
        "given": given,
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
        "link": opened.link,
        "files": opened.files,
        "headline": headline,
        "notice": notice,
    }
    return page("outcome", context, opened.reader, status)


def message(headline: str, explanation: str, reader: Reader, status: int = 200) -> HTMLResponse:
    return page("message", {"headline": headline, "explanation": explanation}, reader, status)


def failure(error: ApiError, reader: Reader) -> HTMLResponse:
    """What went wrong, for people."""
    headline, explanation = failure_told(error, reader)
    context = {"headline": headline, "explanation": explanation}
    return page("message", context, reader, error.status, error.headers)


def _as_asked(request: DecisionRequest) -> dict[str, str]:
    """What stands in the form at first: what the agent wants, for whoever modifies it. Nothing in
    it is hidden: what is sent back is what was seen."""
    payload = editable_json(request.payload) if request.payload is not None else ""
    return {"action": visible(request.action), "payload": payload}


def _wrong(refused: Sentence, type: ResponseType, reader: Reader) -> Wrong:
    name = refused.field or ""
    if type.type == "file_upload" and name.startswith(("file", FILES)):
        name = FILES  # there is one field for all of them
    return Wrong(name, told(refused, reader, type))


def _notice(wrong: Wrong, type: ResponseType, reader: Reader) -> str:
    """The sentence, with the label of its field where there are several."""
    labels = {field.name: field.label or field.name for field in type.fields or ()}
    say, text = words(reader).gettext, wrong.text
    if label := labels.get(wrong.name):
        text = say("%(field)s: %(fault)s") % {"field": visible_line(label), "fault": text}
    return say("Nothing is decided yet.") + " " + text
