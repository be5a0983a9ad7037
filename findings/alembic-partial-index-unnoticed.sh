#!/usr/bin/env bash
# alembic==1.20.1, SQLAlchemy==2.1.9: a partial index with another condition counts as the same
#
# Our guess: `alembic check`, which compares the models with the database, notices when an index
# covers other rows than before, as it notices other columns and `unique`.
# Seen: on SQLite the condition is read from the database and never compared. A model that says
# "unique among the pending" agrees with a database that has "unique among all", the test that runs
# `compare_metadata` passes, and the migration is never written. Such indexes want a test of what
# they do.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  alembic==1.20.1 SQLAlchemy==2.1.9

cat >"$folder/program.py" <<'PYTHON'
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Index, Integer, MetaData, String, Table, create_engine, inspect, text


def model(*columns: str, unique: bool = True, where: str | None = None) -> MetaData:
    metadata = MetaData()
    table = Table(
        "decisions",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("order", String),
        Column("status", String),
    )
    condition = text(where) if where else None
    Index("one", *(table.c[name] for name in columns), unique=unique, sqlite_where=condition)
    return metadata


with create_engine("sqlite://").begin() as connection:
    model("order", where="status = 'pending'").create_all(connection)
    [index] = inspect(connection).get_indexes("decisions")
    print("database:", index["column_names"], "where", index["dialect_options"]["sqlite_where"])
    for label, wanted in {
        "another column": model("order", "status", where="status = 'pending'"),
        "not unique": model("order", unique=False, where="status = 'pending'"),
        "another condition": model("order", where="status = 'approved'"),
        "no condition": model("order"),
    }.items():
        differences = compare_metadata(MigrationContext.configure(connection), wanted)
        print(f"{label}:", [difference[0] for difference in differences])
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
database: ['order'] where status = 'pending'
another column: ['remove_index', 'add_index']
not unique: ['remove_index', 'add_index']
another condition: []
no condition: []
SEEN
echo "As before, with alembic 1.20.1 and SQLAlchemy 2.1.9."
