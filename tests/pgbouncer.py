"""A PgBouncer of the tests' own, which gives each transaction any of the server's connections."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import psycopg

from tests.support import eventually, free_port

DATABASES = """
[databases]
* = host={host} port={port} user=postgres

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own}
auth_type = any
unix_socket_dir =
pool_mode = transaction
default_pool_size = 2
"""


class PgBouncer:
    """In front of the PostgreSQL server at this address."""

    def __init__(self, program: str, server: str) -> None:
        host, _, port = server.partition(":")
        self.address = f"127.0.0.1:{free_port()}"
        # Not in pytest's own folder, into which nobody but the tests' user may look.
        self._folder = Path(tempfile.mkdtemp(prefix="handover-pgbouncer-"))
        self._settings = self._folder / "pgbouncer.ini"
        own = self.address.partition(":")[2]
        self._settings.write_text(DATABASES.format(host=host, port=port, own=own))
        # PgBouncer refuses to run as root.
        as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        self._command = [*as_user, program, str(self._settings)]
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        self._folder.chmod(0o755)
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, cwd="/")  # noqa: ASYNC220
        await eventually(self._answers)

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(timeout=30)
        shutil.rmtree(self._folder)

    async def _answers(self) -> bool:
        with suppress(psycopg.OperationalError):
            url = f"postgresql://postgres@{self.address}/postgres"
            async with await psycopg.AsyncConnection.connect(url):
                return True
        return False
