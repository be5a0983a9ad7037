"""Ctrl-C, once: the wait ends at once, the decision stays open, and can be taken up again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable

import pytest

from handover import AsyncHandoverClient
from tests import web
from tests.api.agent import metric, someone
from tests.approver import answer_link, newest_mail, press
from tests.forked import ROOT
from tests.sdk.service import Holds, Service, decision, drops, replies
from tests.service import RunningService
from tests.support import eventually

Serve = Callable[..., Service]
PROGRAM = """
import asyncio, json, sys
from handover import AsyncHandoverClient, HandoverClient

def say(**told):
    print(json.dumps(told), flush=True)

def notes(error):
    found = list(getattr(error, "__notes__", []))
    return found + (notes(error.__context__) if error.__context__ else [])

if sys.argv[1] == "blocking":
    client, run = HandoverClient(), lambda result: result
else:
    client, run = AsyncHandoverClient(), asyncio.run
asked = run(client.decisions.create(action="Refund", approver=sys.argv[2], wait=False))
say(id=asked.id)
try:
    run(client.decisions.wait(asked.id))
except KeyboardInterrupt as stop:
    say(notes=notes(stop))
sys.stdin.readline()
say(status=run(client.decisions.wait(asked.id)).status)
"""


async def waiting(service: RunningService) -> float:
    """How many requests the service holds."""
    async with web.client() as http:
        page = (await http.get(f"{service.base_url}/metrics")).text
    return metric(page, "handover_waiting_agents")


@pytest.mark.parametrize("client", ["blocking", "asynchronous"])
async def test_ctrl_c_while_waiting(service: RunningService, client: str) -> None:
    """The process goes on at once and knows the decision's id, no request of it stays with the
    service, and the same client takes the wait up again."""
    outer = {k: v for k, v in os.environ.items() if not k.startswith("HANDOVER_")}
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, client, approver := someone()),
        cwd=ROOT,
        env={**outer, "HANDOVER_API_KEY": service.api_key, "HANDOVER_BASE_URL": service.base_url},
        stdin=PIPE,
        stdout=PIPE,
    )
    assert program.stdin
    assert program.stdout
    before = await waiting(service)
    decision_id = json.loads(await program.stdout.readline())["id"]

    async def is_held() -> bool:
        return await waiting(service) > before

    async def is_gone() -> bool:
        return await waiting(service) == before

    await eventually(is_held)
    program.send_signal(signal.SIGINT)
    (note,) = json.loads(await asyncio.wait_for(program.stdout.readline(), 5))["notes"]
    assert note == f"client.decisions.wait('{decision_id}') goes on waiting for it."
    await eventually(is_gone, timeout=5)
    async with AsyncHandoverClient(service.api_key, service.base_url) as other:
        assert (await other.decisions.get(decision_id)).status == "pending"
    await press(answer_link(await newest_mail(service, approver)), "approve")
    said, _ = await asyncio.wait_for(program.communicate(b"\n"), 60)
    assert json.loads(said) == {"status": "approved"}


async def test_cancelled_task(serve: Serve) -> None:
    """A task that is cancelled while it asks, or while it waits, ends at once, and its error says
    how to go on: with the key of the question, or with the decision's id."""
    held = [Holds(then=drops) for _ in range(2)]
    service = serve(held[0], replies(decision(), 201), held[1])
    async with AsyncHandoverClient("ho_key", service.url) as client:
        for each, how in zip(held, ("idempotency_key='auto-", "wait('dec_one')"), strict=True):
            asked = client.decisions.create(action="Refund", approver="approver@example.com")
            task = asyncio.ensure_future(asked)
            assert await asyncio.to_thread(each.reached.wait, 30)
            task.cancel()
            with pytest.raises(asyncio.CancelledError) as stopped:
                await asyncio.wait_for(task, 5)
            assert how in stopped.value.__notes__[0]
            each.go_on.set()
            await eventually(lambda: not service.open)
