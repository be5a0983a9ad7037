#!/usr/bin/env bash
# parse-duration==2.1.9: P1DT12H is twelve hours, P1M a minute, and 1:30 a millisecond
#
# Our guess: a text that is not wholly understood gives null, as "half an hour" and "2 business days"
# do; and as PT1H30M and P1D come out right, durations of ISO 8601 are among those that are.
# Seen: what is a number with a unit counts, and all else is passed over. The unit of "1DT" is none,
# so that a day is missing of a day and a half; M is a minute wherever it stands, also for a month;
# of "1:30" one millisecond and a bit are left, and of "1h -30m" the sign is not. A deadline that was
# meant for next month so is over in a minute, without an error. ISO 8601 wants a reader of its own,
# and what a person wrote is to be shown back to them in words.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund parse-duration@2.1.9

cat >program.mjs <<'JAVASCRIPT'
import parse from "parse-duration";

const texts = [
  "half an hour",
  "2 business days",
  "1 day and 12 hours",
  "1h30",
  "1:30",
  "1h -30m",
  "P1D",
  "PT1H30M",
  "P1DT12H",
  "P1M",
  "P1Y6M",
];
for (const text of texts) {
  const milliseconds = parse(text);
  console.log(`${text}: ${milliseconds === null ? "null" : `${milliseconds / 1000} s`}`);
}
JAVASCRIPT

diff - <(node program.mjs) <<'SEEN'
half an hour: null
2 business days: null
1 day and 12 hours: 129600 s
1h30: 5400 s
1:30: 0.00103 s
1h -30m: 5400 s
P1D: 86400 s
PT1H30M: 5400 s
P1DT12H: 43200 s
P1M: 60 s
P1Y6M: 31557960 s
SEEN
echo "As before, with parse-duration 2.1.9."
