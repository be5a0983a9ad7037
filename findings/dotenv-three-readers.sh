#!/usr/bin/env bash
# python-dotenv==1.2.4, dotenv==18.0.10, github.com/compose-spec/compose-go/v2==2.16.2: one .env, three passwords
#
# Our guess: a line of .env means the same to docker compose, Node's dotenv and Python's, at least
# within single quotes, which keep everything as it is.
# Seen: compose (whose parser this is) replaces `$name` by a variable, or by nothing, and `$$` by
# `$`; Node's dotenv ends an unquoted value at any `#`; Python's expands `${name}`, within single
# quotes too. Single quotes are right for compose and Node always, for Python only without `${`. A
# password with `$` or `#` in it and no quotes around it is cut short without an error somewhere.
set -euo pipefail

folder=$(mktemp -d)
trap 'chmod -R u+w "$folder" && rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check python-dotenv==1.2.4
cd "$folder"
npm install --silent --no-audit --no-fund dotenv@18.0.10
export GOPATH=$folder/go GOFLAGS=-mod=mod
go mod init finding 2>>log
go get github.com/compose-spec/compose-go/v2@v2.16.2 2>>log

cat >passwords.env <<'ENV'
A=s3cret#1
B='s3cret#1'
C=pa$s3cret
D='pa$s3cret'
E=pa$$s3cret
F='pa${s3cret}'
G="pa\$s3cret"
ENV

cat >program.py <<'PYTHON'
from dotenv import dotenv_values

for name, value in dotenv_values("passwords.env").items():
    print("python", name, value)
PYTHON

cat >program.js <<'JAVASCRIPT'
const text = require("fs").readFileSync("passwords.env");
for (const [name, value] of Object.entries(require("dotenv").parse(text)))
  console.log("node", name, value);
JAVASCRIPT

cat >program.go <<'GO'
package main

import (
	"fmt"

	"github.com/compose-spec/compose-go/v2/dotenv"
)

func main() {
	values, err := dotenv.Read("passwords.env")
	if err != nil {
		panic(err)
	}
	for name, value := range values {
		fmt.Println("compose", name, value)
	}
}
GO

{
  sed 's/^\(.\)=/.env \1 /' passwords.env
  go run program.go 2>>log
  node program.js
  venv/bin/python program.py
} | LC_ALL=C sort --stable --key=2,2 >seen

diff seen - <<'SEEN'
.env A s3cret#1
compose A s3cret#1
node A s3cret
python A s3cret#1
.env B 's3cret#1'
compose B s3cret#1
node B s3cret#1
python B s3cret#1
.env C pa$s3cret
compose C pa
node C pa$s3cret
python C pa$s3cret
.env D 'pa$s3cret'
compose D pa$s3cret
node D pa$s3cret
python D pa$s3cret
.env E pa$$s3cret
compose E pa$s3cret
node E pa$$s3cret
python E pa$$s3cret
.env F 'pa${s3cret}'
compose F pa${s3cret}
node F pa${s3cret}
python F pa
.env G "pa\$s3cret"
compose G pa$s3cret
node G pa\$s3cret
python G pa\$s3cret
SEEN
echo "As before, with python-dotenv 1.2.4, dotenv 18.0.10 and compose-go 2.16.2."
