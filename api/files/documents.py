"""Office documents: they are recognised among other archives and compound files, and taken without
macros."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from pathlib import PurePosixPath

from handover._file_types import RUNNABLE
from workflows.sentences import N_, Sentence

MAX_PARTS = 10_000
"""Parts of an office document. A longer list is a way to fill the memory."""

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
OLE_STREAMS = {
    "WordDocument": "application/msword",
    "Workbook": "application/vnd.ms-excel",
    "Book": "application/vnd.ms-excel",
    "PowerPoint Document": "application/vnd.ms-powerpoint",
}
OLE_MACROS = ("_VBA_PROJECT", "_VBA_PROJECT_CUR", "VBA", "Macros")

OOXML = re.compile(
    rb"application/vnd\.openxmlformats-officedocument\.(?:wordprocessingml\.(?:document|template)"
    rb"|spreadsheetml\.(?:sheet|template)|presentationml\.(?:presentation|slideshow|template))"
    rb"(?=\.main\+xml)"
)
OPEN_DOCUMENT = re.compile(rb"application/vnd\.oasis\.opendocument\.[a-z-]+")
ZIP_FAULTS = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError)

MACROS = N_("Documents with macros are not taken; save it without them.")
BROKEN = N_("Archives, and damaged office documents, are not taken.")
UNKNOWN = N_(
    "This file is none of the office documents that are taken, or it is locked by a password."
)


class RefusedFileError(Exception):
    """The file is refused; `sentence` tells its sender why."""

    def __init__(self, text: str, **values: str) -> None:
        self.sentence = Sentence(text, values)
        super().__init__(self.sentence.clause)


def judge_zip(content: bytes) -> str:
    """Recognise an office document by its declarations, since signatures cannot tell it from other
    archives."""
    try:
        if content.count(b"PK\x01\x02") > MAX_PARTS:
            raise zipfile.BadZipFile
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            declared = _declared(archive, names)
    except ZIP_FAULTS as error:
        raise RefusedFileError(BROKEN) from error
    if b"macroEnabled" in declared or any(map(_is_macro, names)):
        raise RefusedFileError(MACROS)
    if found := OOXML.search(declared) or OPEN_DOCUMENT.fullmatch(declared):
        return found.group().decode()
    raise RefusedFileError(N_("Archives are not taken; send the files themselves."))


def _declared(archive: zipfile.ZipFile, names: list[str]) -> bytes:
    """Return the declarations of the two families of office documents."""
    for part in ("[Content_Types].xml", "mimetype"):
        if part in names:
            with archive.open(part) as file:
                return file.read(256 * 1024)
    return b""


def _is_macro(name: str) -> bool:
    return (
        name.lower().endswith("vbaproject.bin")
        or name.startswith(("Basic/", "Scripts/"))
        or PurePosixPath(name.lower()).suffix in RUNNABLE
    )


def judge_ole(content: bytes) -> str:
    """Recognise old office documents by the streams in their directory; installers have the same
    header."""
    if any(_has_stream(content, name) for name in OLE_MACROS):
        raise RefusedFileError(MACROS)
    for name, type in OLE_STREAMS.items():
        if _has_stream(content, name):
            return type
    raise RefusedFileError(UNKNOWN)


def _has_stream(content: bytes, name: str) -> bool:
    """Return whether the directory has this stream. Its entries are 128 bytes: the name, then its
    length."""
    sought = name.encode("utf-16-le") + bytes(2)
    at = content.find(sought)
    while at >= 0:
        if at % 128 == 0 and int.from_bytes(content[at + 64 : at + 66], "little") == len(sought):
            return True
        at = content.find(sought, at + 1)
    return False
