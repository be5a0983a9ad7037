"""`python -m tests.sdk.forks HOW URL`: a program that forks after its client was used, and prints
what came of the calls that its children then made at the same time, as JSON."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import httpx2

from handover import AsyncHandoverClient, Decision, HandoverClient
from handover.integrations._locks import Locks
from handover.testing import FakeHandover

CHILDREN = 4
CALLS = 10
ASK: dict[str, Any] = {"approver": "approver@example.com", "wait": False}
Ask = Callable[[str], Decision]


def blocking(url: str) -> Ask:
    client = HandoverClient("ho_key", url)
    return lambda action: client.decisions.create(action=action, **ASK)


def other_options(url: str) -> Ask:
    client = HandoverClient("ho_other", url).with_options(api_key="ho_key")
    return lambda action: client.decisions.create(action=action, **ASK)


def asynchronous(url: str) -> Ask:
    client = AsyncHandoverClient("ho_key", url)
    return lambda action: asyncio.run(client.decisions.create(action=action, **ASK))


def lent(url: str) -> Ask:
    client = HandoverClient("ho_key", url, http_client=httpx2.Client())
    return lambda action: client.decisions.create(action=action, **ASK)


def lent_to_loops(url: str) -> Ask:
    client = AsyncHandoverClient("ho_key", url, http_client=httpx2.AsyncClient())
    return lambda action: asyncio.run(client.decisions.create(action=action, **ASK))


def in_memory(url: str) -> Ask:
    """While another thread of the parent holds the lock of the service in memory."""
    fake = FakeHandover()
    client = fake.client()
    holder = threading.Thread(target=fake._service._lock.acquire)
    holder.start()
    holder.join()
    return lambda action: client.decisions.create(action=action, **ASK)


def at_a_runners_lock(url: str) -> Ask:
    """While the parent runs the same thread of a graph."""
    locks = Locks()
    held = locks("1")
    held.__enter__()
    ask = blocking(url)

    def ask_alone(action: str) -> Decision:
        with locks("1"):
            assert held is not locks("1")
            return ask(action)

    return ask_alone


def outcome(ask: Ask, action: str) -> str:
    try:
        found = ask(action).action
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "right" if found == action else "of another"


def in_child(ask: Ask, name: str, begin: int, told: int) -> None:
    signal.alarm(30)
    os.read(begin, 1)
    answers = [outcome(ask, f"{name}, call {number}") for number in range(CALLS)]
    os.write(told, (json.dumps(answers) + "\n").encode())


def main(how: str, url: str, *, is_used: bool) -> None:
    ask: Ask = globals()[how](url)
    if is_used:
        ask("parent, call 0")
    begin, begun = os.pipe()
    told, tell = os.pipe()
    for number in range(CHILDREN):
        if os.fork() == 0:
            os.close(begun)
            in_child(ask, f"child {number}", begin, tell)
            os._exit(0)
    os.close(tell)
    os.close(begun)  # all of them begin at once
    children = [json.loads(line) for line in os.fdopen(told)]
    statuses = [os.wait()[1] for _ in range(CHILDREN)]
    parent = [outcome(ask, "parent, call 1")] if is_used else []
    json.dump({"children": children, "statuses": statuses, "parent": parent}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], is_used=sys.argv[3] == "used")
