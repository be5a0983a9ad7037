"""Compresses pages as far as the browser allows."""

from __future__ import annotations

import gzip
import re

from fastapi import Request, Response

GZIP = re.compile(r"\s*(x-)?gzip\s*(;\s*q=(?!0(\.0*)?\s*$).*)?", re.IGNORECASE)


def takes_gzip(request: Request) -> bool:
    return any(map(GZIP.fullmatch, request.headers.get("accept-encoding", "").split(",")))


def pack(request: Request, response: Response) -> Response:
    """Return the response, compressed if the browser takes that."""
    response.headers["Vary"] = "Accept-Encoding"
    if takes_gzip(request):
        response.body = gzip.compress(bytes(response.body), compresslevel=6, mtime=0)
        response.headers["Content-Encoding"] = "gzip"
        response.headers["Content-Length"] = str(len(response.body))
    return response
