"""A real Redis server of the tests' own."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import lacks
from tests.support import eventually, free_port


class RedisServer:
    def __init__(self, program: str) -> None:
        self._program = program
        self._folder = tempfile.TemporaryDirectory(prefix="handover-redis-")
        self._process: subprocess.Popen[bytes] | None = None
        self._port = free_port()
        self.url = f"redis://:of-the-tests@127.0.0.1:{self._port}"

    async def start(self) -> None:
        command = [
            self._program, "--port", str(self._port), "--bind", "127.0.0.1",
            "--requirepass", "of-the-tests", "--save", "", "--dir", self._folder.name,
        ]  # fmt: skip
        log = (Path(self._folder.name) / "log").open("ab")
        with log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: ASYNC220
        await eventually(self._answers)

    def stop(self) -> None:
        """As a crash does it: what was counted is gone."""
        if self._process:
            self._process.kill()
            self._process.wait(timeout=30)
            self._process = None

    def remove(self) -> None:
        self.stop()
        self._folder.cleanup()

    async def _answers(self) -> bool:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", self._port)
            writer.close()
            await writer.wait_closed()
            return True
        return False


@pytest.fixture
async def redis() -> AsyncIterator[RedisServer]:
    program = shutil.which("redis-server")
    if program is None:
        lacks("Redis's server is not installed (Debian: redis-server)")
    server = RedisServer(program)
    await server.start()
    yield server
    await asyncio.to_thread(server.remove)
