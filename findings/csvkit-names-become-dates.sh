#!/usr/bin/env bash
# csvkit==2.2.0: April and May, who have approved, are exported as days of the year 1
#
# Our guess: a column is one of dates if it holds dates, as 2026-11-30 is one; names and other words
# are texts.
# Seen: if all of a column can be read as times, they are: the names of months and of days, and
# "tomorrow" and "next week", which are counted from the first day of the year 1. So the approvers
# April and May become 0001-04-01 and 0001-05-01, 12 metres become twelve minutes, and version 1-2 a
# day in 2001. With Bo as a third one, all of them are names again. A reason "none" is no reason.
# `--no-inference` keeps the words, and together with `--blanks` "none" as well.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check csvkit==2.2.0

cat >decisions.csv <<'CSV'
approver,due,cable,version,reason
April,tomorrow,12m,1-2,none
May,next week,30m,1-3,n/a
CSV
cp decisions.csv more.csv
echo "Bo,soon,5 metres,2,too much" >>more.csv

diff - <(
  echo "decisions"
  venv/bin/csvjson --stream decisions.csv
  echo "decisions, no inference"
  venv/bin/csvjson --stream --no-inference decisions.csv
  echo "decisions, no inference and blanks"
  venv/bin/csvjson --stream --no-inference --blanks decisions.csv
  echo "more"
  venv/bin/csvjson --stream more.csv
) <<'SEEN'
decisions
{"approver": "0001-04-01", "due": "0001-01-02", "cable": "0:12:00", "version": "2001-01-02", "reason": null}
{"approver": "0001-05-01", "due": "0001-01-08", "cable": "0:30:00", "version": "2001-01-03", "reason": null}
decisions, no inference
{"approver": "April", "due": "tomorrow", "cable": "12m", "version": "1-2", "reason": null}
{"approver": "May", "due": "next week", "cable": "30m", "version": "1-3", "reason": null}
decisions, no inference and blanks
{"approver": "April", "due": "tomorrow", "cable": "12m", "version": "1-2", "reason": "none"}
{"approver": "May", "due": "next week", "cable": "30m", "version": "1-3", "reason": "n/a"}
more
{"approver": "April", "due": "tomorrow", "cable": "12m", "version": "1-2", "reason": null}
{"approver": "May", "due": "next week", "cable": "30m", "version": "1-3", "reason": null}
{"approver": "Bo", "due": "soon", "cable": "5 metres", "version": "2", "reason": "too much"}
SEEN
echo "As before, with csvkit 2.2.0."
