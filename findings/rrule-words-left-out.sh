#!/usr/bin/env bash
# rrule==2.8.1: "every day except Sunday" is every day, and "at 5pm" is 5 in the morning
#
# Our guess: `RRule.fromText`, which takes only some English, refuses what it does not understand.
# Seen: it does so right after words like "every" and "until": "every second Monday" is an error.
# Elsewhere it leaves out the word that it cannot place, with all that follows, and returns a rule
# of more days or months than were meant, or of another hour. Whoever wrote the words is to be asked
# whether the rule's `toText` is what they meant.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund rrule@2.8.1

cat >program.mjs <<'JAVASCRIPT'
import rrule from "rrule";

for (const text of [
  "every second monday",
  "every day except sunday",
  "every day at 5pm",
  "every day at 9:30",
  "every month on the 1st at 9",
  "every year on 1 march",
  "every year on march 1",
  "every march on the 1st",
]) {
  try {
    const rule = rrule.RRule.fromText(text);
    console.log(`${text}: ${rule.toString().replace("RRULE:", "")}, ${rule.toText()}`);
  } catch (error) {
    console.log(`${text}: ${error.message}`);
  }
}
JAVASCRIPT

diff - <(node program.mjs) <<'SEEN'
every second monday: Unknown symbol
every day except sunday: FREQ=DAILY, every day
every day at 5pm: FREQ=DAILY;BYHOUR=5, every day at 5
every day at 9:30: FREQ=DAILY;BYHOUR=9, every day at 9
every month on the 1st at 9: FREQ=MONTHLY;BYMONTHDAY=1, every month on the 1st
every year on 1 march: FREQ=YEARLY, every year
every year on march 1: FREQ=YEARLY;BYMONTH=3, every March
every march on the 1st: FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=1, every March on the 1st
SEEN
echo "As before, with rrule 2.8.1."
