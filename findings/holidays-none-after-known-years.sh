#!/usr/bin/env bash
# holidays==0.109: Sri Lanka has 25 holidays in 2026, and none in any year after
#
# Our guess: a country's calendar knows Christmas of every year, since it is a fixed day, and where
# it does not know a year it says so, by an error or a warning.
# Seen: Sri Lanka's ends with 2026. From 2027 on, every day from Monday to Friday is a working day,
# Christmas included, and working days are counted so. There is no error and no warning, also not
# where the year is asked for by its number; only `end_year` tells. And `if calendar` does not find
# it out: one made without a year is false for every country, until a first day is looked up.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check holidays==0.109

cat >"$folder/program.py" <<'PYTHON'
import warnings
from datetime import date

import holidays

warnings.simplefilter("error")
for country in ("LK", "IN"):
    calendar = holidays.country_holidays(country)
    print(f"{country} just made: {bool(calendar)}")
    for christmas in (date(2026, 12, 25), date(2028, 12, 25)):
        print(f"- {christmas:%A %Y-%m-%d} is worked: {calendar.is_working_day(christmas)}")
    print("- first working day after 2028-12-24:", calendar.get_nth_working_day("2028-12-24", 1))
    counts = {year: len(holidays.country_holidays(country, years=year)) for year in (2026, 2028)}
    print(f"- holidays by year: {counts}, known until {calendar.end_year}")
    print(f"- in the end: {bool(calendar)}")
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
LK just made: False
- Friday 2026-12-25 is worked: False
- Monday 2028-12-25 is worked: True
- first working day after 2028-12-24: 2028-12-25
- holidays by year: {2026: 25, 2028: 0}, known until 2026
- in the end: True
IN just made: False
- Friday 2026-12-25 is worked: False
- Monday 2028-12-25 is worked: False
- first working day after 2028-12-24: 2028-12-26
- holidays by year: {2026: 18, 2028: 18}, known until 2100
- in the end: True
SEEN
echo "As before, with holidays 0.109."
