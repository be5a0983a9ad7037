"""What one client can take from the others: nothing, by waiting, by leaving, by sending slowly or
without an end."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from typing import Any, cast

import pytest
import yaml
from temporalio.client import Client

from api.decisions.waiting import Waiting
from api.protocol import MAX_HEAD
from embedded.plan import ROOT, Plan
from embedded.ports import read_ports
from histories.loading import Histories
from settings.model import Settings
from tests import web
from tests.api.agent import PROBLEM, Agent, keyring_of, metric, question
from tests.api.connections import Connection, request_of
from tests.dev_server import DevServer
from tests.service import RunningService
from tests.support import eventually

BOUNDED = "api.protocol:Bounded"
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"}
SLOW_CLIENTS = 100
ENDLESS = 64 * 1024 * 1024
"""Bytes of a request that never ends. What a kernel keeps for a connection is far below."""


async def waiting(agent: Agent) -> float:
    return metric((await agent.http.get("/metrics")).text, "handover_waiting_agents")


async def held(agent: Agent, number: int) -> None:
    """Wait until so many requests are held open."""

    async def enough() -> bool:
        return await waiting(agent) == number

    await eventually(enough, timeout=20)


async def test_who_goes_away_is_waited_for_no_longer(agent: Agent) -> None:
    """50 held requests, half of them creating: their clients leave, and only who stays is held."""
    decision = (await agent.ask())["id"]
    staying = asyncio.create_task(agent.get(decision, wait=60))
    connections = [await Connection.to(agent.service) for _ in range(50)]
    for number, connection in enumerate(connections):
        if number % 2:
            asked = request_of(agent.service, "POST", "/decisions?wait=60", question())
        else:
            asked = request_of(agent.service, "GET", f"/decisions/{decision}?wait=60")
        await connection.send(asked)
    await held(agent, 51)
    await asyncio.gather(*(connection.close() for connection in connections))
    await held(agent, 1)
    assert not staying.done()
    assert (await agent.cancel(decision)).status_code in (200, 202)
    assert (await staying)["status"] == "cancelled"
    await held(agent, 0)
    assert "Traceback" not in agent.service.log("api")


async def test_a_client_that_goes_away_makes_room(spare: Agent) -> None:
    """With room for one poll: after its client has left, another decision is waited for, and the
    decision of the one who left is as it was."""
    first, second = (await spare.ask())["id"], (await spare.ask())["id"]
    leaving = await Connection.to(spare.service)
    await leaving.send(request_of(spare.service, "GET", f"/decisions/{first}?wait=60"))
    await held(spare, 1)
    await leaving.close()
    await held(spare, 0)
    waiter = asyncio.create_task(spare.get(second, wait=60))
    await held(spare, 1)
    # Without a poll of its own it would be sent away after three seconds.
    assert await asyncio.wait([waiter], timeout=4) == (set(), {waiter})
    assert (await spare.cancel(second)).status_code in (200, 202)
    assert (await waiter)["status"] == "cancelled"
    assert (await spare.get(first))["status"] == "pending"


async def test_people_who_answer_have_polls_in_reserve(
    agent: Agent, temporal: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no poll left for agents, one who waits for their own answer is told it; the reserve has
    an end as well."""
    monkeypatch.setattr("api.decisions.waiting.RESERVE", 1)
    waits = Waiting(temporal, Histories(temporal, keyring_of(agent.service)), most=0)
    decision, another = (await agent.ask())["id"], (await agent.ask())["id"]

    def closed(reading: object) -> bool:
        return getattr(reading, "closed", False)

    assert await waits.until(decision, 60, closed) is None
    answered = asyncio.create_task(waits.until(decision, 60, closed, reserve=True))
    await eventually(lambda: waits.glance(decision))
    assert await waits.until(another, 60, closed, reserve=True) is None
    await temporal.get_workflow_handle(decision).terminate()
    reading = await answered
    assert reading is not None
    assert reading.decision_id == decision


async def test_a_wait_begun_after_its_client_left_ends_at_once() -> None:
    """Whoever was released is not held again."""
    waits = Waiting(cast(Any, None), cast(Any, None), most=0)
    task = asyncio.current_task()
    assert task
    waits.release(task)
    async with asyncio.timeout(0.9):
        assert await waits.until("dec_1", 60, lambda _: False) is None


@pytest.fixture(scope="module")
async def bounded(
    dev_server: DevServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningService]:
    """An API as operators start it."""
    running = RunningService(
        dev_server.address, tmp_path_factory.mktemp("bounded"), UVICORN_HTTP=BOUNDED
    )
    try:
        await running.start_api()
        yield running
    finally:
        running.stop()


