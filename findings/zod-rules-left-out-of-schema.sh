#!/usr/bin/env bash
# zod==4.6.7, ajv==8.20.0: made from a JSON Schema, a check leaves out a limit of 100 without a word
#
# Our guess: `fromJSONSchema` makes a check of the same rules, and raises an error where it cannot,
# as it does for `not` ("not is not supported in Zod") and for `if`.
# Seen: a limit counts only beside a `type`, and not beside `$ref`, `enum` or `anyOf`; a field is
# required only if `properties` has it too. All else is left out without an error: "a mail address
# or a telephone number" takes neither, and "at most 100", said in seven ways, takes 500 in five of
# them. Forms and tools whose schema comes from elsewhere want a validator of JSON Schema, as ajv is.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund zod@4.6.7 ajv@8.20.0

cat >program.mjs <<'JAVASCRIPT'
import Ajv from "ajv/dist/2020.js";
import { z } from "zod";

const ajv = new Ajv.default({ strict: false });
const contact = { mail: { type: "string" }, phone: { type: "string" } };
const either = [{ required: ["mail"] }, { required: ["phone"] }];
const $defs = { amount: { type: "number" } };
const cases = [
  [500, { type: "number", maximum: 100 }],
  [500, { allOf: [{ type: "number" }, { type: "number", maximum: 100 }] }],
  [500, { maximum: 100 }],
  [500, { type: "number", allOf: [{ maximum: 100 }] }],
  [500, { type: "number", anyOf: [{ maximum: 100 }] }],
  [500, { $ref: "#/$defs/amount", maximum: 100, $defs }],
  [500, { enum: [50, 500], maximum: 100 }],
  [{}, { type: "object", properties: contact, required: ["mail"] }],
  [{}, { type: "object", properties: contact, required: ["reason"] }],
  [{}, { type: "object", properties: contact, anyOf: either }],
  [500, { type: "number", not: { const: 500 } }],
];

const said = (valid) => (valid ? "taken" : "refused");
for (const [value, schema] of cases) {
  let zod;
  try {
    zod = said(z.fromJSONSchema(schema).safeParse(value).success);
  } catch (error) {
    zod = error.message;
  }
  const { properties, $defs: _, ...rest } = schema;
  console.log(`${JSON.stringify(rest)}: ajv ${said(ajv.validate(schema, value))}, zod ${zod}`);
}
JAVASCRIPT

diff - <(node program.mjs) <<'SEEN'
{"type":"number","maximum":100}: ajv refused, zod refused
{"allOf":[{"type":"number"},{"type":"number","maximum":100}]}: ajv refused, zod refused
{"maximum":100}: ajv refused, zod taken
{"type":"number","allOf":[{"maximum":100}]}: ajv refused, zod taken
{"type":"number","anyOf":[{"maximum":100}]}: ajv refused, zod taken
{"$ref":"#/$defs/amount","maximum":100}: ajv refused, zod taken
{"enum":[50,500],"maximum":100}: ajv refused, zod taken
{"type":"object","required":["mail"]}: ajv refused, zod refused
{"type":"object","required":["reason"]}: ajv refused, zod taken
{"type":"object","anyOf":[{"required":["mail"]},{"required":["phone"]}]}: ajv refused, zod taken
{"type":"number","not":{"const":500}}: ajv refused, zod not is not supported in Zod (except { not: {} } for never)
SEEN
echo "As before, with zod 4.6.7 and ajv 8.20.0."
