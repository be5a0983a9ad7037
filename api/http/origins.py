"""The origin of a form, as browsers report it: another site's page may not send ours."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import Request

SAFE = ("GET", "HEAD", "OPTIONS")

FROM_OURSELVES = ("same-origin", "none")
"""Values of `Sec-Fetch-Site` for us. With `none` no page sent it, but a person who reloads a form's
answer."""

UNTOLD = "null"
"""The origin that browsers report for our own pages too, because these send no referrer."""


def is_from_us(request: Request, public_url: str) -> bool:
    """Return whether nothing says that this came from another site. Programs say nothing."""
    if request.method in SAFE:
        return True
    if request.headers.get("sec-fetch-site", "none") not in FROM_OURSELVES:
        return False
    origin = request.headers.get("origin", UNTOLD)
    return origin == UNTOLD or origin in (_origin(str(request.url)), _origin(public_url))


def _origin(url: str) -> str:
    """Return an origin as browsers write it: without the scheme's own port."""
    parts = urlsplit(url.lower())
    usual = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    return f"{parts.scheme}://{parts.netloc.removesuffix(usual)}"
