#!/usr/bin/env bash
# jmespath==1.1.0, jmespath==0.16.0, @jmespath-community/jmespath==1.3.0: no amount is less than 100
#
# Our guess: JMESPath has one specification with tests for every language, so that a rule such as
# "amount < `100`" says the same in each; where a number is compared with something else, it is null.
# Seen: so it is in the community's package for JavaScript. In the one that is named `jmespath`
# there, an amount that is missing, null or true is less than 100, and the text "500" is more, as
# JavaScript itself compares. In Python a missing one is null, and a text is a TypeError, which is
# none of the library's own errors. A rule that lets small amounts through has to ask first whether
# `type(amount)` is 'number', which all three answer alike.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check jmespath==1.1.0
npm install --silent --no-audit --no-fund jmespath@0.16.0 @jmespath-community/jmespath@1.3.0

cat >cases.json <<'JSON'
{
  "rules": ["amount < `100`", "amount > `100`", "type(amount) == 'number' && amount < `100`"],
  "orders": [{"amount": 50}, {}, {"amount": null}, {"amount": true}, {"amount": "500"}]
}
JSON

cat >program.py <<'PYTHON'
import json

import jmespath


def answer(rule: str, order: dict[str, object]) -> str:
    try:
        return json.dumps(jmespath.search(rule, order))
    except Exception as error:
        own = isinstance(error, jmespath.exceptions.JMESPathError)
        return f"{type(error).__name__} of {'the library' if own else 'Python'}"


cases = json.load(open("cases.json"))
for rule in cases["rules"]:
    print(f"{rule}:", ", ".join(answer(rule, order) for order in cases["orders"]))
PYTHON

cat >program.mjs <<'JAVASCRIPT'
import * as community from "@jmespath-community/jmespath";
import jmespath from "jmespath";
import { readFileSync } from "node:fs";

const { rules, orders } = JSON.parse(readFileSync("cases.json"));
for (const [name, { search }] of Object.entries({ jmespath, community })) {
  console.log(`in JavaScript, ${name}`);
  for (const rule of rules) {
    console.log(`${rule}: ${orders.map((order) => JSON.stringify(search(order, rule))).join(", ")}`);
  }
}
JAVASCRIPT

diff - <(
  echo "in Python, jmespath"
  venv/bin/python program.py
  node program.mjs
) <<'SEEN'
in Python, jmespath
amount < `100`: true, null, null, null, TypeError of Python
amount > `100`: false, null, null, null, TypeError of Python
type(amount) == 'number' && amount < `100`: true, false, false, false, false
in JavaScript, jmespath
amount < `100`: true, true, true, true, false
amount > `100`: false, false, false, false, true
type(amount) == 'number' && amount < `100`: true, false, false, false, false
in JavaScript, community
amount < `100`: true, null, null, null, null
amount > `100`: false, null, null, null, null
type(amount) == 'number' && amount < `100`: true, false, false, false, false
SEEN
echo "As before, with jmespath 1.1.0 and 0.16.0, and the community's 1.3.0."
