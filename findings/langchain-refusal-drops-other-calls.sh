#!/usr/bin/env bash
# langchain==1.5.14, @langchain/langgraph==1.7.3, @langchain/core==1.4.0, zod==4.6.7, langchain==1.5.2, langgraph==1.2.24: one refusal drops the call that was approved
#
# Our guess: where a model calls three tools at once, of which a person refuses one and approves one
# and the third needs nobody, the last two run, in both languages.
# Seen: in Python they do. In JavaScript `humanInTheLoopMiddleware` goes back to the model as soon as
# one is refused, and nothing runs. What was approved is no longer in the message in which the model
# called it, and the third call is left there without a result, which providers refuse. If both are
# approved, all three run. So an approval in JavaScript wants an interrupt of its own for each call.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check langchain==1.5.2 langgraph==1.2.24
npm install --silent --no-audit --no-fund langchain@1.5.14 @langchain/langgraph@1.7.3 \
  @langchain/core@1.4.0 zod@4.6.7

cat >program.py <<'PYTHON'
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.tools import StructuredTool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

NAMES = ("ship", "bill", "note")
ran = []


class Model(GenericFakeChatModel):
    def bind_tools(self, tools, **options):
        return self


def act(name: str) -> StructuredTool:
    def run(city: str) -> str:
        ran.append(name)
        return "done"

    return StructuredTool.from_function(run, name=name, description=name)


for kinds in (["approve", "approve"], ["reject", "approve"]):
    calls = [{"name": name, "id": name, "args": {"city": "Lyon"}} for name in NAMES]
    agent = create_agent(
        Model(messages=iter([AIMessage("", tool_calls=calls), AIMessage("goodbye")])),
        [act(name) for name in NAMES],
        middleware=[HumanInTheLoopMiddleware(interrupt_on={"ship": True, "bill": True})],
        checkpointer=InMemorySaver(),
    )
    thread = {"configurable": {"thread_id": "1"}}
    agent.invoke({"messages": [("user", "Send it")]}, thread)
    answers = {"decisions": [{"type": kind} for kind in kinds]}
    _, called, *results, _ = agent.invoke(Command(resume=answers), thread)["messages"]
    print(f"ship, bill: {', '.join(kinds)}")
    print("- ran:", *sorted(ran))
    print("- called:", *sorted(call["name"] for call in called.tool_calls))
    print("- have a result:", *sorted(message.tool_call_id for message in results))
    ran.clear()
PYTHON

cat >program.mjs <<'JAVASCRIPT'
import { Command, MemorySaver } from "@langchain/langgraph";
import { AIMessage, createAgent, fakeModel, humanInTheLoopMiddleware, tool } from "langchain";
import { z } from "zod";

const names = ["ship", "bill", "note"];
const schema = z.object({ city: z.string() });
let ran = [];

const act = (name) =>
  tool(
    () => {
      ran.push(name);
      return "done";
    },
    { name, description: name, schema },
  );

for (const kinds of [["approve", "approve"], ["reject", "approve"]]) {
  const calls = names.map((name) => ({ name, id: name, args: { city: "Lyon" } }));
  const agent = createAgent({
    model: fakeModel().respondWithTools(calls).respond(new AIMessage("goodbye")),
    tools: names.map(act),
    middleware: [humanInTheLoopMiddleware({ interruptOn: { ship: true, bill: true } })],
    checkpointer: new MemorySaver(),
  });
  const thread = { configurable: { thread_id: "1" } };
  await agent.invoke({ messages: [{ role: "user", content: "Send it" }] }, thread);
  const resume = { decisions: kinds.map((type) => ({ type })) };
  const { messages } = await agent.invoke(new Command({ resume }), thread);
  const [, called, ...rest] = messages;
  const results = rest.slice(0, -1);
  console.log(`ship, bill: ${kinds.join(", ")}`);
  console.log("- ran:", ...ran.sort());
  console.log("- called:", ...called.tool_calls.map((call) => call.name).sort());
  console.log("- have a result:", ...results.map((message) => message.tool_call_id).sort());
  ran = [];
}
JAVASCRIPT

diff - <(
  echo "Python"
  venv/bin/python program.py
  echo "JavaScript"
  node program.mjs
) <<'SEEN'
Python
ship, bill: approve, approve
- ran: bill note ship
- called: bill note ship
- have a result: bill note ship
ship, bill: reject, approve
- ran: bill note
- called: bill note ship
- have a result: bill note ship
JavaScript
ship, bill: approve, approve
- ran: bill note ship
- called: bill note ship
- have a result: bill note ship
ship, bill: reject, approve
- ran:
- called: note ship
- have a result: ship
SEEN
echo "As before, with langchain 1.5.14 in JavaScript and 1.5.2 in Python."
