"""What `accept` may ask for: kinds that somebody can answer with, each by its one name."""

from __future__ import annotations

import pytest

from handover._file_types import read_accept, read_entry

MEANT = [
    ("image/jpg", "image/jpeg"),
    ("IMAGE/PJPEG", "image/jpeg"),
    ("image/x-png", "image/png"),
    ("image/x-ms-bmp", "image/bmp"),
    ("image/tif", "image/tiff"),
    ("image/svg", "image/svg+xml"),
    ("image/heic-sequence", "image/heic"),
    ("application/x-pdf", "application/pdf"),
    ("application/csv", "text/csv"),
    ("text/x-comma-separated-values", "text/csv"),
    ("text/json", "application/json"),
    ("text/xml", "application/xml"),
    ("text/rtf", "application/rtf"),
    ("text/x-markdown", "text/markdown"),
    ("application/xls", "application/vnd.ms-excel"),
    ("application/x-msexcel", "application/vnd.ms-excel"),
    (
        "application/docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    ("application/vnd.oasis.opendocument.chart", "application/vnd.oasis.opendocument.chart"),
    ("image/*", "image/*"),
    ("Text/*", "text/*"),
    (".PDF", ".pdf"),
    (".yaml", ".yaml"),
]

UNANSWERABLE = [
    "video/*",
    "audio/*",
    "font/*",
    "video/mp4",
    "audio/mpeg",
    "application/zip",
    "application/x-zip-compressed",
    "text/html",
    "application/octet-stream",
    "application/vnd.ms-excel.sheet.macroEnabled.12",
    "image/x-icon",
    "text/yaml",
    ".zip",
    ".ZIP",
    ".gz",
    ".7z",
    ".rar",
    ".mp4",
    ".mp3",
    ".mov",
    ".docm",
    ".xlsm",
    ".xlsb",
    ".exe",
    ".js",
    ".html",
    ".msg",
]


@pytest.mark.parametrize(("entry", "form"), MEANT)
def test_a_kind_has_one_name(entry: str, form: str) -> None:
    """However it is written."""
    assert read_entry(entry) == form


@pytest.mark.parametrize("entry", UNANSWERABLE)
def test_what_nobody_can_answer_with_is_refused(entry: str) -> None:
    """Archives, programs, web pages, sound and film: no such file is ever taken."""
    with pytest.raises(ValueError, match="nobody could answer: name one that is"):
        read_entry(entry)


@pytest.mark.parametrize("entry", ["", "pdf", "*.pdf", "image", "image/", ".", ".tar.gz", "*"])
def test_what_is_no_kind_is_refused(entry: str) -> None:
    """With an example of each form."""
    with pytest.raises(ValueError, match="no media type, such as"):
        read_entry(entry)


def test_endings_of_one_kind_go_together() -> None:
    """Each once; and who asks for everything asks for nothing in particular."""
    assert read_accept([".jpg", "image/png", ".jpeg", "image/png"]) == [
        ".jpg",
        ".jpeg",
        "image/png",
    ]
    assert read_accept([".pdf", read_entry("*/*")]) is None
    assert read_accept(None) is None
