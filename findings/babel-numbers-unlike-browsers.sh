#!/usr/bin/env bash
# babel==2.19.0: numbers of four digits, and minus signs, are not written as browsers do
#
# Our guess: Babel and a browser's `Intl`, which both take their rules from CLDR, write 1234 in the
# same way, save for changes between two versions of the data.
# Seen: two rules of CLDR are missing in Babel. In Spanish or Polish a number of four digits is not
# grouped (1234, but 12.345), and Swedish has a minus sign of its own, which `parse_decimal` does
# not read either. A mail that Babel wrote differs from the page that a script wrote. Node 20 stands
# for the browsers here.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check babel==2.19.0

cat >"$folder/program.py" <<'PYTHON'
from babel.numbers import NumberFormatError, format_decimal, parse_decimal

for locale in ("es", "pl", "sv"):
    numbers = [format_decimal(number, locale=locale) for number in (1234, 12345, -5)]
    print("babel", locale, *(number.replace("\xa0", "_") for number in numbers))
try:
    print(parse_decimal("\N{MINUS SIGN}5", locale="sv"))
except NumberFormatError as error:
    print("babel", error)
PYTHON

cat >"$folder/program.js" <<'JAVASCRIPT'
for (const locale of ["es", "pl", "sv"]) {
  const numbers = [1234, 12345, -5].map((number) => number.toLocaleString(locale));
  console.log("node", locale, ...numbers.map((number) => number.replace("\xa0", "_")));
}
JAVASCRIPT

diff - <("$folder/venv/bin/python" "$folder/program.py" && node "$folder/program.js") <<'SEEN'
babel es 1.234 12.345 -5
babel pl 1_234 12_345 -5
babel sv 1_234 12_345 -5
babel '−5' is not a valid decimal number
node es 1234 12.345 -5
node pl 1234 12_345 -5
node sv 1_234 12_345 −5
SEEN
echo "As before, with babel 2.19.0."
