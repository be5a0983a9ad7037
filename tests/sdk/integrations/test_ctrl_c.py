"""Whoever waits for people in a thread of a framework ends with what is around it: with Ctrl-C, and
with what runs beside it and has failed."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE

from tests.api.agent import Agent, someone
from tests.forked import ROOT
from tests.service import RunningService

PROGRAM = """
import asyncio, json, os, signal, sys, threading, time
from typing import Any, TypedDict

from langchain.agents import create_agent
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt

from handover import HandoverClient, require_approval
from handover.integrations.langchain import ApprovalMiddleware, request_human_approval
from handover.integrations.langgraph import ApprovalRunner, approval_node
from tests.sdk.integrations.models import calls, scripted

approver = sys.argv[1]
client, watching = HandoverClient(), HandoverClient()
seen = set()

@tool
def refund(order: int) -> str:
    "Refund an order."
    return "refunded"

@tool
@require_approval(client=client, approver=approver)
def close(order: int) -> str:
    "Close a complaint."
    return "closed"

def asked(number):
    while True:
        found = {each.id for each in watching.decisions.list(approver=approver)} - seen
        if len(found) >= number:
            seen.update(found)
            return
        time.sleep(0.05)

def fails(*_: Any, **__: Any) -> str:
    "Fails once somebody was asked."
    asked(1)
    raise ValueError("broken")

broken = tool("broken")(fails)

class State(TypedDict, total=False):
    a: Any
    b: Any

def graph(**nodes):
    made = StateGraph(State)
    for name, node in nodes.items():
        made.add_node(f"node {name}", node)
        made.add_edge(START, f"node {name}")
    return made.compile(checkpointer=InMemorySaver())

def node(name):
    return approval_node(client, action=f"Refund {name}", approver=approver,
                         to_update=lambda state, decision: {name: 1})

def asks(name):
    return lambda state: {name: interrupt({"action": f"Send {name}"})}

def agent(*wanted, **options):
    return create_agent(scripted(calls(*wanted), "Done."), **options)

middleware = ApprovalMiddleware(client, approver=approver, interrupt_on={"refund": True})
tool_that_asks = request_human_approval(client, approver=approver)
one, two = ("refund", {"order": 1}), ("refund", {"order": 2})
hello, config = {"messages": [("user", "Hello.")]}, {"configurable": {"thread_id": "1"}}
runner = lambda made: ApprovalRunner(made, client, approver=approver)
CASES = {
    "a node": (1, lambda: graph(a=node("a")).invoke({}, config)),
    "two nodes": (2, lambda: graph(a=node("c"), b=node("d")).invoke({}, config)),
    "a runner": (2, lambda: runner(graph(a=asks("a"), b=asks("b"))).run({}, config)),
    "a middleware": (2, lambda: agent(one, two, tools=[refund], middleware=[middleware])
        .invoke(hello)),
    "a tool": (1, lambda: agent(("request_human_approval", {"action": "Close"}),
        tools=[tool_that_asks]).invoke(hello)),
    "a decorator": (1, lambda: agent(("close", {"order": 1}), tools=[close]).invoke(hello)),
    "a decorator in a loop": (1, lambda: asyncio.run(
        agent(("close", {"order": 2}), tools=[close]).ainvoke(hello))),
    "a node beside one that fails": (0, lambda: graph(a=node("e"), b=fails).invoke({}, config)),
    "a tool beside one that fails": (0, lambda: agent(("refund", {"order": 3}), ("broken", {}),
        tools=[refund, broken], middleware=[middleware]).invoke(hello)),
}

def press(number):
    asked(number)
    os.kill(os.getpid(), signal.SIGINT)

for name, (number, run) in CASES.items():
    if number:
        threading.Thread(target=press, args=(number,), daemon=True).start()
    try:
        run()
        became = "ended"
    except (KeyboardInterrupt, ValueError) as error:
        became = type(error).__name__
    print(json.dumps([name, became]), flush=True)
os._exit(0)
"""
INTERRUPTED = [
    *("a node", "two nodes", "a runner", "a middleware", "a tool"),
    *("a decorator", "a decorator in a loop"),
]
FAILED = ["a node beside one that fails", "a tool beside one that fails"]


async def test_whoever_waits_in_a_thread_ends_with_what_is_around_it(
    service: RunningService,
) -> None:
    """At once, while people are still asked: each decision stays open."""
    outer = {k: v for k, v in os.environ.items() if not k.startswith("HANDOVER_")}
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, approver := someone()),
        cwd=ROOT,
        env={**outer, "HANDOVER_API_KEY": service.api_key, "HANDOVER_BASE_URL": service.base_url},
        stdout=PIPE,
    )
    try:
        said, _ = await asyncio.wait_for(program.communicate(), 150)
    except TimeoutError:
        program.kill()
        raise
    expected = dict.fromkeys(INTERRUPTED, "KeyboardInterrupt") | dict.fromkeys(FAILED, "ValueError")
    assert dict(map(json.loads, said.decode().splitlines())) == expected
    async with Agent.of(service) as agent:
        answer = await agent.http.get("/decisions", params={"approver": approver, "limit": 50})
    assert {each["status"] for each in answer.json()["decisions"]} == {"pending"}
