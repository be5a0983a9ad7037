#!/usr/bin/env bash
# temporalio==1.35.0, pydantic==2.14.3: a text sent as a list of texts arrives as its letters
#
# Our guess: what is no list does not convert to `list[str]`: the start fails, or the signal is
# dropped with a line in the log, as it is for a number sent where a text is expected.
# Seen: the default converter takes whatever Python can walk through. One address instead of a list
# of one becomes its letters, and an object its keys, without an error anywhere, in an argument as
# in a dataclass's field. The Pydantic converter refuses both.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  temporalio==1.35.0 pydantic==2.14.3

cat >"$folder/program.py" <<'PYTHON'
import asyncio
from dataclasses import dataclass

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter


@dataclass
class Ask:
    approvers: list[str]


CONVERTERS = {"default": DataConverter.default, "pydantic": pydantic_data_converter}


async def main() -> None:
    for sent, type in (
        ("ann@x.example", list[str]),
        ({"approvers": "ann@x.example"}, Ask),
        ({"approvers": {"ann@x.example": "first"}}, Ask),
        ({"approvers": 7}, Ask),
    ):
        for name, converter in CONVERTERS.items():
            try:
                [received] = await converter.decode(await converter.encode([sent]), [type])
            except Exception:
                received = "refused"
            print(f"{name}: {sent!r} -> {received}")


asyncio.run(main())
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
default: 'ann@x.example' -> ['a', 'n', 'n', '@', 'x', '.', 'e', 'x', 'a', 'm', 'p', 'l', 'e']
pydantic: 'ann@x.example' -> refused
default: {'approvers': 'ann@x.example'} -> Ask(approvers=['a', 'n', 'n', '@', 'x', '.', 'e', 'x', 'a', 'm', 'p', 'l', 'e'])
pydantic: {'approvers': 'ann@x.example'} -> refused
default: {'approvers': {'ann@x.example': 'first'}} -> Ask(approvers=['ann@x.example'])
pydantic: {'approvers': {'ann@x.example': 'first'}} -> refused
default: {'approvers': 7} -> refused
pydantic: {'approvers': 7} -> refused
SEEN
echo "As before, with temporalio 1.35.0 and pydantic 2.14.3."
