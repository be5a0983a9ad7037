"""Files in memory, judged as far as a realistic test needs it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import PurePath
from uuid import uuid4

from .._file_types import RUNNABLE, WEB_PAGES
from ..models import Attachment
from .refusals import Refusal, at_fault

MAX_FILE = 10 * 1024 * 1024
SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
}
PDF_WITHIN = 1024
HEIF = {b"heic": "image/heic", b"heix": "image/heic", b"mif1": "image/heif", b"mif2": "image/heif"}
"""HEIF types by the first brand."""
TEXTS = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".markdown": "text/markdown",
    ".md": "text/markdown",
    ".tsv": "text/tab-separated-values",
    ".xml": "application/xml",
}
OFFICE = {
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
NO_LETTER = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class File:
    """A file. `sender` is the name of the key that sent it, or an approver's address."""

    attachment: Attachment
    sender: str


def new_file(name: str, content: bytes, sender: str, base_url: str) -> File:
    """Make a file. Raises `Refusal`, as the service does for a file that it does not take."""
    name = PurePath(name.replace("\\", "/")).name or "file"
    if not content:
        raise at_fault(("file", f"{name} is empty."), code="file_empty")
    if len(content) > MAX_FILE:
        why = f"{name} is larger than {MAX_FILE // 1024**2} MB."
        raise at_fault(("file", why), code="file_too_large")
    id = f"att_{uuid4().hex}"
    return File(
        Attachment(
            id=id,
            name=name,
            url=f"{base_url}/attachments/{id}",
            type=media_type(name, content),
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
        ),
        sender,
    )


def media_type(name: str, content: bytes) -> str:
    """Return the media type. Raises `Refusal` for a file that is not taken."""
    ending = PurePath(name.lower()).suffix
    if ending in RUNNABLE | WEB_PAGES or content.startswith(b"#!"):
        raise _refused(name)
    for signature, type in SIGNATURES.items():
        if content.startswith(signature):
            return type
    if ending in OFFICE and content.startswith(b"PK"):
        return OFFICE[ending]
    if content[4:8] == b"ftyp" and content[8:12] in HEIF:
        return HEIF[content[8:12]]
    if _is_pdf(content):
        return "application/pdf"
    if _is_text(content):
        return TEXTS.get(ending, "text/plain")
    if not NO_LETTER.search(content):
        why = f"{name}: this text is not in UTF-8. Save it with that encoding, and send that."
        raise at_fault(("file", why), code="file_type_refused")
    raise _refused(name)


def _is_pdf(content: bytes) -> bool:
    at = content.find(b"%PDF-", 0, PDF_WITHIN)
    return at == 0 or (at > 0 and content.find(b"%%EOF", at) > 0)


def _is_text(content: bytes) -> bool:
    try:
        return "\0" not in content.decode()
    except UnicodeDecodeError:
        return False


def _refused(name: str) -> Refusal:
    why = f"{name}: programs and unknown kinds of files are not taken."
    return at_fault(("file", why), code="file_type_refused")
