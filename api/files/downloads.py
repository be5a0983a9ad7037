"""Handing out a file: as a download, because no browser is to run what others sent."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncGenerator, Mapping
from typing import Protocol
from urllib.parse import quote

from fastapi import Response
from fastapi.responses import StreamingResponse

from api.doors.deps import Service
from api.files.uploads import reaching_files
from api.problems.errors import NotFound
from handover.models import Attachment
from store.files import Content


class Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


GUARDS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cache-Control": "private, no-store",
    "Referrer-Policy": "no-referrer",
}
NO_FILE = "There is no such file."


async def send(service: Service, attachment: Attachment) -> Response:
    """This file. Raises `NotFound` where its content is gone, and `Unavailable`."""
    headers = {
        "Content-Type": attachment.type,
        "Content-Disposition": disposition(attachment.name),
    }
    return await stream(service, attachment.id, headers, hashlib.sha256(), attachment.sha256)


async def stream(
    service: Service, id: str, headers: Mapping[str, str], digest: Digest, expected: str
) -> Response:
    """The content kept under this id, of which `digest` is to become `expected`. Raises `NotFound`
    where it is gone, and `Unavailable`."""
    with reaching_files():
        try:
            content = await service.files.get(id)
        except FileNotFoundError as error:
            raise NotFound(NO_FILE) from error
    return StreamingResponse(
        _proven(content, id, digest, expected),
        headers={**GUARDS, **headers, "Content-Length": str(content.size)},
    )


async def _proven(
    content: Content, id: str, digest: Digest, expected: str
) -> AsyncGenerator[bytes]:
    """The chunks; the last one only when all of them are what was kept.

    Whoever can change files in the storage changes no decision: such a download breaks off.
    """
    held = b""
    async for chunk in content.chunks:
        digest.update(chunk)
        if held:
            yield held
        held = chunk
    if digest.hexdigest() != expected:
        raise RuntimeError(f"the content of {id} is not what was kept")
    yield held


def disposition(name: str) -> str:
    """`Content-Disposition` of a download (RFC 6266, RFC 8187), for old readers too."""
    plain = re.sub(r'[^\x20-\x7e]|["\\%]', "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
