from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from store import Store, open_store
from tests.conftest import lacks
from tests.support import free_port

POSTGRES_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server of the tests' own; its URL without the database."""
    pg_ctl = shutil.which("pg_ctl", path=os.pathsep.join(map(str, POSTGRES_BINARIES)))
    if pg_ctl is None:
        lacks("PostgreSQL's server is not installed (Debian: postgresql)")
    folder = tmp_path_factory.mktemp("postgres")
    port = free_port()
    # PostgreSQL refuses to run as root.
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_user:
        for parent in (folder, *folder.parents[:3]):
            parent.chmod(0o755)
        shutil.chown(folder, "postgres")
    data = folder / "data"
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "cwd": "/"}
    subprocess.run(
        [*as_user, Path(pg_ctl).with_name("initdb"), "-D", data, "-A", "trust", "-U", "postgres"],
        **quiet,
    )
    subprocess.run(
        [*as_user, pg_ctl, "-D", data, "-o", options, "-w", "-l", folder / "log", "start"], **quiet
    )
    yield f"postgresql+psycopg://postgres@127.0.0.1:{port}"
    subprocess.run([*as_user, pg_ctl, "-D", data, "-m", "immediate", "stop"], **quiet)


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    if request.param == "sqlite":
        url = f"sqlite+aiosqlite:///{tmp_path}/store.db"
    else:
        url = await fresh_database(request.getfixturevalue("postgres"))
    store = await open_store(url)
    yield store
    await store.close()


async def fresh_database(server: str) -> str:
    """The URL of a new, empty database on this server."""
    import secrets

    import psycopg

    name = f"test_{secrets.token_hex(6)}"
    plain = server.replace("+psycopg", "") + "/postgres"
    async with await psycopg.AsyncConnection.connect(plain, autocommit=True) as connection:
        await connection.execute(f"CREATE DATABASE {name}".encode())
    return f"{server}/{name}"
