#!/usr/bin/env bash
# pydantic==2.14.3: the date 20261130 is a day in August 1970
#
# Our guess: `datetime` takes ISO 8601's compact form of a date as Python's own `fromisoformat` does
# ("20261130" is the 30th of November 2026), or refuses it, as it refuses "20261130T120000Z".
# Seen: a text of digits alone is a number of seconds since 1970, so "20261130" becomes the 23rd of
# August 1970, in UTC though no zone was given. As `date` it is refused. Whoever takes times from
# others has to check the form of the text before.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pydantic==2.14.3

cat >"$folder/program.py" <<'PYTHON'
from datetime import date, datetime

from pydantic import TypeAdapter, ValidationError

for text in ("2026-11-30", "20261130", "20261130T120000Z"):
    for type in (datetime, date):
        try:
            told = TypeAdapter(type).validate_python(text).isoformat()
        except ValidationError:
            told = "refused"
        print(f"{text} as {type.__name__}: {told}")
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
2026-11-30 as datetime: 2026-11-30T00:00:00
2026-11-30 as date: 2026-11-30
20261130 as datetime: 1970-08-23T12:05:30+00:00
20261130 as date: refused
20261130T120000Z as datetime: refused
20261130T120000Z as date: refused
SEEN
echo "As before, with pydantic 2.14.3."
