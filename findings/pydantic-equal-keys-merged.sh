#!/usr/bin/env bash
# pydantic==2.14.3: keys that are one in JSON are merged, and one of the values is lost
#
# Our guess: `to_jsonable_python` refuses a dictionary whose keys 1 and "1" would be one, or keeps
# both, as `to_json` does.
# Seen: the later one takes the place of the earlier, without an error; likewise True and "true",
# and a date and its text. What is shown, signed or compared in the JSON form then says less than
# what the program goes on with. Only keys that are texts already are safe.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pydantic==2.14.3

cat >"$folder/program.py" <<'PYTHON'
from datetime import date

from pydantic_core import to_json, to_jsonable_python

for value in (
    {1: "one euro", "1": "the text"},
    {True: "yes", "true": "the text"},
    {date(2026, 11, 30): "the day", "2026-11-30": "the text"},
):
    print(to_json(value).decode(), "or", to_jsonable_python(value))
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
{"1":"one euro","1":"the text"} or {'1': 'the text'}
{"true":"yes","true":"the text"} or {'true': 'the text'}
{"2026-11-30":"the day","2026-11-30":"the text"} or {'2026-11-30': 'the text'}
SEEN
echo "As before, with pydantic 2.14.3."
