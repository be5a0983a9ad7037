"""Where a form was sent from, as browsers say it: another site's page may not send ours."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import Request

SAFE = ("GET", "HEAD", "OPTIONS")

FROM_OURSELVES = ("same-origin", "none")
"""`none`: it was no page, but the person, who reloads what a form brought."""

UNTOLD = "null"
"""What browsers put in the place of our own origin too, because our pages send no referrer."""


def is_from_us(request: Request, public_url: str) -> bool:
    """Whether nothing says that this came from another site. Programs say nothing."""
    if request.method in SAFE:
        return True
    if request.headers.get("sec-fetch-site", "none") not in FROM_OURSELVES:
        return False
    origin = request.headers.get("origin", UNTOLD)
    return origin == UNTOLD or origin in (_origin(str(request.url)), _origin(public_url))


def _origin(url: str) -> str:
    """As browsers write it: without the port that is the scheme's own."""
    parts = urlsplit(url.lower())
    usual = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    return f"{parts.scheme}://{parts.netloc.removesuffix(usual)}"
