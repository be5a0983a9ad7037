"""Whose connections a client speaks over: those of its process, and of the event loop that runs."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from itertools import repeat
from threading import Thread
from typing import Any

import pytest

from handover import AsyncHandoverClient, Decision
from tests.forked import ROOT
from tests.sdk.forks import CALLS, CHILDREN
from tests.sdk.service import Holds, Service, decision, replies
from tests.support import wait_until

Serve = Callable[..., Service]
ASK: dict[str, Any] = {"approver": "approver@example.com", "wait": False}
RIGHT = ["right"] * CALLS


@pytest.fixture
def service(serve: Serve) -> Service:
    """Answers every question with the decision that it asks for."""
    service = serve()
    service.script = repeat(replies(decision(), 201))
    return service


def forked(how: str, url: str, when: str = "used") -> dict[str, Any]:
    """What came of the calls of processes that were forked from one with a client."""
    command = [sys.executable, "-m", "tests.sdk.forks", how, url, when]
    ran = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.mark.parametrize("how", ["blocking", "other_options", "asynchronous"])
def test_forked_processes(service: Service, how: str) -> None:
    """A client that was used before its process forked has connections of its own in each child:
    every call of all of them has its own answer, and so has the parent's."""
    told = forked(how, service.url)
    assert told["children"] == [RIGHT] * CHILDREN
    assert (told["statuses"], told["parent"]) == ([0] * CHILDREN, ["right"])
    speakers = defaultdict[Any, set[str]](set)
    for request in service.requests:
        speakers[request.connection].add((request.body or {})["action"].partition(",")[0])
    assert all(len(each) == 1 for each in speakers.values())


@pytest.mark.parametrize("how", ["lent", "lent_to_loops"])
def test_forked_with_a_lent_http_client(service: Service, how: str) -> None:
    """How to open an HTTP client of the user's anew is not known. One that was used before the fork
    is refused in the child; one that was not serves there."""
    (told,) = {answer for answers in forked(how, service.url)["children"] for answer in answers}
    assert told.startswith(
        "ConfigurationError: http_client was used before this process was forked"
    )
    if how == "lent":
        assert forked(how, service.url, "unused")["children"] == [RIGHT] * CHILDREN


@pytest.mark.parametrize("how", ["in_memory", "at_a_runners_lock"])
def test_forked_while_a_lock_is_held(service: Service, how: str) -> None:
    """A lock that another thread of the parent held is not held in its children: that of a service
    in memory, and that for one thread of a graph."""
    assert forked(how, service.url, "unused")["children"] == [RIGHT] * CHILDREN


def test_one_event_loop_after_the_other(service: Service) -> None:
    """One asynchronous client serves each event loop, and leaves no connection behind in one that
    has ended."""
    client = AsyncHandoverClient("ho_key", service.url)
    other = client.with_options(timeout=9)

    async def ask(number: int) -> list[Decision]:
        asked = (
            each.decisions.create(action=f"Refund {number}", **ASK) for each in (client, other)
        )
        return await asyncio.gather(*asked)

    for number in range(3):
        assert {each.action for each in asyncio.run(ask(number))} == {f"Refund {number}"}
        wait_until(lambda: not service.open)
    assert len(service.connections) == 6


def test_event_loops_in_threads(serve: Serve) -> None:
    """One asynchronous client serves several event loops at once: each wait has its own answer, and
    closing the client in one of them leaves the others alone."""
    held = [Holds(then=replies(decision("approved"), 201)) for _ in range(2)]
    service = serve(*held)
    client = AsyncHandoverClient("ho_key", service.url)
    answers: dict[str, Decision] = {}

    async def ask(action: str) -> None:
        answers[action] = await client.decisions.create(action=action, approver=ASK["approver"])
        await client.close()

    threads = [Thread(target=asyncio.run, args=(ask(name),)) for name in ("first", "second")]
    for thread, each in zip(threads, held, strict=True):
        thread.start()
        assert each.reached.wait(30)
    for thread, each in zip(threads, held, strict=True):
        each.go_on.set()
        thread.join(30)
    assert {name: each.action for name, each in answers.items()} == {
        "first": "first",
        "second": "second",
    }


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_event_loop_that_was_just_closed(service: Service) -> None:
    """A loop that was closed without its last rites leaves nothing that the next one would use."""
    client = AsyncHandoverClient("ho_key", service.url)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(client.decisions.create(action="Refund", **ASK))
    loop.close()
    assert asyncio.run(client.decisions.create(action="Refund again", **ASK)).action
    del loop
    gc.collect()


async def test_closed_client(service: Service) -> None:
    """A client that was closed says so in its own event loop."""
    client = AsyncHandoverClient("ho_key", service.url)
    await client.decisions.get("dec_one")
    await client.close()
    with pytest.raises(RuntimeError, match="closed"):
        await client.decisions.get("dec_one")
    wait_until(lambda: not service.open)
