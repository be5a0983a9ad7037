#!/usr/bin/env bash
# langgraph==1.2.24, langchain-core==1.8.3: what a tool raises for the model's sake ends the graph
#
# Our guess: `ToolNode` tells the model of errors by default, as it did before langgraph-prebuilt
# 1.0.1, or at least of `ToolException`, which exists to be told to the model.
# Seen: by default it tells of arguments that do not fit the tool's schema, and of nothing else.
# Everything that a tool raises ends the graph, `ToolException` included. With
# `handle_tool_errors=True` the model reads it, with "Please fix your mistakes." behind it, be it a
# person's refusal; `handle_tool_error=True` on the tool itself gives it word for word.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  langgraph==1.2.24 langchain-core==1.8.3

cat >"$folder/program.py" <<'PYTHON'
from langchain_core.messages import AIMessage
from langchain_core.tools import StructuredTool, ToolException
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode


def refund(order: int) -> str:
    """Refund an order, if a person agrees."""
    raise ToolException("A person refused this.")


def run(label: str, arguments: dict, told: bool = False, **options) -> None:
    tool = StructuredTool.from_function(refund, handle_tool_error=told)
    node = ToolNode([tool], **options)
    graph = StateGraph(MessagesState).add_node("tools", node)
    graph = graph.add_edge(START, "tools").add_edge("tools", END).compile()
    call = {"name": "refund", "args": arguments, "id": "1", "type": "tool_call"}
    try:
        last = graph.invoke({"messages": [AIMessage("", tool_calls=[call])]})["messages"][-1]
        print(f"{label}: the model reads", " /".join(last.content.splitlines()))
    except ToolException as error:
        print(f"{label}: the graph ends with ToolException({error})")


run("wrong arguments", {"order": "first"})
run("by default", {"order": 1142})
run("told by the node", {"order": 1142}, handle_tool_errors=True)
run("told by the tool", {"order": 1142}, told=True)
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
wrong arguments: the model reads Error invoking tool 'refund' with kwargs {'order': 'first'} with error: / order: Input should be a valid integer, unable to parse string as an integer / Please fix the error and try again.
by default: the graph ends with ToolException(A person refused this.)
told by the node: the model reads Error: ToolException('A person refused this.') / Please fix your mistakes.
told by the tool: the model reads A person refused this.
SEEN
echo "As before, with langgraph 1.2.24 and langchain-core 1.8.3."
