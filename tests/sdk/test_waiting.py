"""Waiting for the real service while its processes, and the agent's own, are killed."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest

from handover import (
    AsyncHandoverClient,
    Decision,
    DecisionExpired,
    HandoverClient,
    WaitTimeoutError,
)
from tests import web
from tests.api.agent import metric, someone
from tests.approver import answer_link, newest_mail, press
from tests.forked import ROOT
from tests.sdk.conftest import Connect
from tests.sdk.gateway import Gateway
from tests.service import RunningService
from tests.support import eventually, free_port
from tests.volume import volume

MANY = 50
WAITS = volume(300, 100)
LEAST_AND_MOST = (20.0, 130.0)
"""MB of a process with so many waits."""

AGENT = """
import sys
from handover import HandoverClient
with HandoverClient() as client:
    decision = client.decisions.create(
        action="Refund order 1142", approver=sys.argv[1], idempotency_key=sys.argv[2]
    )
print(decision.id, decision.status)
"""


async def held(service: RunningService, *, least: int) -> bool:
    """Whether the service holds so many requests."""
    async with web.client() as http:
        page = (await http.get(f"{service.base_url}/metrics")).text
    return metric(page, "handover_waiting_agents") >= least


async def start(service: RunningService, *command: str) -> Process:
    """A program of the agent's, with the service in its environment."""
    outer = {k: v for k, v in os.environ.items() if not k.startswith("HANDOVER_")}
    env = {**outer, "HANDOVER_API_KEY": service.api_key, "HANDOVER_BASE_URL": service.base_url}
    return await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=ROOT, env=env, stdout=PIPE, stderr=PIPE
    )


async def said(process: Process) -> str:
    """What it printed; it has to end well."""
    out, err = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, err.decode()
    return out.decode()


async def approve(service: RunningService, approver: str, port: int) -> None:
    """By the mail's link, at the API on this port."""
    link = answer_link(await newest_mail(service, approver))
    pressed = await press(link.replace(f":{service.port}/", f":{port}/"), "approve")
    assert pressed.is_success, pressed.text


