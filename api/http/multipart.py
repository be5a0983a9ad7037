"""Bodies with files: their bounds, their parts, and the one file that most of them bring."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.types import Scope

from api.problems.errors import invalid

MAX_FILE = 10 * 1024 * 1024
"""Bytes of one file."""

MAX_BODY = 2 * 1024 * 1024
"""Bytes of any other body. A context of 100,000 characters, each escaped, and the largest payload
fit."""
MAX_EVENTS = 1024 * 1024
"""Bytes of one batch of a provider's events."""

AROUND = 64 * 1024
"""Bytes of a multipart body besides its file: headers and boundaries."""

MAX_FILES = 10
"""Files that one answer brings at most."""

MAX_TEXTS = 20
"""Parts of a form besides its files."""

FIELD = "file"
"""Name of the part that holds the file."""

MULTIPART: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "One file of at most 10 MB, judged by its content: an image, a PDF, an"
        " office document, text, CSV, Markdown, JSON or XML.",
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                },
                "encoding": {"file": {"contentType": "application/octet-stream"}},
                "examples": {
                    "text": {
                        "summary": "A note; curl -F 'file=@note.txt' sends it",
                        "value": {"file": "The parcel arrived broken."},
                    }
                },
            }
        },
    }
}
"""The OpenAPI description of a route that takes one file."""

REFUSED = (
    *("file_type_refused", "file_too_large", "file_empty"),
    *("invalid_request", "content_too_large"),
)
"""Problems that such a route may answer with."""


def max_body(scope: Scope) -> int:
    """Return how many bytes the body of this request may have."""
    path = scope.get("path", "")
    if path.startswith("/d/"):
        return MAX_FILES * MAX_FILE + MAX_BODY
    if path.startswith("/events/"):
        return MAX_EVENTS
    takes_a_file = path.endswith("/attachments") or (
        path.startswith("/responses/") and path.endswith("/files")
    )
    return MAX_FILE + AROUND if takes_a_file else MAX_BODY


class _Parser(MultiPartParser):
    """Keeps less of each file in memory, and the rest on the disk, because many arrive at once. All
    texts together, which stay in memory, are as large as one may be."""

    spool_max_size = 64 * 1024
    texts = 0

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._current_part.file is None:
            self.texts += end - start
            if self.texts > self.max_part_size:
                raise MultiPartException("Its texts are too large.")
        super().on_part_data(data, start, end)


@asynccontextmanager
async def read_form(
    request: Request, *, texts: int = MAX_TEXTS, bytes_of_text: int = AROUND
) -> AsyncGenerator[FormData]:
    """Read the parts of a multipart body, which are deleted afterwards. Raises `Invalid`."""
    if not request.headers.get("Content-Type", "").lower().startswith("multipart/form-data"):
        raise invalid(FIELD, "send it as a part of a multipart/form-data body.")
    parser = _Parser(
        request.headers,
        request.stream(),
        max_files=20,
        max_fields=texts,
        max_part_size=bytes_of_text,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise invalid(FIELD, f"the multipart body cannot be read: {error.message}") from error
    try:
        yield form
    finally:
        await form.close()


def the_file(form: FormData) -> UploadFile:
    """Return the only file of a form. Raises `Invalid`."""
    match form.getlist(FIELD):
        case [UploadFile(filename=str(name)) as upload] if name:
            return upload
        case []:
            raise invalid(FIELD, "this part is missing.")
        case [_]:
            raise invalid(FIELD, "this part has no filename.")
        case _:
            raise invalid(FIELD, "send one file at a time.")
