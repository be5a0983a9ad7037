#!/usr/bin/env bash
# SQLAlchemy==2.1.9: a number alone in a JSON column comes back from SQLite as another one
#
# Our guess: what was put into a `JSON` column is what is read from it, since it is kept as text.
# Seen: so it is within an object or a list. A number by itself is a text that looks like a number,
# in a column whose declared type, JSON, makes SQLite turn such texts into numbers: 1.0 comes back
# as the integer 1, -0.0 as 0, and what is beyond 64 bits is rounded. A digest over the value that
# was read differs from one over the value that was written. In an object, nothing happens to it.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check SQLAlchemy==2.1.9

cat >"$folder/program.py" <<'PYTHON'
from sqlalchemy import JSON, Column, Integer, MetaData, Table, create_engine, select

table = Table("t", MetaData(), Column("id", Integer, primary_key=True), Column("value", JSON))
with create_engine("sqlite://").begin() as connection:
    table.create(connection)
    for value in (19.9, 20.0, -0.0, 2**70, "20.0", True):
        read = []
        for put in (value, {"value": value}):
            row = connection.execute(table.insert().values(value=put)).inserted_primary_key
            read.append(connection.scalar(select(table.c.value).where(table.c.id == row.id)))
        print(repr(value), "->", *map(repr, read))
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
19.9 -> 19.9 {'value': 19.9}
20.0 -> 20 {'value': 20.0}
-0.0 -> 0 {'value': -0.0}
1180591620717411303424 -> 1.1805916207174113e+21 {'value': 1180591620717411303424}
'20.0' -> '20.0' {'value': '20.0'}
True -> True {'value': True}
SEEN
echo "As before, with SQLAlchemy 2.1.9."
