#!/usr/bin/env bash
# SQLAlchemy==2.1.9: a true that is selected out of a JSON column is 1 on SQLite
#
# Our guess: `select(table.c.answer["approved"])` gives what is at that place: JSON's true as
# `True`, as reading the whole column does, and as it does on PostgreSQL.
# Seen: on SQLite it gives the numbers 1 and 0, which are numbers too in JSON that is made of them,
# and are not what `is True` or a `match` looks for. Lists and objects within come as they are, with
# their true and false. `as_boolean()` gives True.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check SQLAlchemy==2.1.9

cat >"$folder/program.py" <<'PYTHON'
import json

from sqlalchemy import JSON, Column, Integer, MetaData, Table, create_engine, select

table = Table("t", MetaData(), Column("id", Integer, primary_key=True), Column("answer", JSON))
answer = table.c.answer
with create_engine("sqlite://").begin() as connection:
    table.create(connection)
    put = {"approved": True, "paid": False, "parts": [True], "notes": None}
    connection.execute(table.insert().values(answer=put))
    for name, selected in (
        ("the whole", answer),
        ("approved", answer["approved"]),
        ("paid", answer["paid"]),
        ("parts", answer["parts"]),
        ("approved, as_boolean", answer["approved"].as_boolean()),
    ):
        print(f"{name}: {json.dumps(connection.scalar(select(selected)))}")
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
the whole: {"approved": true, "paid": false, "parts": [true], "notes": null}
approved: 1
paid: 0
parts: [true]
approved, as_boolean: true
SEEN
echo "As before, with SQLAlchemy 2.1.9."
