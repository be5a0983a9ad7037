"""A PostgreSQL server of the tests' own, from the machine's packages."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg

from tests.support import free_port

# Debian keeps the server's programs off PATH.
BINARIES = [os.environ.get("PATH", ""), *map(str, Path("/usr/lib/postgresql").glob("*/bin"))]


def find_pg_ctl() -> Path | None:
    found = shutil.which("pg_ctl", path=os.pathsep.join(BINARIES))
    return Path(found) if found else None


class PostgresServer:
    def __init__(self, pg_ctl: Path) -> None:
        self._pg_ctl = pg_ctl
        # Not in pytest's own folder, into which nobody but the tests' user may look.
        self._folder = Path(tempfile.mkdtemp(prefix="handover-postgres-"))
        self._data = self._folder / "data"
        self.address = f"127.0.0.1:{free_port()}"
        # PostgreSQL refuses to run as root.
        self._as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []

    def start(self) -> None:
        if self._as_user:
            shutil.chown(self._folder, "postgres")
        initdb = self._pg_ctl.with_name("initdb")
        self._run(initdb, "-D", self._data, "-A", "trust", "-U", "postgres")
        port = self.address.rpartition(":")[2]
        options = f"-p {port} -k {self._folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        log = self._folder / "log"
        self._run(self._pg_ctl, "-D", self._data, "-o", options, "-w", "-l", log, "start")

    def stop(self) -> None:
        self._run(self._pg_ctl, "-D", self._data, "-m", "immediate", "stop")
        shutil.rmtree(self._folder)

    async def execute(self, statement: str) -> None:
        """Run this as the superuser, outside of any transaction."""
        url = f"postgresql://postgres@{self.address}/postgres"
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            await connection.execute(statement.encode())

    async def fresh_database(self) -> str:
        """The URL of a new, empty database."""
        name = f"test_{secrets.token_hex(6)}"
        await self.execute(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://postgres@{self.address}/{name}"

    def _run(self, *command: str | Path) -> None:
        subprocess.run([*self._as_user, *command], check=True, stdout=subprocess.DEVNULL, cwd="/")
