#!/usr/bin/env bash
# crewai==1.15.30: an agent that gets the same answer to the same call five times is stopped
#
# Our guess: an agent may ask a tool as often as `max_iter` allows (here: 50), so that it can look
# again and again whether a person has decided.
# Seen: the fifth equal answer to an equal call ends the whole run with an error, however long it
# took, and other calls in between do not help. With an answer that changes each time, if only by a
# number, the agent goes on. So what is polled must not say plainly "pending" each time; better is a
# tool that waits.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check crewai==1.15.30

cat >"$folder/program.py" <<'PYTHON'
import itertools
import json
from types import SimpleNamespace

from crewai import Agent, BaseLLM, Crew, Task
from crewai.tools import tool

turns = itertools.count(1)
looked = 0


@tool("look")
def look(decision: str) -> str:
    """Tell how the decision stands."""
    global looked
    looked += 1
    return "approved" if looked == 8 else f"pending{', look ' + str(looked) if counted else ''}"


@tool("stroll")
def stroll() -> str:
    """Do something else."""
    return f"strolled at turn {next(turns)}"


class Script(BaseLLM):
    """Looks and strolls in turn, until it was approved."""

    looks: bool = False

    def call(self, messages, *rest, **options):
        if messages[-1].get("content") == "approved":
            return "done"
        self.looks = not self.looks
        name, input = ("look", {"decision": "refund"}) if self.looks else ("stroll", {})
        function = SimpleNamespace(name=name, arguments=json.dumps(input))
        return [SimpleNamespace(id=str(next(turns)), type="function", function=function)]

    def supports_function_calling(self) -> bool:
        return True


for counted in (True, False):
    looked = 0
    llm = Script(model="script")
    about = {"role": "shop", "goal": "calm", "backstory": "old"}
    agent = Agent(**about, llm=llm, tools=[look, stroll], max_iter=50)
    task = Task(description="Look until it is decided", expected_output="done", agent=agent)
    try:
        print(Crew(agents=[agent], tasks=[task]).kickoff(), "after", looked)
    except Exception as error:
        print(f"ended after {looked} with a {type(error).__name__}:", str(error).partition(". ")[2])
PYTHON

diff - <(CREWAI_DISABLE_TELEMETRY=true CREWAI_TRACING_ENABLED=false OTEL_SDK_DISABLED=true \
  HOME="$folder" "$folder/venv/bin/python" "$folder/program.py" 2>"$folder/log" |
  grep -E '^(done|ended)') <<'SEEN'
done after 8
ended after 5 with a ToolExecutionFailedError: Stopped because it is not making progress.
SEEN
echo "As before, with crewai 1.15.30."
