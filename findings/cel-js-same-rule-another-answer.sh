#!/usr/bin/env bash
# cel-js==0.8.2, cel-python==0.5.0: one rule, one order, and two answers
#
# Our guess: CEL is one language, so that a rule which a page has tried in JavaScript says the same
# on a server in Python, at least for whole numbers and for `||`.
# Seen: cel-js divides 7 by 2 into 3.5, where CEL cuts to 3: half of seven is more than three for
# one, and not for the other. What has become a fraction so cannot be divided again: a quarter of
# seven is an error, and of eight is not. And cel-js evaluates both sides of `||`, though not of
# `&&`: "no note, or a short one" is an error for whoever has no note. A rule is to be tried with
# what will decide by it.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check cel-python==0.5.0
npm install --silent --no-audit --no-fund cel-js@0.8.2

cat >rules.json <<'JSON'
[
  "order.count / 2 > 3",
  "order.count / 2 * 2 == order.count",
  "has(order.note) && size(order.note) < 9",
  "!has(order.note) || size(order.note) < 9",
  "order.count / 2 / 2 == 1"
]
JSON

cat >program.py <<'PYTHON'
import json

import celpy

environment = celpy.Environment()
order = celpy.json_to_cel({"count": 7})
for rule in json.load(open("rules.json")):
    program = environment.program(environment.compile(rule))
    print(f"{rule}:", bool(program.evaluate({"order": order})))
PYTHON

cat >program.mjs <<'JAVASCRIPT'
import { readFileSync } from "node:fs";
import { evaluate } from "cel-js";

for (const rule of JSON.parse(readFileSync("rules.json"))) {
  try {
    console.log(`${rule}:`, evaluate(rule, { order: { count: 7 } }));
  } catch (error) {
    console.log(`${rule}:`, error.message.split(" in context")[0]);
  }
}
JAVASCRIPT

diff - <(
  echo "Python"
  venv/bin/python program.py
  echo "JavaScript"
  node program.mjs
) <<'SEEN'
Python
order.count / 2 > 3: False
order.count / 2 * 2 == order.count: False
has(order.note) && size(order.note) < 9: False
!has(order.note) || size(order.note) < 9: True
order.count / 2 / 2 == 1: True
JavaScript
order.count / 2 > 3: true
order.count / 2 * 2 == order.count: true
has(order.note) && size(order.note) < 9: false
!has(order.note) || size(order.note) < 9: Identifier "note" not found
order.count / 2 / 2 == 1: CelTypeError: division operation cannot be applied to (float, uint)
SEEN
echo "As before, with cel-js 0.8.2 and cel-python 0.5.0."
