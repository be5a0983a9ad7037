"""A process that is killed while its graph waits in an approval node, and another that goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.approver import answer_link, mails, newest_mail, press

PROGRAM = """
import sqlite3, sys
from typing import Any, TypedDict
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, StateGraph
from handover import HandoverClient
from handover.integrations.langgraph import approval_node

class State(TypedDict, total=False):
    permitted: dict[str, Any] | None

database, approver, begin = sys.argv[1:]
inner = StateGraph(State)
node = approval_node(HandoverClient(), action="Refund", approver=approver, payload={"amount": 1})
inner.add_node("approval", node)
inner.add_edge(START, "approval")
outer = StateGraph(State)
outer.add_node("inner", inner.compile())
outer.add_edge(START, "inner")
saver = SqliteSaver(sqlite3.connect(database, check_same_thread=False))
graph = outer.compile(checkpointer=saver)
config = {"configurable": {"thread_id": "one"}}
print(graph.invoke({} if begin == "begin" else None, config)["permitted"])
"""


def start(service: Any, *arguments: str) -> subprocess.Popen[str]:
    environment = os.environ | {
        "HANDOVER_API_KEY": service.api_key,
        "HANDOVER_BASE_URL": service.base_url,
    }
    command = [sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


async def test_another_process_finds_the_decision(service: Any, tmp_path: Path) -> None:
    """The node runs again in another process, inside its subgraph: the person who was asked before
    the kill is not asked again, and their answer counts."""
    approver, database = f"{uuid4().hex}@example.com", str(tmp_path / "checkpoints.sqlite")
    first = start(service, database, approver, "begin")
    mail = await newest_mail(service, approver)
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=30)
    second = start(service, database, approver, "again")
    await press(answer_link(mail), "approve")
    said, _ = second.communicate(timeout=60)
    assert said.strip() == "{'amount': 1}"
    assert len(mails(service, approver, "Refund")) <= 2  # the question, and the receipt
