#!/usr/bin/env bash
# opentelemetry-api==1.45.2, go.opentelemetry.io/otel==1.47.0: an approver's address gets a space on its way
#
# Our guess: baggage, by which OpenTelemetry hands values such as "for whom" from one service to the
# next, is written in one way, so that a value arrives as it left, in any language.
# Seen: Python writes and reads it as forms are written, with + for a space; Go follows the standard,
# in which + is a plus. The address ann+shop@x.example from Go is "ann shop@x.example" in Python, and
# Ann Lee from Python is Ann+Lee in Go. Between two services in one language all is right, so that
# none of their tests finds it. What has to arrive is to be made of letters and digits alone.
set -euo pipefail

folder=$(mktemp -d)
trap 'chmod -R u+w "$folder" && rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check opentelemetry-api==1.45.2
export GOPATH=$folder/go GOFLAGS=-mod=mod
go mod init finding 2>>log
go get go.opentelemetry.io/otel@v1.47.0 2>>log

# Each program writes baggage with the value it is given, or reads the value from a header.
cat >program.py <<'PYTHON'
import sys

from opentelemetry import baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator

way, text = sys.argv[1:]
if way == "write":
    headers: dict[str, str] = {}
    W3CBaggagePropagator().inject(headers, baggage.set_baggage("by", text))
    print(headers["baggage"])
else:
    print(baggage.get_baggage("by", W3CBaggagePropagator().extract({"baggage": text})))
PYTHON

cat >program.go <<'GO'
package main

import (
	"context"
	"fmt"
	"os"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
)

func main() {
	way, text := os.Args[1], os.Args[2]
	headers := propagation.MapCarrier{}
	if way == "write" {
		member, _ := baggage.NewMemberRaw("by", text)
		bag, _ := baggage.New(member)
		propagation.Baggage{}.Inject(baggage.ContextWithBaggage(context.Background(), bag), headers)
		fmt.Println(headers["baggage"])
		return
	}
	headers["baggage"] = text
	read := propagation.Baggage{}.Extract(context.Background(), headers)
	fmt.Println(baggage.FromContext(read).Member("by").Value())
}
GO
go build -o Go program.go 2>>log
printf '#!/bin/sh\nexec venv/bin/python program.py "$@"\n' >Python
chmod +x Python

diff - <(
  for value in "ann+shop@x.example" "Ann Lee"; do
    for writer in Go Python; do
      header=$(./$writer write "$value")
      echo "$writer writes $header: Go reads $(./Go read "$header"), Python $(./Python read "$header")"
    done
  done
) <<'SEEN'
Go writes by=ann+shop@x.example: Go reads ann+shop@x.example, Python ann shop@x.example
Python writes by=ann%2Bshop%40x.example: Go reads ann+shop@x.example, Python ann+shop@x.example
Go writes by=Ann%20Lee: Go reads Ann Lee, Python Ann Lee
Python writes by=Ann+Lee: Go reads Ann+Lee, Python Ann Lee
SEEN
echo "As before, with opentelemetry-api 1.45.2 and go.opentelemetry.io/otel 1.47.0."
