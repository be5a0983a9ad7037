#!/usr/bin/env bash
# langgraph==1.2.24, langgraph-checkpoint==4.3.2: a state cannot hold large integers
#
# Our guess: a state may hold any integer, as in Python and in JSON: an amount of wei, for instance.
# What cannot be kept is refused when it is put in, before anything has run.
# Seen: the node runs, with all it does; then the checkpoint fails with a TypeError, which names
# neither the node nor the field. The next run of the thread begins before the node, and does it
# again. It is so for the saver in memory too, so tests with amounts of an ordinary size miss it; 1
# ether is still below, 100 are not. Such amounts go into a state as text.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  langgraph==1.2.24 langgraph-checkpoint==4.3.2

cat >"$folder/program.py" <<'PYTHON'
from typing import TypedDict

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph

ETHER = 10**18


class State(TypedDict):
    ether: int
    wei: int


def pay(state: State) -> dict[str, int]:
    print(f"paid {state['ether']} ether", end="; ")
    return {"wei": state["ether"] * ETHER}


graph = StateGraph(State).add_node("pay", pay).add_edge(START, "pay").add_edge("pay", END)
graph = graph.compile(checkpointer=InMemorySaver())
for ether in (1, 100):
    thread = {"configurable": {"thread_id": str(ether)}}
    for state in ({"ether": ether, "wei": 0}, None):
        try:
            print("kept", graph.invoke(state, thread))
        except TypeError as error:
            print("TypeError:", error)
        if not graph.get_state(thread).next:
            break
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
paid 1 ether; kept {'ether': 1, 'wei': 1000000000000000000}
paid 100 ether; TypeError: Integer exceeds 64-bit range
paid 100 ether; TypeError: Integer exceeds 64-bit range
SEEN
echo "As before, with langgraph 1.2.24 and langgraph-checkpoint 4.3.2."
