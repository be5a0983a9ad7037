"""Kinds of files, by their media types and by the endings of their names: which the service takes,
and which nobody can answer with.

The service reads this too, so that both refuse the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

OFFICE = "application/vnd.openxmlformats-officedocument."
OPEN_DOCUMENT = "application/vnd.oasis.opendocument."

TYPES = {
    "image/png": "png",
    "image/jpeg": "jpg jpeg jpe jfif pjpeg",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/tiff": "tif tiff",
    "image/bmp": "bmp dib ms-bmp windows-bmp",
    "image/avif": "avif avif-sequence",
    "image/heic": "heic heic-sequence",
    "image/heif": "heif heif-sequence",
    "image/svg+xml": "svg",
    "application/pdf": "pdf acrobat",
    "application/msword": "doc ms-word vnd.ms-word vnd.msword winword",
    "application/vnd.ms-excel": "xls excel ms-excel msexcel vnd.msexcel",
    "application/vnd.ms-powerpoint": "ppt powerpoint ms-powerpoint mspowerpoint",
    f"{OFFICE}wordprocessingml.document": "docx",
    f"{OFFICE}wordprocessingml.template": "dotx",
    f"{OFFICE}spreadsheetml.sheet": "xlsx",
    f"{OFFICE}spreadsheetml.template": "xltx",
    f"{OFFICE}presentationml.presentation": "pptx",
    f"{OFFICE}presentationml.slideshow": "ppsx",
    f"{OFFICE}presentationml.template": "potx",
    f"{OPEN_DOCUMENT}text": "odt",
    f"{OPEN_DOCUMENT}spreadsheet": "ods",
    f"{OPEN_DOCUMENT}presentation": "odp",
    f"{OPEN_DOCUMENT}graphics": "odg",
    "application/rtf": "rtf richtext",
    "application/json": "json",
    "application/xml": "xml",
    "text/csv": "csv comma-separated-values",
    "text/tab-separated-values": "tsv",
    "text/markdown": "md markdown",
    "text/plain": "txt",
}
"""Media types that the service takes, each with its words: endings, and other spellings behind the
slash of its media type. A text may have any other ending, too."""

MEANT = {word: type for type, words in TYPES.items() for word in words.split()}

ALIKE = ((".jpg", ".jpeg"), (".tif", ".tiff"), (".md", ".markdown"))
"""Endings of one kind: a question that takes one also takes the other."""


def _endings(words: str) -> frozenset[str]:
    return frozenset(f".{word}" for word in words.split())


RUNNABLE = _endings(
    "apk app applescript appimage bash bat cmd com command cpl deb desktop dll dmg exe hta jar js"
    " jse lnk mjs msc msi msp pif pkg ps1 psm1 reg rpm scf scr sh url vbe vbs ws wsf wsh zsh"
)
"""Endings of files that a click runs."""

WEB_PAGES = _endings("htm html mht mhtml shtm shtml xht xhtm xhtml")

NEVER = RUNNABLE | WEB_PAGES | _endings(
    "7z bz2 cab gz iso lz4 rar tar tgz txz xz zip zst epub numbers pages"
    " 3gp aac aif aiff avi flac flv m4a m4v mid mkv mov mp3 mp4 mpeg mpg oga ogg ogv opus wav webm"
    " wma wmv docm dotm potm ppam ppsm pptm xlam xlsb xlsm xltm"
    " accdb dwg ico jp2 jxl mdb msg otf parquet pfx psd pub pyc sqlite ttf vsd vsdx woff woff2 xps"
)  # fmt: skip
"""Endings that are never taken: also archives, sound and film, documents with macros, and other
kinds that are neither an image nor a document nor a text."""

ENDING = r"\.[A-Za-z0-9][A-Za-z0-9_+-]{0,19}"
MEDIA_TYPE = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,63}/(\*|[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126})"
ENTRY = re.compile(rf"{ENDING}|{MEDIA_TYPE}|\*/\*")

ALL = "*/*"


def read_entry(entry: str) -> str:
    """Read one entry of `accept`, in small letters and under the one name of its kind.

    Raises `ValueError` for a bad entry, and for a kind that no file may have.
    """
    if not ENTRY.fullmatch(entry):
        raise ValueError("this is no media type, such as image/*, and no ending, such as .pdf")
    small = entry.lower()
    known = small if small.startswith(".") else _type_of(small)
    if known is None or known in NEVER:
        raise ValueError(
            "no file of this kind is taken, so nobody could answer: name one that is, such as"
            " image/*, application/pdf or .csv"
        )
    return known


def read_accept(entries: Sequence[str] | None) -> list[str] | None:
    """Read all entries, each once; None if any file is taken."""
    if entries is None or ALL in entries:
        return None
    return list(dict.fromkeys(each for entry in entries for each in _alike(entry)))


def _type_of(entry: str) -> str | None:
    """Return the media type, or None if no file of that type is taken."""
    if entry in TYPES or entry == ALL or re.fullmatch(rf"{OPEN_DOCUMENT}[a-z-]+", entry):
        return entry
    family, _, kind = entry.partition("/")
    if kind == "*":
        return entry if any(type.startswith(f"{family}/") for type in TYPES) else None
    return MEANT.get(kind.removeprefix("x-"))


def _alike(entry: str) -> Sequence[str]:
    return next((endings for endings in ALIKE if entry in endings), (entry,))
