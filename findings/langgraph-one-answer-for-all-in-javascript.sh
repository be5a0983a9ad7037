#!/usr/bin/env bash
# langgraph==1.2.24, @langchain/langgraph==1.7.3, @langchain/core==1.4.0: one answer is for all
#
# Our guess: where two nodes that run side by side have each asked something, LangGraph does the
# same in both languages with `Command` and one answer that does not say to which question.
# Seen: in Python it is an error that asks for the question's id, and nothing has run. In JavaScript
# every question has got that answer: the goods and the invoice both go to Lyon, without an error.
# An answer is to be sent with its question's id always, also where only one seems to be open.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check langgraph==1.2.24
npm install --silent --no-audit --no-fund @langchain/langgraph@1.7.3 @langchain/core@1.4.0

cat >program.py <<'PYTHON'
from typing import TypedDict

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt


class State(TypedDict, total=False):
    goods: str
    invoice: str


builder = StateGraph(State)
builder.add_node("ship", lambda state: {"goods": interrupt("Where to with the goods?")})
builder.add_node("bill", lambda state: {"invoice": interrupt("Where to with the invoice?")})
builder.add_edge(START, "ship")
builder.add_edge(START, "bill")
graph = builder.compile(checkpointer=InMemorySaver())
thread = {"configurable": {"thread_id": "1"}}
graph.invoke({}, thread)
try:
    print("Python:", graph.invoke(Command(resume="Lyon"), thread))
except RuntimeError as error:
    print("Python:", str(error).split(".")[0])
left = sorted(question.value for question in graph.get_state(thread).interrupts)
print("Python, still open:", left)
PYTHON

cat >program.mjs <<'JAVASCRIPT'
import * as langgraph from "@langchain/langgraph";

const { Annotation, Command, INTERRUPT, MemorySaver, START, StateGraph, interrupt } = langgraph;

const graph = new StateGraph(Annotation.Root({ goods: Annotation, invoice: Annotation }))
  .addNode("ship", () => ({ goods: interrupt("Where to with the goods?") }))
  .addNode("bill", () => ({ invoice: interrupt("Where to with the invoice?") }))
  .addEdge(START, "ship")
  .addEdge(START, "bill")
  .compile({ checkpointer: new MemorySaver() });

for (const byId of [false, true]) {
  const thread = { configurable: { thread_id: String(byId) } };
  const asked = (await graph.invoke({}, thread))[INTERRUPT];
  const { id } = asked.find(({ value }) => value.includes("goods"));
  const resume = byId ? { [id]: "Lyon" } : "Lyon";
  const state = await graph.invoke(new Command({ resume }), thread);
  const left = JSON.stringify((state[INTERRUPT] ?? []).map(({ value }) => value));
  const said = `goods ${state.goods}, invoice ${state.invoice}, still open: ${left}`;
  console.log(`JavaScript${byId ? ", by id" : ""}: ${said}`);
}
JAVASCRIPT

diff - <(
  venv/bin/python program.py
  node program.mjs
) <<'SEEN'
Python: When there are multiple pending interrupts, you must specify the interrupt id when resuming
Python, still open: ['Where to with the goods?', 'Where to with the invoice?']
JavaScript: goods Lyon, invoice Lyon, still open: []
JavaScript, by id: goods Lyon, invoice undefined, still open: ["Where to with the invoice?"]
SEEN
echo "As before, with langgraph 1.2.24 and @langchain/langgraph 1.7.3."
