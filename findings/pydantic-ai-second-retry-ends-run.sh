#!/usr/bin/env bash
# pydantic-ai-slim==2.68.0: the second refusal of a tool ends the run, though three at once do not
#
# Our guess: `ModelRetry` is counted for one call: a new call of the tool, with other arguments and
# other calls in between, begins anew.
# Seen: it is counted for the tool, for each step in which it was raised, whatever was asked and
# whatever succeeded since. Three refusals in one step count as one; the second in a later step ends
# the run with an error. So it is no way to tell a model of a person's "no": return that instead, or
# give the tool as many `retries` as people may refuse.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pydantic-ai-slim==2.68.0

cat >"$folder/program.py" <<'PYTHON'
from pydantic_ai import (
    Agent,
    ModelResponse,
    ModelRetry,
    TextPart,
    ToolCallPart,
    UnexpectedModelBehavior,
)
from pydantic_ai.models.function import FunctionModel


def refund(order: int) -> str:
    """Refund an order, if a person agrees."""
    raise ModelRetry(f"A person refused to refund {order}.")


def look(order: int) -> str:
    """Look an order up."""
    return "paid"


def run(*steps: str) -> None:
    """Each step is what the model calls together: `refund:1 look:2`."""
    script = iter(steps)

    def model(messages, info) -> ModelResponse:
        calls = [call.partition(":") for call in next(script, "").split()]
        parts = [ToolCallPart(name, {"order": int(order)}) for name, _, order in calls]
        return ModelResponse(parts or [TextPart("done")])

    try:
        print(*steps, sep=", ", end=" -> ")
        print(Agent(FunctionModel(model), tools=[refund, look]).run_sync("go").output)
    except UnexpectedModelBehavior as error:
        print("ended:", str(error).partition(".")[0])


run("refund:1 refund:2 refund:3")
run("refund:1", "refund:2")
run("refund:1", "look:2", "refund:2")
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
refund:1 refund:2 refund:3 -> done
refund:1, refund:2 -> ended: Tool 'refund' exceeded max retries count of 1
refund:1, look:2, refund:2 -> ended: Tool 'refund' exceeded max retries count of 1
SEEN
echo "As before, with pydantic-ai-slim 2.68.0."
