"""What a file is, by its content; every sample is made here, byte by byte."""

from __future__ import annotations

import io
import json
import struct
import time
import tracemalloc
import zipfile

import pytest

from api.files.documents import RefusedFileError
from api.files.filetypes import HEAD, MAX_DRAWING, PARSED, judge
from handover._file_types import TYPES, read_accept, read_entry
from tests.api.files import NOISE, PE, png
from workflows.answers import accepts

OFFICE = "application/vnd.openxmlformats-officedocument."
OPEN = "application/vnd.oasis.opendocument."


def archive(parts: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in parts.items():
            file.writestr(name, text)
    return buffer.getvalue()


def ooxml(kind: str, **parts: str) -> bytes:
    """An Office document whose main part is of this kind, and with these further parts."""
    types = (
        '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/'
        f'content-types"><Override PartName="/main.xml" ContentType="{kind}.main+xml"/></Types>'
    )
    return archive({"[Content_Types].xml": types, "main.xml": "<document/>", **parts})


def open_document(kind: str, **parts: str) -> bytes:
    return archive({"mimetype": OPEN + kind, "content.xml": "<office/>", **parts})


def ole(*streams: str) -> bytes:
    """A compound file: its header, and a directory with these entries."""
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(512, b"\0")
    return header + b"".join(map(entry, ("Root Entry", *streams))) + NOISE


def entry(name: str) -> bytes:
    encoded = name.encode("utf-16-le") + b"\0\0"
    return (encoded.ljust(64, b"\0") + struct.pack("<H", len(encoded))).ljust(128, b"\0")


def box(*brands: bytes) -> bytes:
    """The first box of a file like HEIC: its brand, a version, the brands it fits."""
    content = b"ftyp" + brands[0] + bytes(4) + b"".join(brands[1:])
    return struct.pack(">I", len(content) + 4) + content + NOISE


def bitmap(header: int = 40) -> bytes:
    return b"BM" + struct.pack("<IHHI", 1000, 0, 0, 54) + struct.pack("<I", header) + NOISE


PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + NOISE + b"\n%%EOF\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><circle r="1"/></svg>'

TAKEN = [
    ("a.png", png(), "image/png"),
    ("a.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0" + NOISE, "image/jpeg"),
    ("a.jpg", b"\xff\xd8\xff\xe1\0\x10Exif\0\0" + NOISE, "image/jpeg"),
    ("a.gif", b"GIF89a\1\0\1\0\x80\0\0" + NOISE, "image/gif"),
    ("a.webp", b"RIFF" + struct.pack("<I", 2056) + b"WEBPVP8 " + NOISE, "image/webp"),
    ("a.bmp", bitmap(), "image/bmp"),
    ("a.tif", b"II*\0\x08\0\0\0" + NOISE, "image/tiff"),
    ("a.tif", b"MM\0*\0\0\0\x08" + NOISE, "image/tiff"),
    ("a.heic", box(b"heic", b"mif1", b"heic"), "image/heic"),
    ("a.heic", box(b"mif1", b"mif1", b"heic"), "image/heic"),
    ("a.heic", box(b"hevc", b"msf1", b"hevc", b"iso8"), "image/heic"),
    ("a.heic", box(b"mif3", b"mif3", b"heix"), "image/heic"),
    ("a.heif", box(b"mif1", b"mif1"), "image/heif"),
    ("a.hif", box(b"mif2", b"mif2", b"miaf", b"jpeg"), "image/heif"),
    ("a.hif", box(b"mif3"), "image/heif"),
    ("a.avif", box(b"avif", b"avif", b"mif1", b"miaf"), "image/avif"),
    ("a.svg", SVG, "image/svg+xml"),
    ("a.xml", b'<?xml version="1.0"?>\n<!-- drawn -->\n' + SVG, "image/svg+xml"),
    ("a.pdf", PDF, "application/pdf"),
    ("a.pdf", b"%PDF-1.4\n1 0 obj\nendobj\n%%EOF", "application/pdf"),
    ("a.pdf", b"\r\n" + PDF, "application/pdf"),
    ("a.pdf", b"\x1b%-12345X@PJL JOB\n" + PDF, "application/pdf"),
    ("a.pdf", b"<br />\n<b>Warning</b>: no such file in print.php\n" + PDF, "application/pdf"),
    ("a.pdf", bytes(128) + PDF, "application/pdf"),
    ("a.pdf", b"x" * 1019 + b"%PDF-1.4\nendobj\n%%EOF\n", "application/pdf"),
    ("a.docx", ooxml(OFFICE + "wordprocessingml.document"), OFFICE + "wordprocessingml.document"),
    ("a.xlsx", ooxml(OFFICE + "spreadsheetml.sheet"), OFFICE + "spreadsheetml.sheet"),
    (
        "a.pptx",
        ooxml(OFFICE + "presentationml.presentation"),
        OFFICE + "presentationml.presentation",
    ),
    *(
        (f"a.{ending}", ooxml(OFFICE + kind), OFFICE + kind)
        for ending, kind in (
            ("dotx", "wordprocessingml.template"),
            ("xltx", "spreadsheetml.template"),
            ("ppsx", "presentationml.slideshow"),
            ("potx", "presentationml.template"),
        )
    ),
    ("a.odt", open_document("text"), OPEN + "text"),
    ("a.odg", open_document("graphics"), OPEN + "graphics"),
    ("a.ods", open_document("spreadsheet"), OPEN + "spreadsheet"),
    ("a.odp", open_document("presentation"), OPEN + "presentation"),
    ("a.doc", ole("WordDocument", "1Table"), "application/msword"),
    ("a.xls", ole("Workbook"), "application/vnd.ms-excel"),
    ("a.xls", ole("Book"), "application/vnd.ms-excel"),
    ("a.ppt", ole("PowerPoint Document"), "application/vnd.ms-powerpoint"),
    ("a.rtf", rb"{\rtf1\ansi Hello}", "application/rtf"),
    ("a.txt", "Gr\u00fc\u00dfe \U0001f44b\tx\r\n".encode(), "text/plain"),
    ("a.log", b"\xef\xbb\xbfwith a mark", "text/plain"),
    ("a.txt", "Gr\u00fc\u00dfe".encode("utf-16"), "text/plain"),
    ("a.csv", "a;b\r\n1;2".encode("utf-16"), "text/csv"),
    ("a.csv", b"a,b\n1,2\n", "text/csv"),
    ("a.TSV", b"a\tb\n", "text/tab-separated-values"),
    ("a.md", b'<h1 align="center">Title</h1>\n', "text/markdown"),
    ("a.json", b' {"a": [1, 2.5, null]}\n', "application/json"),
    ("a.json", b'"a text"', "application/json"),
    ("a.xml", b'<?xml version="1.0"?><order/>', "application/xml"),
    ("a.xml", b"<order/>", "application/xml"),
]

REFUSED = [
    ("a.bin", b"\x7fELF\2\1\1" + NOISE, "programs"),
    ("a.bin", PE, "programs"),
    ("a.bin", b"\xcf\xfa\xed\xfe\7\0\0\1" + NOISE, "programs"),
    ("a.bin", b"\xfe\xed\xfa\xce" + NOISE, "programs"),
    ("a.bin", b"\xca\xfe\xba\xbe\0\0\0\x34" + NOISE, "programs"),
    ("a.bin", b"\0asm\1\0\0\0" + NOISE, "programs"),
    ("a.bin", b"L\0\0\0\1\x14\2\0" + NOISE, "programs"),
    ("a.txt", b"#!/bin/sh\nrm -rf /\n", "programs"),
    ("a", b"#! /usr/bin/env python3\n", "programs"),
    ("a.txt", b"\xef\xbb\xbf#!/bin/sh\n", "programs"),
    *(
        (f"a{ending}", b"echo hello\n", f"end in {ending}")
        for ending in (".bat", ".cmd", ".ps1", ".vbs", ".js", ".hta", ".lnk", ".sh", ".exe", ".url")
    ),
    ("a.png.EXE", png(), "end in .exe"),
    ("a.txt", b"<!DOCTYPE html><p>hello", "web pages"),
    ("a.txt", b"\n <!-- x --><HTML><body>", "web pages"),
    ("a.md", b"<script>alert(1)</script>", "web pages"),
    ("a.xml", b'<?xml version="1.0"?><html xmlns="x"/>', "web pages"),
    ("a.html", b"hello", "web pages"),
    ("a.svg", SVG.replace(b"<circle", b"<script/><circle"), "SVG"),
    ("a.svg", SVG.replace(b"<svg", b"<svg onload='alert(1)'"), "SVG"),
    ("a.svg", SVG.replace(b"<circle", b" " * HEAD + b"<script/><circle"), "SVG"),
    ("a.svg", b'<!DOCTYPE svg [<!ENTITY x "y">]>' + SVG, "SVG"),
    ("a.svg", b'<a xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
    ("a.svg", SVG + b" " * 1024 * 1024, "1 MB"),
    ("a.svg", SVG.replace(b"circle", b"script").decode().encode("utf-16"), "SVG"),
    ("a.zip", archive({"a.txt": "hello"}), "archives"),
    ("a.docx", archive({"word/document.xml": "<document/>"}), "archives"),
    ("a.epub", archive({"mimetype": "application/epub+zip"}), "archives"),
    ("a.docx", ooxml(OFFICE + "wordprocessingml.document")[:-30], "archives"),
    ("a.docm", ooxml("application/vnd.ms-word.document.macroEnabled"), "macros"),
    (
        "a.docx",
        ooxml(OFFICE + "wordprocessingml.document", **{"word/vbaProject.bin": "x"}),
        "macros",
    ),
    ("a.odt", open_document("text", **{"Basic/Standard/Module1.xml": "x"}), "macros"),
    ("a.odt", open_document("text", **{"Pictures/run.exe": "x"}), "macros"),
    ("a.doc", ole("WordDocument", "Macros", "VBA"), "macros"),
    ("a.xls", ole("Workbook", "_VBA_PROJECT_CUR"), "macros"),
    ("a.msg", ole("__properties_version1.0"), "none of the office documents"),
    ("a.docx", ole("EncryptedPackage"), "password"),
    ("a.gz", b"\x1f\x8b\x08\0" + NOISE, "not taken"),
    ("a.mp4", box(b"isom", b"isom", b"mp41"), "not taken"),
    ("a.wav", b"RIFF" + struct.pack("<I", 2056) + b"WAVEfmt " + NOISE, "not taken"),
    ("a.webp", b"RIFF" + struct.pack("<I", 2056) + b"WEBX" + NOISE, "not taken"),
    ("a.ico", b"\0\0\1\0\1\0\x10\x10" + NOISE, "not taken"),
    ("a.bmp", bitmap(header=7), "not taken"),
    ("a.txt", b"text with \0 in it", "not taken"),
    ("a.txt", b"\x1b[31mred\x1b[0m", "not taken"),
    ("a.txt", "Gr\u00fc\u00dfe".encode("latin-1"), "encoding UTF-8"),
    ("a.csv", "Stra\u00dfe;5,50 \u20ac\r\n".encode("cp1252"), "CSV UTF-8"),
    ("a.csv", "\u0423\u043b\u0438\u0446\u0430;5\r\n".encode("cp1251"), "CSV UTF-8"),
    ("a.TSV", "\u540d\u524d\t5\r\n".encode("cp932"), "CSV UTF-8"),
    ("a.json", '{"a": "\u00fc"}'.encode("cp1252"), "encoding UTF-8"),
    ("a.pdf", PE[:64] + PDF, "programs"),
    ("a.pdf", b"#!/bin/sh\n" + PDF, "programs"),
    ("a.pdf", b"<html><script>1</script>" + PDF, "web pages"),
    ("a.pdf", b"PK" + PDF, "archives"),
    ("a.pdf", bytes(1020) + PDF, "not taken"),
    ("a.pdf", b"\0" + PDF.replace(b"%%EOF", b""), "not taken"),
    ("a.txt", b"\xff\xfea", "encoding UTF-8"),
    ("a.pdf", NOISE, "not taken"),
]


@pytest.mark.parametrize(("name", "content", "type"), TAKEN)
def test_what_is_taken(name: str, content: bytes, type: str) -> None:
    """Each kind is told by its content."""
    assert judge(content, name) == type


def test_what_is_taken_can_be_asked_for() -> None:
    """By its type and by its ending; and no other type can."""
    assert {type for _, _, type in TAKEN} == set(TYPES)
    for name, _, type in TAKEN:
        for entry in (type, f".{name.rpartition('.')[2]}"):
            assert accepts(read_accept([read_entry(entry)]), type, name)


@pytest.mark.parametrize(
    ("content", "type"),
    [
        (c, t)
        for _, c, t in TAKEN
        if not t.startswith("text/") and "json" not in t and "xml" not in t
    ],
)
def test_a_name_makes_no_file_another(content: bytes, type: str) -> None:
    """What has a signature is what it is under every name."""
    assert {judge(content, name) for name in ("report.pdf", "notes.txt", "x")} == {type}


@pytest.mark.parametrize(("name", "content", "why"), REFUSED)
def test_what_is_refused(name: str, content: bytes, why: str) -> None:
    """The message says why."""
    with pytest.raises(RefusedFileError, match=why):
        judge(content, name)


@pytest.mark.parametrize("name", ["report.pdf", "photo.png", "letter.docx", "data.csv"])
def test_a_name_makes_no_program_harmless(name: str) -> None:
    """A program called report.pdf is a program."""
    for content in (PE, b"\x7fELF\2\1\1" + NOISE, b"#!/bin/sh\n", archive({"a": "b"})):
        with pytest.raises(RefusedFileError, match=r"programs|archives"):
            judge(content, name)


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.json", b"{'a': 1}"), ("a.json", b"[" * 100_000), ("a.xml", b"no xml"), ("a.png", b"text")],
)
def test_a_text_whose_ending_promises_more(name: str, content: bytes) -> None:
    """It is taken as the plain text that it is."""
    assert judge(content, name) == "text/plain"


def test_letters_that_begin_like_a_signature() -> None:
    """A text may begin with BM, MZ or PK."""
    for content in (b"BMW sold 3", b"MZ and PE", b"PK\n", b"RIFF", b"II*", b"GIF is a format"):
        assert judge(content, "a.txt") == "text/plain"


def test_a_text_about_pdf() -> None:
    """It has no end of one."""
    for content in (b"Look for %PDF-1.7 in the file.", b"%!PS\n%PDF- stands for itself"):
        assert judge(content, "a.txt") == "text/plain"


def test_a_character_across_two_pieces() -> None:
    """A text is read in pieces, which may part a character."""
    for offset in range(4):
        assert judge(b"x" * (65_536 - offset) + "\U0001f44b".encode(), "a.txt") == "text/plain"


HUGE = 10 * 1024 * 1024


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", b"[" + b"[]," * (HUGE // 3 - 2) + b"[]]"),
        ("a.json", b"[" + b"[]," * (PARSED // 3 - 2) + b"[]]"),
        ("a.txt", "\U0001f44b".encode() * (HUGE // 4)),
        ("a.svg", b"<svg " + b"<" * (MAX_DRAWING - 5)),
        ("a.svg", b"<svg>" + b" on" * (MAX_DRAWING // 3 - 2)),
        ("a.xml", b"<!-- " * (HUGE // 5)),
        ("a.xml", b"<!DOCTYPE a " + b"[" * HUGE),
        (
            "a.xls",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "Book\0".encode("utf-16-le") * (HUGE // 10),
        ),
        ("a.zip", b"PK\1\2" * (HUGE // 4)),
        ("a.docx", ooxml(OFFICE + "x", **{f"part{number}": "" for number in range(12_000)})),
        ("a.docx", archive({"[Content_Types].xml": " " * (20 * HUGE)})),
        ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(HUGE)),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} bytes",
)
def test_no_file_takes_much_time_or_memory(name: str, content: bytes) -> None:
    """Whatever it is made of: some seconds at most, and less than five times the largest file."""
    tracemalloc.start()
    started = time.process_time()
    try:
        judge(content, name)
    except RefusedFileError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert time.process_time() - started < 10
    assert peak < 5 * HUGE


def test_json_that_is_too_long_to_parse() -> None:
    """Its ends decide."""
    long = json.dumps({"a": "x" * PARSED}).encode()
    assert judge(long, "a.json") == "application/json"
    assert judge(long[:-1], "a.json") == "text/plain"
