#!/usr/bin/env bash
# openai-agents==0.24.0: the model is not told why a tool failed, but to try again
#
# Our guess: by default a tool's exception reaches the model with its text, as it did in earlier
# versions of this library ("… Error: A person refused this"), and does in other frameworks.
# Seen: the model reads one fixed sentence, which says nothing of the error and ends in "Please try
# again." So a refusal that is raised makes an obedient model ask the same person again. Whoever
# raises for the model's sake needs a `failure_error_function` of their own, or returns the refusal.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openai-agents==0.24.0

cat >"$folder/program.py" <<'PYTHON'
from agents import Agent, Model, ModelResponse, Runner, Usage, function_tool, set_tracing_disabled
from openai.types.responses import (
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
)

set_tracing_disabled(True)


class Script(Model):
    """Calls one tool, prints what it was told, and is done."""

    def __init__(self, tool: str) -> None:
        self.call = ResponseFunctionToolCall(
            type="function_call", name=tool, arguments="{}", call_id="1"
        )

    async def get_response(self, system_instructions, input, *rest, **options) -> ModelResponse:
        output = self.call
        if isinstance(input, list) and input[-1].get("type") == "function_call_output":
            print(f"{self.call.name}: {input[-1]['output']}")
            text = ResponseOutputText(type="output_text", text="done", annotations=[])
            output = ResponseOutputMessage(
                id="2", type="message", role="assistant", status="completed", content=[text]
            )
        return ModelResponse(output=[output], usage=Usage(), response_id=None)

    def stream_response(self, *rest, **options):
        raise NotImplementedError


def refuse() -> str:
    """Refund an order."""
    raise PermissionError("A person refused this: the order was never paid.")


def told(context, error: Exception) -> str:
    return str(error)


for tool in (
    function_tool(refuse, name_override="by_default"),
    function_tool(refuse, name_override="with_our_own", failure_error_function=told),
):
    Runner.run_sync(Agent(name="shop", model=Script(tool.name), tools=[tool]), "Refund order 1142")
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
by_default: An error occurred while running the tool. Please try again.
with_our_own: A person refused this: the order was never paid.
SEEN
echo "As before, with openai-agents 0.24.0."
