"""Serves a file as a download, because no browser may run other people's content."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from fastapi.responses import StreamingResponse

from handover.models import Attachment
from store.files import Content

GUARDS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cache-Control": "private, no-store",
    "Referrer-Policy": "no-referrer",
}


def download(content: Content, attachment: Attachment) -> StreamingResponse:
    """Return the file under its own name."""
    headers = {
        "Content-Type": attachment.type,
        "Content-Disposition": disposition(attachment.name),
    }
    return stream(content, headers)


def stream(content: Content, headers: Mapping[str, str]) -> StreamingResponse:
    return StreamingResponse(
        content.chunks, headers={**GUARDS, **headers, "Content-Length": str(content.size)}
    )


def disposition(name: str) -> str:
    """Return `Content-Disposition` of a download (RFC 6266, RFC 8187), for old readers too."""
    plain = re.sub(r'[^\x20-\x7e]|["\\%]', "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
