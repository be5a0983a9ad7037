#!/usr/bin/env bash
# babel==2.19.0: a date in the wrong order is read in the other order, where it can be
#
# Our guess: `parse_date` reads a date in the order of its locale, and refuses one in which the
# month would be the 13th.
# Seen: it takes the first three numbers that it finds, and where the month would be above 12 the
# other one is the month. So one hand, writing days first in an American form, is understood from
# the 13th of a month on, and gets another date until the 12th, without an error either time.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check babel==2.19.0

cat >"$folder/program.py" <<'PYTHON'
from babel.dates import parse_date

for locale, text in (
    ("en_US", "12/1/2027"),
    ("en_US", "13/1/2027"),
    ("de", "1.12.2027"),
    ("de", "1.13.2027"),
):
    print(f"{text} in {locale}: {parse_date(text, locale=locale):%d %B %Y}")
PYTHON

diff - <(LC_ALL=C.UTF-8 "$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
12/1/2027 in en_US: 01 December 2027
13/1/2027 in en_US: 13 January 2027
1.12.2027 in de: 01 December 2027
1.13.2027 in de: 13 January 2027
SEEN
echo "As before, with babel 2.19.0."
