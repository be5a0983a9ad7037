"""The number of an image's pixels, read from its first bytes: nothing is decoded."""

from __future__ import annotations

from collections.abc import Iterator

NO_FRAMES = {0xC4, 0xC8, 0xCC}
"""JPEG's segments of tables, among the numbers that begin a frame (C0 to CF)."""


def measure(content: bytes, type: str) -> int:
    """Return the pixels of an image; 0 if it does not say."""
    width, height = {"image/png": _png, "image/gif": _gif, "image/webp": _webp}.get(type, _jpeg)(
        content
    )
    return width * height


def _png(content: bytes) -> tuple[int, int]:
    return int.from_bytes(content[16:20]), int.from_bytes(content[20:24])


def _gif(content: bytes) -> tuple[int, int]:
    return _little(content[6:8]), _little(content[8:10])


def _webp(content: bytes) -> tuple[int, int]:
    match content[12:16]:
        case b"VP8 ":
            return _little(content[26:28]) & 0x3FFF, _little(content[28:30]) & 0x3FFF
        case b"VP8L":
            both = _little(content[21:25])
            return (both & 0x3FFF) + 1, (both >> 14 & 0x3FFF) + 1
        case b"VP8X":
            return _little(content[24:27]) + 1, _little(content[27:30]) + 1
        case _:
            return 0, 0


def _jpeg(content: bytes) -> tuple[int, int]:
    """Measure a JPEG by its first frame, and skip a picture inside its metadata."""
    for marker, at in _segments(content):
        if marker & 0xF0 == 0xC0 and marker not in NO_FRAMES:
            return int.from_bytes(content[at + 5 : at + 7]), int.from_bytes(
                content[at + 3 : at + 5]
            )
    return 0, 0


def _segments(content: bytes) -> Iterator[tuple[int, int]]:
    """Yield the marker of each segment, and the place of its length."""
    at = 2
    while content[at : at + 1] == b"\xff":
        if (marker := int.from_bytes(content[at + 1 : at + 2])) == 0xFF:  # filling
            at += 1
            continue
        yield marker, at + 2
        at += 2 + max(2, int.from_bytes(content[at + 2 : at + 4]))


def _little(part: bytes) -> int:
    return int.from_bytes(part, "little")
