#!/usr/bin/env bash
# fastapi==0.165.0, httpx2==2.16.2: an amount is a number or a text, as the route is declared
#
# Our guess: a `Decimal` goes out in one way; whether the answer's type is declared changes what is
# checked, and not how values are written.
# Seen: in a dictionary from a route without a type, 10.10 is the number 10.1, a double that has
# lost its last zero and may lose more, and a duration is seconds. With a type, be it `dict`, or
# within a model, they are "10.10" and "PT1H". To add a type to a route is a change of its
# interface. Amounts want a declared type, or to be texts from the start.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  fastapi==0.165.0 httpx2==2.16.2

cat >"$folder/program.py" <<'PYTHON'
from datetime import timedelta
from decimal import Decimal

from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel


class Order(BaseModel):
    amount: Decimal = Decimal("10.10")
    large: Decimal = Decimal("12345678901234567.89")
    delay: timedelta = timedelta(hours=1)


app = FastAPI()


@app.get("/undeclared")
def undeclared():
    return dict(Order())


@app.get("/declared")
def declared() -> dict:
    return dict(Order())


@app.get("/model")
def model():
    return Order()


with TestClient(app) as client:
    for path in ("/undeclared", "/declared", "/model"):
        print(path, client.get(path).text)
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
/undeclared {"amount":10.1,"large":1.2345678901234568e+16,"delay":3600.0}
/declared {"amount":"10.10","large":"12345678901234567.89","delay":"PT1H"}
/model {"amount":"10.10","large":"12345678901234567.89","delay":"PT1H"}
SEEN
echo "As before, with fastapi 0.165.0."
