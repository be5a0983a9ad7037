#!/usr/bin/env bash
# pyarrow==26.0.1, polars==2.1.0: fields that the first rows do not have are left out of all
#
# Our guess: a table made of dictionaries has a column for each key that any of them has, with nulls
# where others lack it; or the row with another key is an error.
# Seen: pyarrow's `Table.from_pylist` takes the first row's keys, Polars those of the first hundred
# rows, also where it reads JSON lines, and what later rows have beside them is left out without an
# error. So an export of decisions that begins with an approval has nobody's reason for a refusal.
# pyarrow's own reader of JSON lines keeps every field. A schema has to be given, or the keys be
# collected first; in Polars `infer_schema_length=None` does.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1 polars==2.1.0

cat >"$folder/program.py" <<'PYTHON'
import io
import json

import polars
import pyarrow
import pyarrow.json

REFUSED = {"id": "last", "outcome": "refused", "reason": "too much"}

for approved in (0, 1, 99, 100):
    rows = [{"id": f"dec_{each}", "outcome": "approved"} for each in range(approved)] + [REFUSED]
    lines = "\n".join(json.dumps(row) for row in rows).encode()
    columns = {
        "pyarrow, rows": pyarrow.Table.from_pylist(rows).column_names,
        "pyarrow, lines": pyarrow.json.read_json(io.BytesIO(lines)).column_names,
        "polars, rows": polars.DataFrame(rows).columns,
        "polars, lines": polars.read_ndjson(lines).columns,
        "polars, lines, all": polars.read_ndjson(lines, infer_schema_length=None).columns,
    }
    lacking = [how for how, names in columns.items() if "reason" not in names]
    print(f"after {approved} approved ones, no reason in:", "; ".join(lacking) or "none")
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
after 0 approved ones, no reason in: none
after 1 approved ones, no reason in: pyarrow, rows
after 99 approved ones, no reason in: pyarrow, rows
after 100 approved ones, no reason in: pyarrow, rows; polars, rows; polars, lines
SEEN
echo "As before, with pyarrow 26.0.1 and polars 2.1.0."
