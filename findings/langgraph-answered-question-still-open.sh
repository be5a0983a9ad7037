#!/usr/bin/env bash
# langgraph==1.2.22, langgraph-checkpoint==4.3.2: an answered question stays open when its node fails
#
# Our guess: once `interrupt()` has returned, its question is no longer among the open ones, and
# what is sent to a thread that shows an open question is the answer to it.
# Seen: the node took the answer "yes" and raised. `get_state().interrupts` still has the question,
# beside an error in the task. "no", sent as its answer then, is ignored: the node runs again with
# "yes". So whoever looks for open questions has to leave out those of tasks with an error.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  langgraph==1.2.22 langgraph-checkpoint==4.3.2

cat >"$folder/program.py" <<'PYTHON'
from typing import TypedDict

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt


class State(TypedDict):
    answer: str


failures = iter(["the shop is away"])


def ask(state: State) -> State:
    answer = interrupt("Refund order 1142?")
    for failure in failures:
        raise ConnectionError(failure)
    return {"answer": answer}


builder = StateGraph(State).add_node("ask", ask).add_edge(START, "ask").add_edge("ask", END)
graph = builder.compile(checkpointer=InMemorySaver())
thread = {"configurable": {"thread_id": "1"}}
graph.invoke({"answer": ""}, thread)
try:
    graph.invoke(Command(resume="yes"), thread)
except ConnectionError as error:
    print("raised:", error)
state = graph.get_state(thread)
print("open:", [question.value for question in state.interrupts])
print("error:", [task.error for task in state.tasks])
print("after 'no':", graph.invoke(Command(resume="no"), thread))
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
raised: the shop is away
open: ['Refund order 1142?']
error: ["ConnectionError('the shop is away')"]
after 'no': {'answer': 'yes'}
SEEN
echo "As before, with langgraph 1.2.22."
