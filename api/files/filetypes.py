"""Types of files by their content; the name may only choose among kinds of text.

The accepted types are a list, and everything else is refused: an unknown file may be anything.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, cast

import puremagic

from api.files.documents import OLE, RefusedFileError, judge_ole, judge_zip
from handover._file_types import RUNNABLE, WEB_PAGES
from workflows.sentences import N_

HEAD = 4096
"""Bytes in which a file reveals its type."""

PARSED = 1024 * 1024
"""Bytes of JSON that are parsed, which takes twenty times as many; of a larger text only the ends
are checked."""

MAX_DRAWING = 1024 * 1024
"""Bytes of an SVG. All of it is searched for scripts in one go, during which nothing else runs."""

PROGRAMS = (
    b"\x7fELF",
    b"MZ",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"\0asm",
    b"dex\n",
    b"L\0\0\0\x01\x14\x02\0",
)
"""Signatures of ELF, PE, Mach-O (four kinds), Java classes and universal Mach-O, WebAssembly,
Android, links."""

SIGNED = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/tiff")
"""Types that puremagic recognises reliably by a signature; each other type has a rule of its own
below."""
PDF_WITHIN = 1024
"""Bytes in which readers look for the header of a PDF, since some files have others before it."""
HEIF_BRANDS = {
    "image/avif": {b"avif", b"avis"},
    "image/heic": {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"},
    "image/heif": {b"mif1", b"mif2", b"mif3", b"msf1", b"miaf"},
}
"""Brands of ISO/IEC 23008-12 and 23000-22: images and sequences of images, by their coding; the
last say only that they are such."""
BITMAP_HEADERS = (12, 40, 52, 56, 64, 108, 124)
TEXTS = {
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
}

CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f]")
NO_LETTER = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f\x7f]")
"""Bytes that occur in no text of any one-byte character set."""
SHEBANG = re.compile(rb"#!\s*/")
PROLOG = (
    rb"\s*(?:<\?xml[^>]*>\s*)?"
    rb"(?:<!--(?:(?!-->).)*-->\s*|<!DOCTYPE [^>\[]*(?:\[[^\]]*\])?>\s*)*"
)
SVG = re.compile(PROLOG + rb"<(?:\w+:)?svg\b", re.DOTALL | re.IGNORECASE)
HTML = re.compile(
    PROLOG + rb"<(?:html|head|body|script|iframe|object|embed|meta)\b|\s*<!doctype html",
    re.DOTALL | re.IGNORECASE,
)
XML = re.compile(rb"\s*<[?!A-Za-z_]")
ACTIVE = re.compile(
    rb"<\s*(?:\w+:)?(?:script|foreignobject)|[\s\"'/]on\w+\s*=|javascript:|<!entity", re.IGNORECASE
)

PROGRAM = N_("Programs and scripts are not taken.")
PAGE = N_("Web pages are not taken; send a PDF.")
ENDING = N_("Files that end in %(ending)s are not taken: they can be run.")
LARGE_DRAWING = N_("SVG drawings of more than 1 MB are not taken; send a PNG.")
DRAWING = N_("Only SVG drawings without scripts are taken; send a PNG.")
OLD_TABLE = N_(
    "This table is not in UTF-8, so its letters could be read as others. In Excel, save it as the"
    " type “CSV UTF-8 (Comma delimited)”, and send that."
)
OLD_TEXT = N_(
    "This text is not in UTF-8, so its letters could be read as others. Save it with the encoding"
    " UTF-8, and send that."
)
UNKNOWN = N_(
    "This kind of file is not taken, whatever its name says; images, PDF, office documents, and"
    " texts in UTF-8 are."
)


def judge(content: bytes, name: str) -> str:
    """Return the media type of a file. Raises `RefusedFileError`."""
    ending = PurePosixPath(name.lower()).suffix
    if ending in RUNNABLE:
        raise RefusedFileError(ENDING, ending=ending)
    if ending in WEB_PAGES:
        raise RefusedFileError(PAGE)
    text = _utf8(content)
    return _judge_binary(content, ending) if text is None else _judge_text(text, ending)


def _utf8(content: bytes) -> bytes | None:
    """Return a text as UTF-8 without its byte order mark, or None if it is no text."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            content = content.decode("utf-16").encode()
        except UnicodeError:
            return None
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        is_text = not any(CONTROL.search(part) for part in _decoded(content))
    except UnicodeError:
        return None
    return content if is_text else None


