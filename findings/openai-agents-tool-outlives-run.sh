#!/usr/bin/env bash
# openai-agents==0.24.0, pydantic-ai-slim==2.68.0: a tool acts after its run has failed
#
# Our guess: when one of two tools that were called together ends the run with an error, the other
# one is stopped or waited for: once the run has raised, nothing happens any more.
# Seen: in both frameworks an `async` tool is stopped, an ordinary one is neither stopped nor waited
# for. It runs on in its thread, and acts after its caller has seen the error, perhaps after a
# second try has begun. A tool that waits for a person in this way acts on an approval for a run
# that is over.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  openai-agents==0.24.0 pydantic-ai-slim==2.68.0

cat >"$folder/program.py" <<'PYTHON'
import asyncio
import threading

import agents
from openai.types.responses import ResponseFunctionToolCall
from pydantic_ai import Agent, ModelResponse, ToolCallPart
from pydantic_ai.models.function import FunctionModel

agents.set_tracing_disabled(True)
answered = threading.Event()
acted: list[str] = []


def pay() -> str:
    """Pay, once a person has answered."""
    answered.wait(10)
    acted.append("paid")
    return "paid"


async def pay_async() -> str:
    """Pay, once a person has answered."""
    await asyncio.to_thread(answered.wait, 10)
    acted.append("paid")
    return "paid"


async def fail() -> str:
    """Look into a shop that is away."""
    await asyncio.sleep(0.2)
    raise ConnectionError("the shop is away")


class Script(agents.Model):
    def __init__(self, *names: str) -> None:
        self.names = names

    async def get_response(self, *rest, **options) -> agents.ModelResponse:
        calls = [
            ResponseFunctionToolCall(type="function_call", name=name, arguments="{}", call_id=name)
            for name in self.names
        ]
        return agents.ModelResponse(output=calls, usage=agents.Usage(), response_id=None)

    def stream_response(self, *rest, **options):
        raise NotImplementedError


async def with_agents(pay) -> None:
    tools = [agents.function_tool(tool, failure_error_function=None) for tool in (pay, fail)]
    model = Script(pay.__name__, "fail")
    await agents.Runner.run(agents.Agent(name="shop", model=model, tools=tools), "go")


async def with_pydantic_ai(pay) -> None:
    def script(messages, info) -> ModelResponse:
        return ModelResponse([ToolCallPart(pay.__name__), ToolCallPart("fail")])

    await Agent(FunctionModel(script), tools=[pay, fail]).run("go")


async def main() -> None:
    for run in (with_agents, with_pydantic_ai):
        for tool in (pay, pay_async):
            answered.clear()
            acted.clear()
            try:
                await run(tool)
            except Exception as error:
                print(f"{run.__name__}, {tool.__name__}: {error}", end="; ")
            before = [*acted]
            answered.set()
            await asyncio.sleep(0.5)
            print(f"until then {before}, afterwards {acted}")


asyncio.run(main())
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py" 2>"$folder/log") <<'SEEN'
with_agents, pay: Error running tool fail: the shop is away; until then [], afterwards ['paid']
with_agents, pay_async: Error running tool fail: the shop is away; until then [], afterwards []
with_pydantic_ai, pay: the shop is away; until then [], afterwards ['paid']
with_pydantic_ai, pay_async: the shop is away; until then [], afterwards []
SEEN
echo "As before, with openai-agents 0.24.0 and pydantic-ai-slim 2.68.0."
