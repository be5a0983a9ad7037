"""Taking a file from whoever may send one: reading the form, judging, keeping."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import unicodedata
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.types import Scope

from api.doors.deps import Service
from api.files.documents import RefusedFileError
from api.files.filetypes import judge
from api.problems.errors import TooLarge, Unavailable, invalid
from handover.models import Attachment
from store.attachments import StoredFile
from store.files import FilesError
from workflows.sentences import N_, Sentence

MAX_FILE = 10 * 1024 * 1024
"""Bytes of one file."""

MAX_NAME = 255

MAX_BODY = 2 * 1024 * 1024
MAX_EVENTS = 1024 * 1024
"""Bytes. A context of 100,000 characters, each escaped, and the largest payload fit."""

AROUND = 64 * 1024
"""Bytes of a multipart body besides its file: headers and boundaries."""

MAX_FILES = 10
"""Files that one answer brings at most."""

MAX_TEXTS = 20
"""Parts besides its files."""

EMPTY = N_("%(file)s is empty.")

FIELD = "file"
"""Name of the part that holds the file."""

log = logging.getLogger(__name__)


def max_body(scope: Scope) -> int:
    """Bytes that the body of this request may have."""
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
    """Keeps less of each file in memory, and the rest on the disk: many arrive at once. All texts
    together, which stay in memory, are as large as one may be."""

    spool_max_size = 64 * 1024
    texts = 0

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._current_part.file is None:
            self.texts += end - start
            if self.texts > self.max_part_size:
                raise MultiPartException("Its texts are too large.")
        super().on_part_data(data, start, end)


@dataclass(frozen=True, slots=True)
class _Examined:
    type: str
    size: int
    sha256: str


@asynccontextmanager
async def read_form(
    request: Request, *, texts: int = MAX_TEXTS, bytes_of_text: int = AROUND
) -> AsyncGenerator[FormData]:
    """The parts of a multipart body; afterwards nothing is left of them. Raises `Invalid`."""
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
    """The only file of a form. Raises `Invalid`."""
    match form.getlist(FIELD):
        case [UploadFile(filename=str(name)) as upload] if name:
            return upload
        case []:
            raise invalid(FIELD, "this part is missing.")
        case [_]:
            raise invalid(FIELD, "this part has no filename.")
        case _:
            raise invalid(FIELD, "send one file at a time.")


async def receive(
    service: Service,
    upload: UploadFile,
    *,
    agent: str,
    uploaded_by: str,
    decision_id: str | None,
) -> Attachment:
    """Judge and keep one file. `agent` is whose decision it belongs to.

    Raises `Invalid` and `TooLarge`, naming `file`, and `Unavailable`; nothing is kept then.
    """
    name = clean(upload.filename or "")
    if (upload.size or 0) > MAX_FILE:
        raise _too_large(name)
    id = f"att_{secrets.token_hex(16)}"
    kept = await _keep(service, id, upload, name)
    url = f"{service.settings.public_url.rstrip('/')}/attachments/{id}"
    attachment = Attachment(
        id=id, name=name, url=url, type=kept.type, size=kept.size, sha256=kept.sha256
    )
    try:
        await service.store.attachments.add(StoredFile(attachment, agent, uploaded_by, decision_id))
    except BaseException:
        await asyncio.shield(_delete(service, attachment))
        raise
    return attachment


async def discard(service: Service, attachment: Attachment) -> None:
    """Delete a file that became no part of anything; what cannot be deleted now is in the log."""
    await _delete(service, attachment)
    await service.store.attachments.remove(attachment.id)


async def _delete(service: Service, attachment: Attachment) -> None:
    try:
        await service.files.delete(attachment.id)
    except FilesError as error:
        log.warning("the unused file %s was not deleted: %s", attachment.id, error)


@contextmanager
def reaching_files() -> Generator[None]:
    """Turn what the file storage raises into `Unavailable`."""
    try:
        yield
    except FilesError as error:
        log.error("the file storage cannot be used: %s", error)  # noqa: TRY400 - no fault of ours
        raise Unavailable("The file storage cannot be reached right now; try again.") from error


def clean(name: str) -> str:
    """The last part of a path, in characters that can be seen; an ending that fits is kept."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    shown = "".join(
        each for each in last if each == " " or unicodedata.category(each)[0] not in "CZ"
    )
    shown = shown.strip(" .") or "file"
    ending = PurePosixPath(shown).suffix
    ending = ending if len(ending) <= 20 else ""
    # Dots and blanks at the end again, because some systems drop them: `x.bat.` becomes `x.bat`.
    return (shown.removesuffix(ending)[: MAX_NAME - len(ending)] + ending).rstrip(" .")


async def _keep(service: Service, id: str, upload: UploadFile, name: str) -> _Examined:
    """Nothing refers to the content when this returns, and room is given back."""
    with reaching_files():
        async with service.files.room:
            examined, content = await asyncio.get_running_loop().run_in_executor(
                service.files.threads, _examine, upload.file, name
            )
            await service.files.put(id, content)
            return examined


def _examine(file: BinaryIO, name: str) -> tuple[_Examined, bytes]:
    """Raises `Invalid`."""
    content = file.read(MAX_FILE)
    if not content:
        raise invalid(FIELD, Sentence(EMPTY, {"file": name}), code="file_empty")
    try:
        type = judge(content, name)
    except RefusedFileError as error:
        why = Sentence("%(file)s: %(why)s", {"file": name, "why": error.sentence})
        raise invalid(FIELD, why, code="file_type_refused") from error
    return _Examined(type, len(content), hashlib.sha256(content).hexdigest()), content


def _too_large(name: str) -> TooLarge:
    values = {"file": name, "most": MAX_FILE // 1024**2}
    said = Sentence(N_("%(file)s is larger than %(most)s MB."), values, FIELD)
    named = [{"field": FIELD, "message": said.clause}]
    return TooLarge(str(said), code="file_too_large", sentence=said, errors=named)