@pytest.mark.parametrize("meanwhile", ["nothing happens", "half of them are answered"])
async def test_killed_api_while_many_wait(own_service: RunningService, meanwhile: str) -> None:
    """However many wait when the API is killed: each has its own answer once it is back, and nobody
    was asked twice. Answers that came in while the agents could reach nobody are not lost."""
    approvers = [someone() for _ in range(MANY)]
    async with AsyncExitStack() as opened:
        waits: list[asyncio.Future[Decision]] = []
        for approver in approvers:
            client = AsyncHandoverClient(own_service.api_key, own_service.base_url)
            opened.push_async_callback(client.close)
            asked = client.decisions.create(action=f"Refund to {approver}", approver=approver)
            waits.append(asyncio.ensure_future(asked))
        await eventually(lambda: held(own_service, least=MANY), timeout=60)
        own_service.kill("api")
        early = approvers[: MANY // 2] if meanwhile == "half of them are answered" else []
        if early:
            await own_service.start_api("another api", another := free_port())
            for approver in early:
                await approve(own_service, approver, another)
            own_service.kill("another api")
        assert not any(each.done() for each in waits)
        await own_service.start_api()
        for approver in approvers[len(early) :]:
            await approve(own_service, approver, own_service.port)
        decided = await asyncio.wait_for(asyncio.gather(*waits), 120)
    assert [each.action for each in decided] == [f"Refund to {each}" for each in approvers]
    assert {each.status for each in decided} == {"approved"}
    assert len(list(own_service.outbox.glob("*-decision-request-*.eml"))) == MANY


async def test_killed_agent_picks_its_decision_up(service: RunningService) -> None:
    """A process that died while it waited asks again with the same key: it finds its decision and
    the answer that came while it was dead, and nobody is asked twice."""
    approver, key = someone(), f"refund-{someone()}"
    first = await start(service, "-c", AGENT, approver, key)
    await newest_mail(service, approver)
    first.kill()
    await first.communicate()
    await approve(service, approver, service.port)
    again = (await said(await start(service, "-c", AGENT, approver, key))).split()
    assert again[1] == "approved"
    with HandoverClient(service.api_key, service.base_url) as client:
        assert client.decisions.get(again[0]).action == "Refund order 1142"
    asking = service.outbox.glob("*-decision-request-*.eml")
    assert len([mail for mail in asking if approver in mail.read_text()]) == 1


async def test_extended_decision_is_waited_for(service: RunningService) -> None:
    """A wait goes on over the end that the decision had when it began, to the one that it was given
    since."""
    async with AsyncHandoverClient(service.api_key, service.base_url) as client:
        asked = await client.decisions.create(
            action="Refund", approver=(approver := someone()), timeout_minutes=0.1, wait=False
        )
        waiting = asyncio.ensure_future(client.decisions.wait(asked.id))
        await client.decisions.extend(asked.id, timeout_minutes=60)
        await eventually(lambda: datetime.now(UTC) > asked.expires_at + timedelta(seconds=1))
        assert not waiting.done()
        await approve(service, approver, service.port)
        assert (await asyncio.wait_for(waiting, 60)).approved


async def test_expiry_is_the_services_to_say(service: RunningService) -> None:
    """A wait ends with the expiry as soon as the service says so, and approve raises it."""
    async with AsyncHandoverClient(service.api_key, service.base_url) as client:
        with pytest.raises(DecisionExpired) as caught:
            await client.approve("Refund", someone(), timeout_minutes=0.02)
    assert caught.value.decision.origin == "timeout"


async def test_wait_timeout_says_only_that_we_stopped(service: RunningService) -> None:
    """After `WaitTimeoutError` the decision goes on: it is pending, can be answered, and waiting
    for it again has the answer."""
    async with AsyncHandoverClient(service.api_key, service.base_url) as client:
        asked = await client.decisions.create(
            action="Refund", approver=(approver := someone()), wait=False
        )
        with pytest.raises(WaitTimeoutError):
            await client.decisions.wait(asked.id, timeout=0.5)
        assert (await client.decisions.get(asked.id)).status == "pending"
        await approve(service, approver, service.port)
        assert (await client.decisions.wait(asked.id, timeout=30)).approved


async def test_gateway_that_cuts_what_is_held(service: RunningService, connect: Connect) -> None:
    """Behind a gateway that lets nothing be held for long, by whatever it says, the question is
    asked once and its answer arrives; what the gateway cuts off once is held for less then."""

    async def ask(status: int | None) -> tuple[Decision, Gateway]:
        async with Gateway(service.port, 1.1, status) as gateway:
            call, approver = connect(gateway.url, service.api_key), someone()
            waiting = asyncio.ensure_future(call("create", action="Refund", approver=approver))
            await eventually(lambda: gateway.cuts >= 2)
            await approve(service, approver, service.port)
            decided = await asyncio.wait_for(waiting, 60)
        asking = service.outbox.glob("*-decision-request-*.eml")
        assert len([mail for mail in asking if approver in mail.read_text()]) == 1
        return decided, gateway

    for decided, gateway in await asyncio.gather(
        *(ask(each) for each in (502, 503, 504, 524, None))
    ):
        assert decided.approved
        held = [float(line.partition("wait=")[2].split()[0]) for line in gateway.asked]
        assert held[0] == 30
        assert 0.5 < held[1] < 1.1


async def test_memory_of_many_waits(own_service: RunningService) -> None:
    """Hundreds of waits in one process take little memory, and none is lost when the API is killed
    under them."""
    async with AsyncHandoverClient(own_service.api_key, own_service.base_url) as client:
        ask = [
            client.decisions.create(action="Refund", approver=someone(), wait=False)
            for _ in range(10)
        ]
        ids = [each.id for each in await asyncio.gather(*ask)]
        waiters = await start(own_service, "-m", "benchmarks.waiters", str(WAITS // 10), *ids)
        await eventually(lambda: held(own_service, least=WAITS), timeout=60)
        own_service.kill("api")
        await own_service.start_api()
        await eventually(lambda: held(own_service, least=WAITS), timeout=60)
        for each in ids:
            await client.decisions.cancel(each)
    ended = json.loads(await said(waiters))
    assert ended["ended"] == {"cancelled": WAITS}
    least, most = LEAST_AND_MOST
    assert least < ended["peak_mb"] < most
