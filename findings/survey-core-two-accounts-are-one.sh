#!/usr/bin/env bash
# survey-core==3.1.1: the accounts 0042 and 42 are one, so nobody is asked why the account changed
#
# Our guess: a question with `visibleIf: "{old} != {new}"` is asked when two text questions have
# different answers. Both are texts, and are compared as texts.
# Seen: texts that look like numbers are compared as numbers, unless they have more than 15 digits:
# 0042 is 42, 1e3 is 1000 and 0x10 is 16, so that the question, required for every change, does not
# appear, and the form is complete without it. A letter before the digits helps, and so does a # in
# the rule, `{#old} != {#new}`. "ann" is "ANN" either way; for that there is a setting.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund survey-core@3.1.1

cat >program.mjs <<'JAVASCRIPT'
import { Model } from "survey-core";

const changes = [
  ["0042", "0043"],
  ["0042", "42"],
  ["1e3", "1000"],
  ["0x10", "16"],
  ["DE0042", "DE42"],
  ["0000000000000042", "0000000000000000042"],
  ["ann", "ANN"],
];

for (const visibleIf of ["{old} != {new}", "{#old} != {#new}"]) {
  const survey = new Model({
    elements: [
      { type: "text", name: "old" },
      { type: "text", name: "new" },
      { type: "comment", name: "why", visibleIf, isRequired: true },
    ],
  });
  console.log(visibleIf);
  for (const [old, changed] of changes) {
    survey.data = { old, new: changed };
    const asked = survey.getQuestionByName("why").isVisible ? "asked why" : "not asked";
    console.log(`- ${old}, ${changed}: ${asked}, complete: ${survey.validate()}`);
  }
}
JAVASCRIPT

diff - <(node program.mjs) <<'SEEN'
{old} != {new}
- 0042, 0043: asked why, complete: false
- 0042, 42: not asked, complete: true
- 1e3, 1000: not asked, complete: true
- 0x10, 16: not asked, complete: true
- DE0042, DE42: asked why, complete: false
- 0000000000000042, 0000000000000000042: asked why, complete: false
- ann, ANN: not asked, complete: true
{#old} != {#new}
- 0042, 0043: asked why, complete: false
- 0042, 42: asked why, complete: false
- 1e3, 1000: asked why, complete: false
- 0x10, 16: asked why, complete: false
- DE0042, DE42: asked why, complete: false
- 0000000000000042, 0000000000000000042: asked why, complete: false
- ann, ANN: not asked, complete: true
SEEN
echo "As before, with survey-core 3.1.1."
