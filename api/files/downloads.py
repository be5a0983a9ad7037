"""Downloads of files, proven to be the content that was kept."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator
from typing import Protocol

from api.files.images import PREFIX, begin_digest
from api.files.uploads import reaching_files
from api.problems.errors import NotFound
from handover.models import Attachment
from store.files import Content, Files
from store.images import Image

NO_FILE = "There is no such file."


class Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


class Downloads:
    def __init__(self, files: Files) -> None:
        self._files = files

    async def attachment(self, attachment: Attachment) -> Content:
        """Open a file. Raises `NotFound` if it is gone, and `Unavailable`."""
        return await self._content(attachment.id, hashlib.sha256(), attachment.sha256)

    async def image(self, image: Image, file: str) -> Content:
        """Open the image in this file. Raises as `attachment` does."""
        digest = begin_digest(image.decision_id, image.number)
        return await self._content(file, digest, file.removeprefix(PREFIX))

    async def _content(self, id: str, digest: Digest, expected: str) -> Content:
        """Open the content kept under this id, whose `digest` has to become `expected`."""
        with reaching_files():
            try:
                content = await self._files.get(id)
            except FileNotFoundError as error:
                raise NotFound(NO_FILE) from error
        return Content(content.size, _proven(content, id, digest, expected))


async def _proven(
    content: Content, id: str, digest: Digest, expected: str
) -> AsyncGenerator[bytes]:
    """Yield the chunks, the last one only when all of them match the digest.

    So whoever can change files in the storage changes no decision: the download breaks off.
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
