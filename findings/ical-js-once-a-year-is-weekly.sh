#!/usr/bin/env bash
# ical.js==2.2.1, rrule==2.8.1: who is on duty on one Monday of a year is on duty every Monday
#
# Our guess: the library that was written for Mozilla's calendar reads "the 20th Monday of the year"
# and "Monday of week 20", two of RFC 5545's own examples, as the RFC explains them; a rule beyond it
# is an error, as `BYWEEKNO` beside `BYMONTHDAY` is.
# Seen: both are every Monday from then on. "The first working day of a week" is every working day,
# the 31st of each quarter's last month is the first of July and of October as well, and the 29th of
# February is the first of March ever after, without an error. rrule does as the RFC says; by months,
# and in weeks without `BYSETPOS`, the two agreed. A rota that comes from elsewhere wants another
# library, or to be shown as dates to whoever sent it.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund ical.js@2.2.1 rrule@2.8.1

cat >program.mjs <<'JAVASCRIPT'
import ICAL from "ical.js";
import rrule from "rrule";

const rules = [
  ["the 20th Monday of the year", "1997-05-19", "FREQ=YEARLY;BYDAY=20MO"],
  ["Monday of week 20", "1997-05-12", "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO"],
  ["first working day of a week", "2027-01-04", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1"],
  ["first working day of a month", "2027-01-01", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1"],
  ["31st of a quarter's end", "2027-03-31", "FREQ=YEARLY;BYMONTH=3,6,9,12;BYMONTHDAY=31"],
  ["31st of every third month", "2027-01-31", "FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=31"],
  ["29th of February", "2028-02-29", "FREQ=YEARLY"],
];

for (const [name, first, rule] of rules) {
  const iterator = ICAL.Recur.fromString(rule).iterator(ICAL.Time.fromDateString(first));
  const dates = rrule.rrulestr(`${rule};COUNT=4`, { dtstart: new Date(first) }).all();
  console.log(`${name}:`);
  console.log("- ical.js", ...dates.map(() => iterator.next().toString()));
  console.log("- rrule  ", ...dates.map((date) => date.toISOString().slice(0, 10)));
}
JAVASCRIPT

diff - <(node program.mjs) <<'SEEN'
the 20th Monday of the year:
- ical.js 1997-05-19 1997-05-26 1997-06-02 1997-06-09
- rrule   1997-05-19 1998-05-18 1999-05-17 2000-05-15
Monday of week 20:
- ical.js 1997-05-19 1997-05-26 1997-06-02 1997-06-09
- rrule   1997-05-12 1998-05-11 1999-05-17 2000-05-15
first working day of a week:
- ical.js 2027-01-04 2027-01-05 2027-01-06 2027-01-07
- rrule   2027-01-04 2027-01-11 2027-01-18 2027-01-25
first working day of a month:
- ical.js 2027-01-01 2027-02-01 2027-03-01 2027-04-01
- rrule   2027-01-01 2027-02-01 2027-03-01 2027-04-01
31st of a quarter's end:
- ical.js 2027-03-31 2027-07-01 2027-10-01 2027-12-31
- rrule   2027-03-31 2027-12-31 2028-03-31 2028-12-31
31st of every third month:
- ical.js 2027-01-31 2027-07-31 2027-10-31 2028-01-31
- rrule   2027-01-31 2027-07-31 2027-10-31 2028-01-31
29th of February:
- ical.js 2028-02-29 2029-03-01 2030-03-01 2031-03-01
- rrule   2028-02-29 2032-02-29 2036-02-29 2040-02-29
SEEN
echo "As before, with ical.js 2.2.1."
