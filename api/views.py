"""The pages that people see, as responses: what is in them, and the headers that guard them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fastapi.responses import HTMLResponse

from api.decisions import decision_of
from api.errors import ApiError
from api.reading import Fold
from links import Link
from templates.filters import verdict
from templates.rendering import render_page

GUARDS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the form's fields."""

    notes: str = ""
    payload: str = ""
    action: str = ""


def page(
    name: str,
    context: Mapping[str, Any],
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
        render_page(name, {**context, "nonce": nonce}),
        status_code=status,
        headers={**GUARDS, "Content-Security-Policy": policy, **(headers or {})},
    )


def ask(
    fold: Fold,
    link: Link,
    typed: Typed | None = None,
    notice: str | None = None,
    status: int = 200,
    highlighted: str | None = None,
) -> HTMLResponse:
    """The question, with what was typed before where it is shown again."""
    input, state = fold.input, fold.state
    assert input  # noqa: S101 - the route answered 404 where there was none
    assert state  # noqa: S101
    request = input.request
    level = next((a.level for a in state.asked if a.approver == link.approver), 0)
    payload = (
        json.dumps(request.payload, indent=2, ensure_ascii=False)
        if request.payload is not None
        else ""
    )
    context = {
        "request": request,
        "agent": input.agent,
        "link": link,
        "expires_at": input.expires_at,
        "now": datetime.now(UTC),
        "digest": input.request_digest,
        "asked_before": [a.approver for a in state.asked if a.level < level],
        "typed": typed or Typed(payload=payload, action=request.action),
        "notice": notice,
        "highlighted": highlighted,
    }
    return page("ask", context, status)


def outcome(fold: Fold, notice: str | None = None, status: int = 200) -> HTMLResponse:
    """What was decided, by whom and when."""
    assert fold.input  # noqa: S101 - the route answered 404 where there was none
    decision = decision_of(fold)
    headline = verdict(
        {
            "status": str(decision.status),
            "origin": str(decision.origin),
            "by": decision.resolved_by,
        }
    )
    context = {
        "decision": decision,
        "agent": fold.input.agent,
        "headline": headline,
        "notice": notice,
    }
    return page("outcome", context, status)


def message(headline: str, explanation: str, status: int = 200) -> HTMLResponse:
    return page("message", {"headline": headline, "explanation": explanation}, status)


def failure(error: ApiError) -> HTMLResponse:
    """What went wrong, for people."""
    headline = {404: "No such link", 410: "This link has expired"}.get(
        error.status, "That did not work"
    )
    explanation = error.error
    if error.status == 503:
        explanation = "Nothing was recorded as far as we know. Please try again in a moment."
    context = {"headline": headline, "explanation": explanation}
    return page("message", context, error.status, error.headers)