def test_every_way_to_start_the_api_has_the_bound() -> None:
    """The one command, the compose file and the image."""
    plan = Plan(Settings(), read_ports({}))
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    image = (ROOT / "Dockerfile").read_text().replace("\\\n", "")
    [started] = re.findall(r"^CMD (\[.*uvicorn.*\])$", image, re.MULTILINE)
    commands = [plan.api_command(), compose["services"]["api"]["command"], json.loads(started)]
    for command in commands:
        assert command[command.index("--http") + 1] == BOUNDED


HEADS = {
    "a request line": (b"GET /", b"a" * 65_536),
    "one header": (b"GET /healthz HTTP/1.1\r\nX-Long: ", b"a" * 65_536),
    "many headers": (b"GET /healthz HTTP/1.1\r\n", b"X-Many: y\r\n" * 6_000),
    "trailers": (
        b"POST /decisions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        b"X-Many: y\r\n" * 6_000,
    ),
}


@pytest.mark.parametrize("kind", HEADS)
async def test_a_head_without_an_end_is_not_read_to_its_end(
    bounded: RunningService, kind: str
) -> None:
    """The connection is closed after a small part of it, so that no memory can be taken."""
    begin, more = HEADS[kind]
    connection = await Connection.to(bounded)
    sent = 0
    with suppress(ConnectionError):
        await connection.send(begin)
        while sent < ENDLESS:
            await connection.send(more)
            sent += len(more)
    await connection.close()
    assert sent < ENDLESS / 2
    assert await bounded.answers("/healthz")


@pytest.mark.parametrize("size", [MAX_HEAD + 1, 150_000, 1_000_000])
async def test_a_head_beyond_the_bound_is_refused(bounded: RunningService, size: int) -> None:
    """431 or a closed connection, for a header and for a request line."""
    for head in (
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * size + b"\r\n\r\n",
        b"GET /healthz?" + b"a" * size + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ):
        connection = await Connection.to(bounded)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await connection.send(head)
            assert await connection.status() == 431
        await connection.ends()
        await connection.close()


async def test_what_is_within_the_bound_is_taken(bounded: RunningService) -> None:
    """Long heads, and a body that is larger than any head, also in small pieces, one request after
    the other on one connection."""
    body = json.dumps(question(context="x" * 90_000)).encode()

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 500):
            yield body[start : start + 500]

    async with web.client(base_url=bounded.base_url, headers=bounded.headers, timeout=30) as client:
        for _ in range(3):
            long = await client.get("/healthz", headers={"X-Long": "a" * (MAX_HEAD - 1_000)})
            assert long.status_code == 200
            for content in (body, pieces()):
                answer = await client.post(
                    "/decisions", content=content, headers={"Content-Type": "application/json"}
                )
                assert answer.status_code == 201, answer.text


async def test_slow_clients_slow_nobody_down(bounded: RunningService) -> None:
    """A hundred that send a byte now and then, of a head or of a body, while others are served."""
    head = request_of(bounded, "POST", "/decisions", question())
    async with AsyncExitStack() as stack:
        slow = [await Connection.to(bounded) for _ in range(SLOW_CLIENTS)]
        for connection in slow:
            stack.push_async_callback(connection.close)

        async def trickle(connection: Connection, begun: int) -> None:
            await connection.send(head[:begun])
            for byte in head[begun:-1]:
                await connection.send(bytes([byte]))
                await asyncio.sleep(0.1)

        tasks = [
            asyncio.create_task(trickle(each, 10 if number % 2 else len(head) - 50))
            for number, each in enumerate(slow)
        ]
        for task in tasks:
            stack.callback(task.cancel)
        async with web.client(base_url=bounded.base_url, timeout=30) as client:
            took = []
            for _ in range(40):
                start = time.monotonic()
                answer = await client.post("/decisions", json=question(), headers=bounded.headers)
                took.append(time.monotonic() - start)
                assert answer.status_code == 201
        assert sorted(took)[20] < 1
        assert not any(task.done() and task.exception() for task in tasks)


async def test_no_method_that_a_path_does_not_have(agent: Agent) -> None:
    """Over all paths of the OpenAPI document: 405 as a problem document, and `Allow` names just
    those that the path has. What is no method of HTTP at all does not get that far."""
    document = (await agent.http.get("/openapi.json")).json()
    for path, operations in document["paths"].items():
        there = {method.upper() for method in operations}
        for method in METHODS - there:
            answer = await agent.http.request(method, re.sub(r"\{\w+\}", "x", path))
            assert answer.status_code == 405, (method, path)
            assert answer.headers["Content-Type"] == PROBLEM
            assert answer.json()["code"] == "method_not_allowed"
            assert set(answer.headers["Allow"].split(", ")) == there, path
    assert (await agent.http.request("BREW", "/decisions")).status_code == 400
