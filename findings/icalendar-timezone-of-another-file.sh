#!/usr/bin/env bash
# icalendar==7.3.2: a calendar's time zone is the one that another calendar defined under its name
#
# Our guess: what a calendar says of its own time zone, in its VTIMEZONE, counts for its own events;
# a TZID is a name within one file.
# Seen: the first definition of a name that a process reads is kept for all that it reads later, and
# comes before theirs. Two offices that each call their zone "Office Time" are both in that of the
# one read first: 9 o'clock in New York is 9 o'clock in Berlin, six hours early, without an error,
# or the other way about after a restart. The calendar's own definition is still there, and `to_tz`
# tells its right offset with `lookup_tzid=False`. Only names that are unique are safe.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check icalendar==7.3.2

cat >"$folder/program.py" <<'PYTHON'
import sys
from datetime import datetime

from icalendar import Calendar

OFFSETS = {"Berlin": "+0100", "New York": "-0500"}


def shift(office: str, zone: str) -> str:
    lines = (
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Shop//Shifts//EN",
        "BEGIN:VTIMEZONE",
        f"TZID:{zone}",
        "BEGIN:STANDARD",
        "DTSTART:19700101T000000",
        f"TZOFFSETFROM:{OFFSETS[office]}",
        f"TZOFFSETTO:{OFFSETS[office]}",
        "END:STANDARD",
        "END:VTIMEZONE",
        "BEGIN:VEVENT",
        f"UID:{office}",
        "DTSTAMP:20270101T000000Z",
        f"DTSTART;TZID={zone}:20270301T090000",
        "END:VEVENT",
        "END:VCALENDAR",
    )
    return "".join(f"{line}\r\n" for line in lines)


for office in sys.argv[2:]:
    zone = f"{office} Time" if sys.argv[1] == "unique" else "Office Time"
    calendar = Calendar.from_ical(shift(office, zone))
    [event], [defined] = calendar.events, calendar.timezones
    own = defined.to_tz(lookup_tzid=False).utcoffset(datetime(2027, 3, 1)).total_seconds() / 3600
    print(f"{zone} of {office}, which it defines as {own:+.0f} hours: {event.start.isoformat()}")
PYTHON

diff - <(
  for names in same unique; do
    "$folder/venv/bin/python" "$folder/program.py" $names Berlin "New York"
    "$folder/venv/bin/python" "$folder/program.py" $names "New York" Berlin
  done
) <<'SEEN'
Office Time of Berlin, which it defines as +1 hours: 2027-03-01T09:00:00+01:00
Office Time of New York, which it defines as -5 hours: 2027-03-01T09:00:00+01:00
Office Time of New York, which it defines as -5 hours: 2027-03-01T09:00:00-05:00
Office Time of Berlin, which it defines as +1 hours: 2027-03-01T09:00:00-05:00
Berlin Time of Berlin, which it defines as +1 hours: 2027-03-01T09:00:00+01:00
New York Time of New York, which it defines as -5 hours: 2027-03-01T09:00:00-05:00
New York Time of New York, which it defines as -5 hours: 2027-03-01T09:00:00-05:00
Berlin Time of Berlin, which it defines as +1 hours: 2027-03-01T09:00:00+01:00
SEEN
echo "As before, with icalendar 7.3.2."
