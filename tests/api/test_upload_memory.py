"""The API's memory while many people's files pass through it at once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from api.http.multipart import MAX_FILE
from tests import web
from tests.api.processes import api_process
from tests.dev_server import DevServer
from tests.service import RunningService

AT_ONCE = 40
MEGABYTE = 1024 * 1024
BOUND = 120 * MEGABYTE
"""What `AT_ONCE` largest files, 400 MB, may add. 60 to 85 MB were measured: two are held whole at a
time, and the allocator keeps about as much again of what was freed for each thread that held one;
the rest is 64 KB of a spool, some chunks and buffers for every connection."""

HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
TAIL = b"\r\n--x--\r\n"


class Measured:
    """A service of its own, and a client that holds one file."""

    def __init__(self, service: RunningService) -> None:
        self._status = api_process(service) / "status"
        limits = httpx2.Limits(max_connections=AT_ONCE, max_keepalive_connections=0)
        self.http = web.client(
            base_url=service.base_url, headers=service.headers, limits=limits, timeout=300
        )

    def bytes(self, which: str) -> int:
        """`VmRSS`, the memory in use, or `VmHWM`, the most there ever was."""
        found = re.search(rf"{which}:\s+(\d+) kB", self._status.read_text())
        assert found
        return int(found[1]) * 1024

    async def upload(self, megabytes: int = MAX_FILE // MEGABYTE) -> str:
        headers = {
            "Content-Type": "multipart/form-data; boundary=x",
            "Content-Length": str(len(HEAD) + megabytes * MEGABYTE + len(TAIL)),
        }
        answer = await self.http.post("/attachments", content=body(megabytes), headers=headers)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    async def download(self, id: str) -> int:
        async with self.http.stream("GET", f"/attachments/{id}") as answer:
            assert answer.status_code == 200
            return sum([len(chunk) async for chunk in answer.aiter_bytes()])


async def body(megabytes: int) -> AsyncIterator[bytes]:
    piece = b"x" * MEGABYTE
    yield HEAD
    for _ in range(megabytes):
        yield piece
        await asyncio.sleep(0)  # so that all of them arrive at once, and not one by one
    yield TAIL


@pytest.fixture
async def measured(dev_server: DevServer, tmp_path: Path) -> AsyncIterator[Measured]:
    service = RunningService(dev_server.address, tmp_path)
    try:
        await service.start()
        measured = Measured(service)
        async with measured.http:
            await measured.download(await measured.upload(1))  # what is loaded once does not count
            yield measured
    finally:
        service.stop()


async def test_400_megabytes_up_and_down(measured: Measured) -> None:
    """They pass through, and the most memory that was ever in use stays within the bound."""
    before = measured.bytes("VmRSS")
    ids = await asyncio.gather(*(measured.upload() for _ in range(AT_ONCE)))
    uploading = measured.bytes("VmHWM") - before
    sizes = await asyncio.gather(*(measured.download(id) for id in ids))
    both = measured.bytes("VmHWM") - before
    assert sizes == [MAX_FILE] * AT_ONCE
    print(f"uploading: {uploading // MEGABYTE} MB, both: {both // MEGABYTE} MB")  # noqa: T201
    assert uploading < BOUND
    assert both < BOUND
