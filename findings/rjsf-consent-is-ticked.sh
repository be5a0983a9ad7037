#!/usr/bin/env bash
# @rjsf/core==6.11.1, @rjsf/utils==6.11.1, @rjsf/validator-ajv8==6.11.1, react==19.3.1, react-dom==19.3.1: a box that has to be ticked is ticked from the start
#
# Our guess: a form for `"read": {"type": "boolean", "const": true}`, which is how a JSON Schema says
# that a person has to tick a box, shows an empty box and cannot be sent until they have.
# Seen: what is `const` is filled in as if it were the default. The box is ticked when the page
# opens, and the form is valid, untouched; so are a text that was to be typed in, and all of a group
# that may be left out. `enum` with one value is left empty, as is everything with
# `constAsDefaults: "never"`.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund @rjsf/core@6.11.1 @rjsf/utils@6.11.1 \
  @rjsf/validator-ajv8@6.11.1 react@19.3.1 react-dom@19.3.1

cat >program.mjs <<'JAVASCRIPT'
import core from "@rjsf/core";
import { getDefaultFormState } from "@rjsf/utils";
import ajv8 from "@rjsf/validator-ajv8";
import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";

const Form = core.default ?? core;
const validator = ajv8.default ?? ajv8;
const group = { type: "object", properties: { agreed: { type: "boolean", const: true } } };
const questions = {
  "a box, const": { type: "boolean", const: true },
  "a box, enum": { type: "boolean", enum: [true] },
  "a text, const": { type: "string", const: "DELETE" },
  "a group that may be left out": group,
};

for (const [name, question] of Object.entries(questions)) {
  const required = question === group ? [] : ["answer"];
  const schema = { type: "object", required, properties: { answer: question } };
  for (const behavior of [undefined, { constAsDefaults: "never" }]) {
    const data = getDefaultFormState(validator, schema, undefined, schema, false, behavior);
    const { errors } = validator.validateFormData(data, schema);
    const given = { schema, validator, experimental_defaultFormStateBehavior: behavior };
    const page = renderToStaticMarkup(createElement(Form, given));
    const shown = / checked=""| value="DELETE"/.test(page) ? "filled in" : "empty";
    const how = behavior ? `${name}, never` : name;
    console.log(`${how}: ${shown}, ${JSON.stringify(data)}, errors: ${errors.length}`);
  }
}
JAVASCRIPT

diff - <(node program.mjs) <<'SEEN'
a box, const: filled in, {"answer":true}, errors: 0
a box, const, never: empty, {"answer":false}, errors: 1
a box, enum: empty, {"answer":false}, errors: 1
a box, enum, never: empty, {"answer":false}, errors: 1
a text, const: filled in, {"answer":"DELETE"}, errors: 0
a text, const, never: empty, {}, errors: 1
a group that may be left out: filled in, {"answer":{"agreed":true}}, errors: 0
a group that may be left out, never: empty, {}, errors: 0
SEEN
echo "As before, with @rjsf/core 6.11.1."
