#!/usr/bin/env bash
# temporalio==1.35.0: of a union of dataclasses the first one that fits is taken, with fewer fields
#
# Our guess: an input of type `Answer | AnswerWithChanges`, which is sent as the second, arrives as
# the second: it has a field that the first does not know.
# Seen: the default converter tries the types in the order in which they are written, and a
# dataclass takes any object that has at least its own fields. The changes are gone, without an
# error. The union written the other way round keeps them. A field that says which one it is does
# not help, unless it is a `Literal`.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check temporalio==1.35.0

cat >"$folder/program.py" <<'PYTHON'
import asyncio
from dataclasses import dataclass, field
from typing import Any, Literal

from temporalio.converter import DataConverter


@dataclass
class Answer:
    approved: bool
    kind: str = "answer"


@dataclass
class Changed:
    approved: bool
    changes: dict[str, int] = field(default_factory=dict)
    kind: str = "changed"


@dataclass
class Plain:
    approved: bool
    kind: Literal["plain"] = "plain"


async def main() -> None:
    converter = DataConverter.default
    types: list[Any] = [Answer | Changed, Changed | Answer, Plain | Changed]
    for type in types:
        sent = await converter.encode([Changed(True, {"amount": 20})])
        print(*(await converter.decode(sent, [type])))


asyncio.run(main())
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
Answer(approved=True, kind='changed')
Changed(approved=True, changes={'amount': 20}, kind='changed')
Changed(approved=True, changes={'amount': 20}, kind='changed')
SEEN
echo "As before, with temporalio 1.35.0."
