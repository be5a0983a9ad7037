"""Handing out a file: as a download, because no browser is to show, or run, what others sent."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncGenerator
from urllib.parse import quote

from fastapi import Response
from fastapi.responses import StreamingResponse

from api.deps import Service
from api.errors import NotFound
from api.uploads import reaching_files
from handover.models import Attachment
from store.files import Content

GUARDS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cache-Control": "private, no-store",
    "Referrer-Policy": "no-referrer",
}
NO_FILE = "There is no such file."


async def send(service: Service, attachment: Attachment) -> Response:
    """This file. Raises `NotFound` where its content is gone, and `Unavailable`."""
    with reaching_files():
        try:
            content = await service.files.get(attachment.id)
        except FileNotFoundError as error:
            raise NotFound(NO_FILE) from error
    headers = {
        **GUARDS,
        "Content-Type": attachment.type,
        "Content-Length": str(content.size),
        "Content-Disposition": disposition(attachment.name),
    }
    return StreamingResponse(_proven(content, attachment), headers=headers)


async def _proven(content: Content, attachment: Attachment) -> AsyncGenerator[bytes]:
    """The chunks; the last one only when all of them are what was attached.

    Whoever can change files in the storage changes no decision: such a download breaks off.
    """
    digest, held = hashlib.sha256(), b""
    async for chunk in content.chunks:
        digest.update(chunk)
        if held:
            yield held
        held = chunk
    if digest.hexdigest() != attachment.sha256:
        raise RuntimeError(f"the content of {attachment.id} is not what was attached")
    yield held


def disposition(name: str) -> str:
    """`Content-Disposition` of a download (RFC 6266, RFC 8187), for old readers too."""
    plain = re.sub(r'[^\x20-\x7e]|["\\%]', "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