def _decoded(content: bytes) -> Iterator[str]:
    """Decode piece by piece, since a decoded text may be four times as large."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(content), 65_536):
        yield decoder.decode(content[start : start + 65_536])
    yield decoder.decode(b"", final=True)


def _judge_text(content: bytes, ending: str) -> str:
    head = content[:HEAD]
    if SHEBANG.match(head):
        raise RefusedFileError(PROGRAM)
    if ending == ".svg" or SVG.match(head):
        return _judge_svg(content)
    if HTML.match(head):
        raise RefusedFileError(PAGE)
    if _is_pdf(content):
        return "application/pdf"
    if head.startswith(b"{\\rtf"):
        return "application/rtf"
    if ending == ".json" and _is_json(content):
        return "application/json"
    if ending == ".xml" and XML.match(head):
        return "application/xml"
    return TEXTS.get(ending, "text/plain")


def _judge_svg(content: bytes) -> str:
    """Judge a drawing, which can hold scripts that run where somebody opens the saved file."""
    if len(content) > MAX_DRAWING:
        raise RefusedFileError(LARGE_DRAWING)
    if not SVG.match(content[:HEAD]) or ACTIVE.search(content):
        raise RefusedFileError(DRAWING)
    return "image/svg+xml"


def _is_json(content: bytes) -> bool:
    if len(content) > PARSED:
        return content.strip()[:1] + content.strip()[-1:] in (b"{}", b"[]")
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return False
    return True


def _judge_binary(content: bytes, ending: str) -> str:
    head = content[:HEAD]
    if content.startswith(PROGRAMS) or SHEBANG.match(head):
        raise RefusedFileError(PROGRAM)
    if HTML.match(head):
        raise RefusedFileError(PAGE)
    if content.startswith(b"PK"):
        return judge_zip(content)
    if content.startswith(OLE):
        return judge_ole(content)
    if found := _image(content) or _heif(head):
        return found
    if _is_pdf(content):
        return "application/pdf"
    if not NO_LETTER.search(content):
        # In which character set nobody can tell, and the agent would guess.
        raise RefusedFileError(OLD_TABLE if ending in (".csv", ".tsv") else OLD_TEXT)
    raise RefusedFileError(UNKNOWN)


def _is_pdf(content: bytes) -> bool:
    """Return whether it is a PDF: by its header, and, if something precedes it, by its end too,
    since a text may be about PDF."""
    at = content.find(b"%PDF-", 0, PDF_WITHIN)
    return at == 0 or (at > 0 and content.find(b"%%EOF", at) > 0)


def _image(content: bytes) -> str | None:
    """Recognise images by their signatures; two letters are too little for a bitmap.

    The best match counts: further down every RIFF file may be WebP.
    """
    if content.startswith(b"BM") and int.from_bytes(content[14:18], "little") in BITMAP_HEADERS:
        return "image/bmp"
    try:
        best = cast(Any, puremagic.magic_string(content[:HEAD])[0])  # pyright: ignore[reportUnknownMemberType] - half typed
    except puremagic.PureError:
        return None
    return best.mime_type if best.mime_type in SIGNED else None


def _heif(head: bytes) -> str | None:
    """Recognise HEIF by the brands in its first box; puremagic knows only the first of them, and as
    video."""
    if head[4:8] != b"ftyp":
        return None
    box = head[8 : int.from_bytes(head[:4], "big")]
    brands = {box[at : at + 4] for at in range(0, len(box), 4)}
    return next((type for type, known in HEIF_BRANDS.items() if brands & known), None)
