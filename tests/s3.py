"""A real S3 server of the tests' own, which verifies signatures."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from embedded.errors import ProgramMissingError
from embedded.programs import get_s3_server
from tests import web
from tests.conftest import lacks
from tests.support import eventually, free_port

BUCKET = "files"


class S3Server:
    def __init__(self, program: Path) -> None:
        self._program = program
        self._folder = tempfile.TemporaryDirectory(prefix="handover-s3-")
        self._process: subprocess.Popen[bytes] | None = None
        self._port = free_port()
        self.environment = {
            "AWS_ACCESS_KEY_ID": "tests",
            "AWS_SECRET_ACCESS_KEY": "a secret of the tests",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._port}",
            "AWS_ALLOW_HTTP": "true",
        }

    @property
    def bucket(self) -> Path:
        """Where the server keeps what the bucket holds."""
        return Path(self._folder.name) / "root" / BUCKET

    def objects(self) -> list[str]:
        """What is in the bucket, also what was begun and not finished."""
        files = (path for path in self.bucket.rglob("*") if path.is_file())
        return sorted(str(path.relative_to(self.bucket)) for path in files)

    async def start(self) -> None:
        self.bucket.mkdir(parents=True, exist_ok=True)
        sidecar = Path(self._folder.name) / "metadata"  # not every file system has attributes
        sidecar.mkdir(exist_ok=True)
        command = [
            str(self._program), "--quiet", "--port", f"127.0.0.1:{self._port}",
            "--access", self.environment["AWS_ACCESS_KEY_ID"],
            "--secret", self.environment["AWS_SECRET_ACCESS_KEY"],
            "posix", "--sidecar", str(sidecar), str(self.bucket.parent),
        ]  # fmt: skip
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(command, stdout=quiet, stderr=quiet)  # noqa: ASYNC220
        await eventually(self._answers, timeout=60)

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(timeout=30)
            self._process = None

    def remove(self) -> None:
        self.stop()
        self._folder.cleanup()

    async def _answers(self) -> bool:
        async with web.client() as client:
            try:
                answer = await client.get(self.environment["AWS_ENDPOINT_URL"])
            except httpx2.TransportError:
                return False
        return answer.status_code == httpx2.codes.FORBIDDEN


@pytest.fixture
async def s3() -> AsyncIterator[S3Server]:
    """An S3 server with an empty bucket."""
    try:
        server = S3Server(await get_s3_server())
    except ProgramMissingError as error:
        lacks(str(error))
    await server.start()
    yield server
    await asyncio.to_thread(server.remove)
