#!/usr/bin/env bash
# dateparser==1.5.0: the fifth week of a year is the first of May
#
# Our guess: a week date of ISO 8601, such as 2027-W05-1, is read as what it is, or not at all.
# Seen: where no language is named, it is taken for Polish, in which "w" is the word for "in" and is
# skipped. The number of the week then is a month until 12, and a day until 31; from week 32 on, the
# answer is None. So for seven months of the year weeks become other dates, without an error, which
# STRICT_PARSING does not change. With languages named, but not Polish, no week is read.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dateparser==1.5.0

cat >"$folder/program.py" <<'PYTHON'
from datetime import datetime

from dateparser.date import DateDataParser


def day(text: str, **options) -> str:
    found = DateDataParser(**options).get_date_data(text)
    return f"{found.date_obj:%Y-%m-%d} ({found.locale})" if found.date_obj else "None"


for text in ("2027-W05-1", "2027-W12-5", "2027-W13-4", "2027-W31-1", "2027-W32-1"):
    print(f"{text}, {datetime.strptime(text, '%G-W%V-%u'):%Y-%m-%d}: {day(text)},", end=" ")
    print(f"strictly {day(text, settings={'STRICT_PARSING': True})},", end=" ")
    print("with languages", day(text, languages=["en", "de", "fr", "es", "it", "nl", "pt"]))
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
2027-W05-1, 2027-02-01: 2027-05-01 (pl), strictly 2027-05-01 (pl), with languages None
2027-W12-5, 2027-03-26: 2027-12-05 (pl), strictly 2027-12-05 (pl), with languages None
2027-W13-4, 2027-04-01: 2027-04-13 (pl), strictly 2027-04-13 (pl), with languages None
2027-W31-1, 2027-08-02: 2027-01-31 (pl), strictly 2027-01-31 (pl), with languages None
2027-W32-1, 2027-08-09: None, strictly None, with languages None
SEEN
echo "As before, with dateparser 1.5.0."
