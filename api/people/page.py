"""A page for people as a response: its content, and the headers that guard it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from fastapi.responses import HTMLResponse

from api.http.static import loaders
from api.people.telling import failure_told
from api.problems.errors import ApiError
from templates import Reader, render_page

GUARDS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}


def page(
    name: str,
    context: Mapping[str, Any],
    reader: Reader,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    frames: str = "'none'",
) -> HTMLResponse:
    """Return a page that loads nothing from elsewhere and that nobody can frame."""
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


def message(headline: str, explanation: str, reader: Reader, status: int = 200) -> HTMLResponse:
    return page("message", {"headline": headline, "explanation": explanation}, reader, status)


def failure(error: ApiError, reader: Reader) -> HTMLResponse:
    """Return a page that says what went wrong."""
    headline, explanation = failure_told(error, reader)
    context = {"headline": headline, "explanation": explanation}
    return page("message", context, reader, error.status, error.headers)
