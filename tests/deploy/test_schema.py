"""deploy/temporal/schema.sh, with a stand-in for Temporal's tool that says what the real one says.

The words were taken from temporal-sql-tool 1.32.1 on PostgreSQL.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.deploy.compose import ROOT

TOOL = r"""#!/bin/sh
echo "$*" >> calls
database=$2 action=$3
case $action in
  setup-schema) touch "$database.version" ;;
  update-schema)
    if [ -e failure ]; then cat failure; exit 1; fi
    if [ -e "$database.version" ]; then exit 0; fi
    cat nothing; exit 1 ;;
esac
"""
NO_TABLE = (
    r'{"error": "error reading current schema version:pq: relation \"schema_version\" does not'
    ' exist at column 26 (42P01)"}'
)
NO_ROW = '{"error": "error reading current schema version:sql: no rows in result set"}'


class Databases:
    """A folder in which the stand-in keeps what it was asked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        tool = folder / "temporal-sql-tool"
        tool.write_text(TOOL)
        tool.chmod(0o755)
        self.says_of_a_new_one(NO_TABLE)

    def says_of_a_new_one(self, words: str) -> None:
        (self._folder / "nothing").write_text(words)

    def fail(self, words: str) -> None:
        (self._folder / "failure").write_text(words)

    def prepare(self) -> subprocess.CompletedProcess[str]:
        (self._folder / "calls").write_text("")
        return subprocess.run(
            ["sh", ROOT / "deploy/temporal/schema.sh"],
            cwd=self._folder,
            env={"PATH": f"{self._folder}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def calls(self) -> list[tuple[str, str]]:
        """Database and action, in order."""
        lines = (self._folder / "calls").read_text().splitlines()
        return [(words[1], words[2]) for words in map(str.split, lines)]


@pytest.fixture
def databases(tmp_path: Path) -> Databases:
    return Databases(tmp_path)


@pytest.mark.parametrize("new", [NO_TABLE, NO_ROW])
def test_new_databases_are_set_up(databases: Databases, new: str):
    """Also where an earlier run was stopped between the table and its row."""
    databases.says_of_a_new_one(new)
    done = databases.prepare()
    assert done.returncode == 0, done.stderr
    assert databases.calls == [
        (database, action)
        for database in ("temporal", "temporal_visibility")
        for action in ("create-database", "update-schema", "setup-schema", "update-schema")
    ]


def test_a_second_run_only_updates(databases: Databases):
    """Setting up would put a database with decisions in it back to version 0."""
    databases.prepare()
    assert databases.prepare().returncode == 0
    assert {action for _, action in databases.calls} == {"create-database", "update-schema"}


@pytest.mark.parametrize(
    "words",
    [
        '{"error": "no usable database connection found"}',
        '{"error": "error reading current schema version:dial tcp: connection refused"}',
        r'{"error": "error executing statement:pq: relation \"executions\" does not exist"}',
    ],
)
def test_any_other_failure_sets_nothing_up(databases: Databases, words: str):
    """A server that is away, or a migration that fails: the job fails with the tool's words."""
    databases.fail(words)
    done = databases.prepare()
    assert done.returncode != 0
    assert words in done.stderr
    assert "setup-schema" not in {action for _, action in databases.calls}
