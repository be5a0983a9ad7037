#!/usr/bin/env bash
# agno==3.1.10: who has not answered yet has rejected, as soon as somebody else has confirmed
#
# Our guess: of two calls that wait for a confirmation, one can be confirmed and the run be
# continued; the other goes on waiting, and the run is paused still, as it was before.
# Seen: the run is completed. The model is told of the other call that the user rejected it, though
# nobody had been asked or had answered, and goes on from there; nothing is left that waits. When
# both have been confirmed, both act. So a run may be continued only when the last answer is there,
# and a "rejected by the user" in a history does not prove that anybody has.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check agno==3.1.10

cat >"$folder/program.py" <<'PYTHON'
import json

from agno.agent import Agent
from agno.db.in_memory import InMemoryDb
from agno.models.base import Model
from agno.models.response import ModelResponse
from agno.tools import tool

acted: list[str] = []


@tool(requires_confirmation=True)
def ship(city: str) -> str:
    """Ships an order."""
    acted.append("ship")
    return "shipped"


@tool(requires_confirmation=True)
def bill(city: str) -> str:
    """Bills an order."""
    acted.append("bill")
    return "billed"


def call(name: str) -> dict[str, object]:
    function = {"name": name, "arguments": json.dumps({"city": "Lyon"})}
    return {"id": name, "type": "function", "function": function}


class Scripted(Model):
    """Calls both tools, and then prints what it has been told."""

    def invoke(self, messages, **options):
        results = [message for message in messages if message.role == "tool"]
        if not results:
            return ModelResponse(role="assistant", tool_calls=[call("ship"), call("bill")])
        for result in results:
            print(f"- the model reads of {result.tool_call_id}: {result.content}")
        return ModelResponse(role="assistant", content="done")

    def _parse_provider_response(self, response, **options):
        return response

    ainvoke = invoke_stream = ainvoke_stream = _parse_provider_response_delta = invoke


for confirmed in (2, 1):
    acted.clear()
    agent = Agent(model=Scripted(id="scripted"), tools=[ship, bill], db=InMemoryDb(), telemetry=False)
    run = agent.run("Send it")
    print(f"{run.status.value}, {len(run.active_requirements)} wait, {confirmed} confirmed:")
    for requirement in run.active_requirements[:confirmed]:
        requirement.confirm()
    run = agent.continue_run(
        run_id=run.run_id, session_id=run.session_id, requirements=run.requirements
    )
    print(f"- {run.status.value}, {len(run.active_requirements)} wait, acted: {acted}")
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py" 2>"$folder/log") <<'SEEN'
PAUSED, 2 wait, 2 confirmed:
- the model reads of ship: shipped
- the model reads of bill: billed
- COMPLETED, 0 wait, acted: ['ship', 'bill']
PAUSED, 2 wait, 1 confirmed:
- the model reads of ship: shipped
- the model reads of bill: Function call was rejected by the user
- COMPLETED, 0 wait, acted: ['ship']
SEEN
echo "As before, with agno 3.1.10."
