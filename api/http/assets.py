"""`/assets/{name}`: the stylesheets and scripts of the pages."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.http.packing import takes_gzip
from api.http.static import assets
from api.problems.errors import NotFound

FOR_EVER = "public, max-age=31536000, immutable"

router = APIRouter(include_in_schema=False)


@router.api_route("/assets/{stem}.{digest}.{ending}", methods=["GET", "HEAD"])
async def asset(stem: str, digest: str, ending: str, request: Request) -> Response:
    """Return this file.

    It is the current version even if the address names another, which happens while one of several
    servers has been updated: a page should not lose its looks over that.
    """
    found = assets().get(f"{stem}.{ending}")
    if found is None:
        raise NotFound("There is no such file.")
    headers = {
        "Cache-Control": FOR_EVER if digest == found.digest else "no-store",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    if takes_gzip(request):
        headers["Content-Encoding"] = "gzip"
    content = found.packed if takes_gzip(request) else found.content
    return Response(content, headers=headers, media_type=found.type)
