#!/usr/bin/env bash
# smolagents==1.26.0: an argument that names something in the agent's state becomes it
#
# Our guess: a tool is called with the arguments that the model wrote, and the memory shows these.
# Seen: an argument that equals a key of `additional_args` is replaced by what that key holds, in
# any tool and any parameter, and the memory goes on to show what the model wrote. Here the reason
# "price" becomes the price. So what is shown to a person, or kept for an audit, must be taken
# inside the tool, and keys be given that no model writes by chance.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check smolagents==1.26.0

cat >"$folder/program.py" <<'PYTHON'
from smolagents import ChatMessage, MessageRole, Model, ToolCallingAgent, tool
from smolagents.models import ChatMessageToolCall, ChatMessageToolCallFunction


class Script(Model):
    calls = [("refund", {"order": "1142", "reason": "price"}), ("final_answer", {"answer": "done"})]

    def generate(self, messages, **options) -> ChatMessage:
        name, arguments = self.calls.pop(0)
        function = ChatMessageToolCallFunction(name=name, arguments=arguments)
        call = ChatMessageToolCall(id=name, type="function", function=function)
        return ChatMessage(role=MessageRole.ASSISTANT, content="", tool_calls=[call])


@tool
def refund(order: str, reason: str) -> str:
    """Refund an order.

    Args:
        order: its number
        reason: why, as the customer is told
    """
    print("ran with:", {"order": order, "reason": reason})
    return "refunded"


agent = ToolCallingAgent(tools=[refund], model=Script(), verbosity_level=0)
agent.run("Refund order 1142, for its price", additional_args={"price": "129 EUR, cost 40 EUR"})
print("memory shows:", agent.memory.steps[1].tool_calls[0].arguments)
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py" 2>"$folder/log") <<'SEEN'
ran with: {'order': '1142', 'reason': '129 EUR, cost 40 EUR'}
memory shows: {'order': '1142', 'reason': 'price'}
SEEN
echo "As before, with smolagents 1.26.0."
