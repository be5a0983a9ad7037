#!/usr/bin/env bash
# pydantic-ai-slim==2.68.0: whoever approves a call with other arguments, the model never learns it
#
# Our guess: where a call is approved with `override_args`, what the model reads next is the call as
# it was made, or a word about the change, so that it can go on from what has happened.
# Seen: the tool is called with the new arguments, and the messages keep the model's own, also those
# that are stored and sent from then on. The model asked to pay 200 and reads that it is done; only
# the tool's result could say that it was 50. And a field left out of the new arguments is not the
# model's, but the tool's default: with the amount changed alone, what was for Bo goes to Ann.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pydantic-ai-slim==2.68.0

cat >"$folder/program.py" <<'PYTHON'
from pydantic_ai import Agent, DeferredToolRequests, DeferredToolResults, ToolApproved
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.messages import ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel


def model(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    parts = [part for message in messages for part in message.parts]
    if not any(isinstance(part, ToolReturnPart) for part in parts):
        return ModelResponse([ToolCallPart("pay", {"amount": 200, "to": "Bo"}, "1")])
    for part in parts:
        if isinstance(part, ToolCallPart):
            print("the model reads: called with", part.args)
        elif isinstance(part, ToolReturnPart):
            print("the model reads: returned", part.content)
    return ModelResponse([TextPart("Bo has 200.")])


agent = Agent(FunctionModel(model), output_type=[str, DeferredToolRequests])


@agent.tool_plain(requires_approval=True)
def pay(amount: int, to: str = "Ann") -> str:
    print(f"paid {amount} to {to}")
    return "done"


for changed in (None, {"amount": 50, "to": "Bo"}, {"amount": 50}):
    print("approved with", changed)
    asked = agent.run_sync("Pay Bo.")
    results = DeferredToolResults(approvals={"1": ToolApproved(override_args=changed)})
    agent.run_sync(message_history=asked.all_messages(), deferred_tool_results=results)
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
approved with None
paid 200 to Bo
the model reads: called with {'amount': 200, 'to': 'Bo'}
the model reads: returned done
approved with {'amount': 50, 'to': 'Bo'}
paid 50 to Bo
the model reads: called with {'amount': 200, 'to': 'Bo'}
the model reads: returned done
approved with {'amount': 50}
paid 50 to Ann
the model reads: called with {'amount': 200, 'to': 'Bo'}
the model reads: returned done
SEEN
echo "As before, with pydantic-ai-slim 2.68.0."
