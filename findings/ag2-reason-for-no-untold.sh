#!/usr/bin/env bash
# ag2==1.2.1: a person who says "Yes, please" has denied, and why one said no is never told
#
# Our guess: of the answer that a person gives to `approval_required`, the first word decides, and
# what else they wrote reaches the model, as a tool's result or beside it.
# Seen: only "y", "yes", "1" and "always", without a space or a point, approve. All else is a denial,
# "ok" and "Yes, please" too, with one fixed sentence for the model: it does not read that 50 would
# have been right, and does not ask again, as one would for an answer that nobody understood. What
# comes from a person has to be made "yes" or "no" before, and a reason be told by a tool's own
# result.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ag2==1.2.1

cat >"$folder/program.py" <<'PYTHON'
import asyncio

from ag2 import Agent, tool
from ag2.events import ToolCallEvent, ToolResultEvent
from ag2.middleware import approval_required
from ag2.testing import TestConfig


@tool(middleware=[approval_required()])
def pay(euros: int) -> str:
    """Pays a supplier."""
    return "paid"


async def main() -> None:
    for answer in ("yes", "Yes", "yes ", "yes.", "Yes, please", "ok", "no", "No, 50 at most"):
        script = TestConfig(ToolCallEvent(name="pay", arguments='{"euros": 200}'), "done")
        agent = Agent("buyer", config=script, tools=[pay], hitl_hook=lambda: answer)
        reply = await agent.ask("Pay the supplier")
        for event in await reply.history.get_events():
            if isinstance(event, ToolResultEvent):
                told = event.result.parts[0].content
                print(f"{answer!r}: the model reads {told!r}")


asyncio.run(main())
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
'yes': the model reads 'paid'
'Yes': the model reads 'paid'
'yes ': the model reads 'User denied the tool call request'
'yes.': the model reads 'User denied the tool call request'
'Yes, please': the model reads 'User denied the tool call request'
'ok': the model reads 'User denied the tool call request'
'no': the model reads 'User denied the tool call request'
'No, 50 at most': the model reads 'User denied the tool call request'
SEEN
echo "As before, with ag2 1.2.1."
