#!/usr/bin/env bash
# strands-agents==1.62.0: a result with `status` and `content` is taken for its own
#
# Our guess: a dictionary that a tool returns is shown to the model as JSON.
# Seen: so it is, unless it has the keys `status` and `content`. Then it is itself the message that
# goes to the model's provider, whatever stands in both: here a status that the protocol does not
# know, and a text where a list has to be. The tool's own dictionary, which may be a record that it
# keeps, has a `toolUseId` afterwards. A decision's answer wants other keys, or a wrapping.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check strands-agents==1.62.0

cat >"$folder/program.py" <<'PYTHON'
import json

from strands import Agent, tool
from strands.models import Model

DECISIONS = {
    "by mail": {"status": "approved", "notes": "Anna agrees."},
    "on the page": {"status": "approved", "content": "Anna agrees."},
}


class Script(Model):
    """Asks once, and prints what it was told."""

    def __init__(self, how: str) -> None:
        self.how = how

    def update_config(self, **options): ...

    def get_config(self): ...

    async def structured_output(self, *rest, **options):
        yield {}

    async def stream(self, messages, *rest, **options):
        last = messages[-1]["content"][0]
        start, delta = {}, {"text": "done"}
        if result := last.get("toolResult"):
            print("told:", json.dumps({key: result[key] for key in ("status", "content")}))
        else:
            start = {"toolUse": {"toolUseId": "1", "name": "ask"}}
            delta = {"toolUse": {"input": json.dumps({"how": self.how})}}
        yield {"messageStart": {"role": "assistant"}}
        yield {"contentBlockStart": {"start": start}}
        yield {"contentBlockDelta": {"delta": delta}}
        yield {"contentBlockStop": {}}
        yield {"messageStop": {"stopReason": "tool_use" if start else "end_turn"}}


@tool
def ask(how: str) -> dict:
    """Ask a person."""
    return DECISIONS[how]


for how in DECISIONS:
    print("kept:", json.dumps(DECISIONS[how]))
    Agent(model=Script(how), tools=[ask], callback_handler=None)("May I?")
    print("kept:", json.dumps(DECISIONS[how]))
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
kept: {"status": "approved", "notes": "Anna agrees."}
told: {"status": "success", "content": [{"text": "{\"status\": \"approved\", \"notes\": \"Anna agrees.\"}"}]}
kept: {"status": "approved", "notes": "Anna agrees."}
kept: {"status": "approved", "content": "Anna agrees."}
told: {"status": "approved", "content": "Anna agrees."}
kept: {"status": "approved", "content": "Anna agrees.", "toolUseId": "1"}
SEEN
echo "As before, with strands-agents 1.62.0."
