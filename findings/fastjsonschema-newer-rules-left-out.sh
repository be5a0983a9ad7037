#!/usr/bin/env bash
# fastjsonschema==2.22.3, jsonschema-rs==0.61.2, pydantic==2.14.3: a newer schema is checked by older rules
#
# Our guess: a schema that says it is of the draft of 2020, which Pydantic's are, is checked by that
# draft, or `compile` refuses it, as the library is made for the drafts 4, 6 and 7.
# Seen: it is taken for draft 7, whatever `$schema` says, and each rule that came later is left out
# without an error. A pair of a number and a text, which Pydantic writes with `prefixItems`, may
# hold anything; `dependentRequired` and a limit beside a `$ref` do not count. jsonschema-rs refuses
# all of these values.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  fastjsonschema==2.22.3 jsonschema-rs==0.61.2 pydantic==2.14.3

cat >"$folder/program.py" <<'PYTHON'
import fastjsonschema
import jsonschema_rs
from pydantic import TypeAdapter

DRAFT = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
CASES = (
    ("a price as a pair", TypeAdapter(tuple[float, str]).json_schema(), ["EUR", 200]),
    ("a limit", {"type": "number", "maximum": 100}, 500),
    (
        "a limit beside a $ref",
        {"$defs": {"amount": {"type": "number"}}, "$ref": "#/$defs/amount", "maximum": 100},
        500,
    ),
    ("a reason for a refusal", {"dependentRequired": {"refused": ["reason"]}}, {"refused": True}),
    ("two signatures", {"contains": {"const": "signed"}, "minContains": 2}, ["signed"]),
    ("nothing else", {"properties": {"a": {}}, "unevaluatedProperties": False}, {"b": 1}),
)

for name, schema, value in CASES:
    try:
        fastjsonschema.compile(DRAFT | schema)(value)
        said = "taken"
    except fastjsonschema.JsonSchemaException:
        said = "refused"
    other = "taken" if jsonschema_rs.is_valid(DRAFT | schema, value) else "refused"
    print(f"{name}: fastjsonschema {said}, jsonschema-rs {other}")
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
a price as a pair: fastjsonschema taken, jsonschema-rs refused
a limit: fastjsonschema refused, jsonschema-rs refused
a limit beside a $ref: fastjsonschema taken, jsonschema-rs refused
a reason for a refusal: fastjsonschema taken, jsonschema-rs refused
two signatures: fastjsonschema taken, jsonschema-rs refused
nothing else: fastjsonschema taken, jsonschema-rs refused
SEEN
echo "As before, with fastjsonschema 2.22.3."
