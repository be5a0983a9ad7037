"""Where the store may be, and what is said where it cannot."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from store import UnusableStoreError, open_store
from store.keys import new_key
from tests.conftest import lacks
from tests.pgbouncer import PgBouncer
from tests.postgres import PostgresServer
from tests.support import free_port

PASSWORD = "of-nobodys-business"
"""The tests' server asks for none, and shows none."""


@pytest.fixture
async def pgbouncer(postgres: PostgresServer) -> AsyncIterator[PgBouncer]:
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        lacks("PgBouncer is not installed (Debian: pgbouncer)")
    pooler = PgBouncer(program, postgres.address)
    try:
        await pooler.start()
        yield pooler
    finally:
        await asyncio.to_thread(pooler.stop)


async def refusal(place: str | Path) -> str:
    """Why it cannot be opened: one sentence, without the password."""
    with pytest.raises(UnusableStoreError) as refused:
        await open_store(place)
    said = str(refused.value)
    assert "\n" not in said
    assert PASSWORD not in said
    return said


@pytest.fixture
async def database(postgres: PostgresServer) -> str:
    """The name of an empty database on the tests' server."""
    return (await postgres.fresh_database()).rpartition("/")[2]


async def role(postgres: PostgresServer, database: str, *grants: str) -> str:
    """The URL of a role of its own, which has these rights in this database, where the tables are
    made already."""
    name = f"role_of_{database}"
    owner = f"postgresql://postgres@{postgres.address}/{database}"
    store = await open_store(owner)
    async with store._database.begin() as connection:
        await connection.execute(text(f"CREATE ROLE {name} LOGIN"))
        for grant in grants:
            await connection.execute(text(grant.format(role=name)))
    await store.close()
    return f"postgresql://{name}:{PASSWORD}@{postgres.address}/{database}"


TABLES = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"
SEQUENCES = "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
async def test_a_server_by_any_of_its_names(
    postgres: PostgresServer, database: str, scheme: str
) -> None:
    """As providers write it, and as other programs do."""
    store = await open_store(f"{scheme}://postgres@{postgres.address}/{database}?sslmode=disable")
    await store.ping()
    await store.close()


async def test_a_pooler_gives_each_transaction_another_connection(
    pgbouncer: PgBouncer, database: str
) -> None:
    """Several processes start at once and work one after the other: what one of them repeats in a
    transaction leaves nothing behind on the server's connection that the next one is given."""
    url = f"postgresql://postgres@{pgbouncer.address}/{database}"
    keys = [secrets.token_hex(32) for _ in range(4)]
    stores = await asyncio.gather(*(open_store(url) for _ in keys))
    for number in range(8):
        await stores[0].callback_secrets(keys[:1]).rotate(f"agent {number}")
    for turn, store in enumerate(stores, start=1):
        rotated = store.callback_secrets(keys[turn - 1 :: -1])
        await rotated.reseal()
        assert await rotated.signing("agent 7")
        await store.close()


async def test_a_role_that_may_make_no_tables(postgres: PostgresServer, database: str) -> None:
    """It is named, with what it needs."""
    await postgres.execute(f"CREATE ROLE nobody_in_{database} LOGIN")
    url = f"postgresql://nobody_in_{database}:{PASSWORD}@{postgres.address}/{database}"
    said = await refusal(url)
    assert f"role nobody_in_{database} lacks a right (permission denied for schema public)" in said
    assert f"GRANT CREATE, USAGE ON SCHEMA public TO nobody_in_{database}" in said


@pytest.mark.parametrize(
    ("grants", "words"),
    [
        ([TABLES, SEQUENCES, "REVOKE INSERT ON executions FROM {role}"], "table executions: GRANT"),
        ([TABLES], "lacks rights to the table deliveries, refused_responses: GRANT"),
        (["GRANT SELECT ON alembic_version TO {role}"], "lacks rights to the table api_keys, "),
        ([], "permission denied for table alembic_version"),
        (
            [TABLES, SEQUENCES, "ALTER ROLE {role} SET default_transaction_read_only = on"],
            "can only be read",
        ),
    ],
)
async def test_a_role_that_may_not_do_all(
    postgres: PostgresServer, database: str, grants: list[str], words: str
) -> None:
    """It is noticed at the start, and not with the first decision."""
    assert words in await refusal(await role(postgres, database, *grants))


async def test_a_role_that_may_do_all_need_not_own(postgres: PostgresServer, database: str) -> None:
    """Where another one makes the tables."""
    store = await open_store(await role(postgres, database, TABLES, SEQUENCES))
    await store.keys.ensure(new_key(), "agent")
    await store.close()


async def test_a_server_that_is_not_there(postgres: PostgresServer) -> None:
    """Nobody listens; no such database, no such role; an option that nobody knows."""
    nowhere = f"127.0.0.1:{free_port()}"
    assert "Connection refused" in await refusal(f"postgres://a:{PASSWORD}@{nowhere}/handover")
    here = postgres.address
    said = await refusal(f"postgres://postgres:{PASSWORD}@{here}/none")
    assert 'database "none" does not exist' in said
    assert 'role "none" does not exist' in await refusal(f"postgres://none:{PASSWORD}@{here}/none")
    wrong = f"postgres://postgres:{PASSWORD}@{here}/postgres?pgbouncer=true"
    assert 'invalid connection option "pgbouncer"' in await refusal(wrong)
    assert await refusal("postgres://a:b:c:d") == "this is no URL of a database."


def databases(folder: Path) -> list[Path]:
    """Wherever in it they are."""
    return list(folder.glob("**/*.db"))


@pytest.mark.parametrize("name", ["a%20b", "who?", "a b#c", "100%", "ümlaut&x=y"])
async def test_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    """The file is there and nowhere else."""
    file = tmp_path / name / "store.db"
    store = await open_store(file)
    await store.keys.ensure(new_key(), "agent")
    await store.close()
    assert file.stat().st_size > 0
    assert databases(tmp_path) == [file]


async def test_a_file_that_cannot_be_one(tmp_path: Path) -> None:
    """A folder that is none, and a file that is no database."""
    (tmp_path / "file").write_text("hello " * 1000)
    assert "exists" in await refusal(tmp_path / "file" / "store.db")
    assert "file is not a database" in await refusal(tmp_path / "file")


async def test_a_store_of_a_newer_version(tmp_path: Path) -> None:
    """Whoever goes back to an older one is told."""
    store = await open_store(tmp_path / "store.db")
    async with store._database.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await store.close()
    assert "newer version of Handover has migrated" in await refusal(tmp_path / "store.db")
