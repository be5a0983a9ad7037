"""Files that people upload, and one that nobody may: made here, byte by byte."""

from __future__ import annotations

import struct
import zlib

NOISE = bytes(range(256)) * 8


def png() -> bytes:
    """One red pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0\xff\0\0")
    chunks = chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


PE = b"MZ\x90\0" + bytes(56) + struct.pack("<I", 64) + b"PE\0\0" + NOISE
PDF = ("report.pdf", b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n", "application/pdf")
CSV = ("rows.csv", b"a,b\n1,2\n", "text/csv")
NOTE = ("note.txt", b"Only a note.", "text/plain")
PROGRAM = ("report.pdf", b"MZ\x90\x00" + bytes(60), "application/pdf")
