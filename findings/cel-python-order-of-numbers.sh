#!/usr/bin/env bash
# cel-python==0.5.0: `price + 1` is a number, `1 + price` an error, and `50 / price` is cut off
#
# Our guess: CEL compares an integer with a double, and adds none to one, whichever comes first.
# Seen: with a price of 20.5 the double may come first, but not second, in sums and in comparisons,
# and neither in `==`, so that `price == 20` is an error for every price with cents. A division is
# the other way about: with the integer first there is no error, and the result is cut to an
# integer, 124 where 125 is right. A literal with a point fails in turn where the price has none. A
# rule is to say `double(price)`, and to be tried with both kinds of price.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check cel-python==0.5.0

cat >"$folder/program.py" <<'PYTHON'
import celpy

environment = celpy.Environment()


def value(rule: str, price: float) -> str:
    program = environment.program(environment.compile(rule))
    try:
        return str(program.evaluate({"price": celpy.json_to_cel(price)}))
    except celpy.CELEvalError as error:
        return str(error.args[0]).split(" for ")[0]


RULES = (
    "price + 1",
    "1 + price",
    "price > 20",
    "20 < price",
    "price == 20",
    "price / 2",
    "50 / price",
    "50.0 / price",
    "50.0 / double(price)",
)
for rule in RULES:
    print(f"{rule}:", ", ".join(f"with {price} {value(rule, price)}" for price in (20, 20.5, 0.4)))
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
price + 1: with 20 21, with 20.5 21.5, with 0.4 1.4
1 + price: with 20 21, with 20.5 found no matching overload, with 0.4 found no matching overload
price > 20: with 20 False, with 20.5 True, with 0.4 False
20 < price: with 20 False, with 20.5 found no matching overload, with 0.4 found no matching overload
price == 20: with 20 True, with 20.5 found no matching overload, with 0.4 found no matching overload
price / 2: with 20 10, with 20.5 found no matching overload, with 0.4 found no matching overload
50 / price: with 20 2, with 20.5 2, with 0.4 124
50.0 / price: with 20 found no matching overload, with 20.5 2.4390243902439024, with 0.4 125.0
50.0 / double(price): with 20 2.5, with 20.5 2.4390243902439024, with 0.4 125.0
SEEN
echo "As before, with cel-python 0.5.0."
