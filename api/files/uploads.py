"""Uploads: judging and keeping a file."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import unicodedata
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO, Protocol

from api.files.documents import RefusedFileError
from api.files.filetypes import judge
from api.http.multipart import FIELD, MAX_FILE
from api.problems.errors import TooLarge, Unavailable, invalid
from handover.models import Attachment
from store.attachments import Attachments, StoredFile
from store.files import Files, FilesError
from workflows.sentences import N_, Sentence

MAX_NAME = 255

EMPTY = N_("%(file)s is empty.")

log = logging.getLogger(__name__)


class Upload(Protocol):
    """A file as it arrived."""

    @property
    def filename(self) -> str | None: ...
    @property
    def size(self) -> int | None: ...
    @property
    def file(self) -> BinaryIO: ...


@dataclass(frozen=True, slots=True)
class _Examined:
    type: str
    size: int
    sha256: str


class Uploads:
    """Judges and keeps files. `public_url` is the address of their downloads."""

    def __init__(self, files: Files, attachments: Attachments, public_url: str) -> None:
        self._files = files
        self._attachments = attachments
        self._public_url = public_url.rstrip("/")

    async def receive(
        self, upload: Upload, *, agent: str, uploaded_by: str, decision_id: str | None
    ) -> Attachment:
        """Judge and keep one file. `agent` is the one whose decision it belongs to.

        Raises `Invalid` and `TooLarge`, naming `file`, and `Unavailable`; then nothing is kept.
        """
        name = clean(upload.filename or "")
        if (upload.size or 0) > MAX_FILE:
            raise _too_large(name)
        id = f"att_{secrets.token_hex(16)}"
        kept = await self._keep(id, upload, name)
        url = f"{self._public_url}/attachments/{id}"
        attachment = Attachment(
            id=id, name=name, url=url, type=kept.type, size=kept.size, sha256=kept.sha256
        )
        try:
            await self._attachments.add(StoredFile(attachment, agent, uploaded_by, decision_id))
        except BaseException:
            await asyncio.shield(self._delete(attachment))
            raise
        return attachment

    async def discard(self, attachment: Attachment) -> None:
        """Delete a file that became no part of anything. One that cannot be deleted now is
        logged."""
        await self._delete(attachment)
        await self._attachments.remove(attachment.id)

    async def _delete(self, attachment: Attachment) -> None:
        try:
            await self._files.delete(attachment.id)
        except FilesError as error:
            log.warning("the unused file %s was not deleted: %s", attachment.id, error)

    async def _keep(self, id: str, upload: Upload, name: str) -> _Examined:
        """Keep the content. Nothing refers to it when this returns, and the room is given back."""
        with reaching_files():
            async with self._files.room:
                examined, content = await asyncio.get_running_loop().run_in_executor(
                    self._files.threads, _examine, upload.file, name
                )
                await self._files.put(id, content)
                return examined


@contextmanager
def reaching_files() -> Generator[None]:
    """Turn errors of the file storage into `Unavailable`."""
    try:
        yield
    except FilesError as error:
        log.error("the file storage cannot be used: %s", error)  # noqa: TRY400 - no fault of ours
        raise Unavailable("The file storage cannot be reached right now; try again.") from error


def clean(name: str) -> str:
    """Return the last part of a path, in visible characters; an ending that fits is kept."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    shown = "".join(
        each for each in last if each == " " or unicodedata.category(each)[0] not in "CZ"
    )
    shown = shown.strip(" .") or "file"
    ending = PurePosixPath(shown).suffix
    ending = ending if len(ending) <= 20 else ""
    # Dots and blanks at the end again, because some systems drop them: `x.bat.` becomes `x.bat`.
    return (shown.removesuffix(ending)[: MAX_NAME - len(ending)] + ending).rstrip(" .")


def _examine(file: BinaryIO, name: str) -> tuple[_Examined, bytes]:
    """Examine a file. Raises `Invalid`."""
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
