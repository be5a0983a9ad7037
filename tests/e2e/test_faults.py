"""What goes wrong around the service: no click is lost, none is counted wrongly, and an operator
reads what it is."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import aiosmtpd.smtp
import httpx2
import pytest
from aiosmtpd.controller import Controller

from tests.api.agent import Agent, question, someone
from tests.api.asked import Asked
from tests.approver import answer_link, mails, newest_mail
from tests.dev_server import DevServer
from tests.service import RunningService
from tests.support import eventually, free_port
from tests.volume import volume

PEOPLE = volume(200, 24)


@asynccontextmanager
async def running(temporal: str, folder: Path, **settings: str) -> AsyncIterator[Agent]:
    """A service of its own, and an agent of it."""
    service = RunningService(temporal, folder, **settings)
    await service.start()
    try:
        async with Agent.of(service) as agent:
            yield agent
    finally:
        service.stop()


async def checks(agent: Agent) -> dict[str, str]:
    return (await agent.http.get("/readyz")).json()["checks"]


@dataclass
class Press:
    """One person's first press of a button, and what they were told."""

    asked: Asked
    choice: str
    status: int = 0
    page: str = ""

    async def send(self) -> None:
        answer = await self.asked.send(choice=self.choice)
        self.status, self.page = answer.status_code, answer.text

    @property
    def told(self) -> str:
        """`taken`, `unknown`, or `nothing` where the page says that nothing was recorded."""
        if self.status in (200, 202):
            return "taken"
        assert self.status == httpx2.codes.SERVICE_UNAVAILABLE, (self.status, self.page)
        return "unknown" if "It is not known whether" in self.page else "nothing"

    async def counted(self, agent: Agent) -> str:
        """What the service says was decided, as soon as it is known; `pending` where nothing is."""
        return (await agent.get(self.asked.decision))["status"]


@dataclass
class Stopped:
    """A service whose worker is stopped, and a decision that was asked before."""

    agent: Agent
    asked: Asked

    def go_on(self) -> None:
        os.kill(self.agent.service.pid("worker"), signal.SIGCONT)


@pytest.fixture(scope="module")
async def stopped(
    dev_server: DevServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stopped]:
    """From the first test on: it takes 75 seconds until an operator reads of it."""
    async with running(dev_server.address, tmp_path_factory.mktemp("stopped")) as agent:
        stopped = Stopped(agent, await Asked.by(agent))
        os.kill(agent.service.pid("worker"), signal.SIGSTOP)
        try:
            yield stopped
        finally:
            stopped.go_on()


async def test_a_click_while_the_worker_is_stopped(stopped: Stopped) -> None:
    """It is received, and no more is claimed."""
    press = Press(stopped.asked, "approve")
    await press.send()
    assert (press.status, "received" in press.page) == (202, True)
    assert await press.counted(stopped.agent) == "pending"


OUTCOMES = {"approve": "approved", "deny": "denied"}


async def test_temporal_is_killed_with_clicks_in_flight(
    dev_server_program: Path, tmp_path: Path
) -> None:
    """What was said of each press is true: what was taken counts, as it was pressed, and of what
    was not recorded nothing is; who is asked to press again can."""
    (tmp_path / "temporal").mkdir()
    temporal = DevServer(dev_server_program, tmp_path / "temporal")
    await temporal.start()
    try:
        async with running(temporal.address, tmp_path) as agent:
            asked = await asyncio.gather(*(Asked.by(agent) for _ in range(PEOPLE)))
            presses = [Press(each, ("approve", "deny")[i % 2]) for i, each in enumerate(asked)]
            sending = [asyncio.create_task(each.send()) for each in presses]
            await eventually(lambda: sum(each.done() for each in sending) >= PEOPLE // 4)
            temporal.kill()
            await asyncio.gather(*sending)
            assert "Temporal" in (await checks(agent))["temporal"]
            await temporal.start()
            await eventually(lambda: agent.service.answers("/readyz"), timeout=120)
            for press in presses:
                if press.told == "taken":
                    await eventually(lambda p=press: is_settled(agent, p), timeout=60)
            assert sum(press.told == "taken" for press in presses) >= PEOPLE // 4
            for press in [each for each in presses if each.told == "nothing"]:
                assert await press.counted(agent) == "pending"
            for press in presses:
                if await press.counted(agent) == "pending":
                    press.asked = await press.asked.opened_again()
                    await press.send()
                    assert press.told == "taken"
                await eventually(lambda p=press: is_settled(agent, p), timeout=60)
    finally:
        temporal.stop()


async def is_settled(agent: Agent, press: Press) -> bool:
    """Whether it came to what was pressed, by one answer. Raises where it came to anything else."""
    status = await press.counted(agent)
    assert status in ("pending", OUTCOMES[press.choice])
    return status != "pending"


@contextmanager
def full_disk(*processes: int) -> Iterator[None]:
    """Whatever these processes write to a file fails, as on a disk that is full."""
    limits = [resource.prlimit(each, resource.RLIMIT_FSIZE) for each in processes]
    for each, (_, hard) in zip(processes, limits, strict=True):
        resource.prlimit(each, resource.RLIMIT_FSIZE, (0, hard))
    yield
    for each, limit in zip(processes, limits, strict=True):
        resource.prlimit(each, resource.RLIMIT_FSIZE, limit)


async def test_a_full_disk(dev_server: DevServer, tmp_path: Path) -> None:
    """Clicks count all the same. What could not be kept was not asked, and its agent is told so;
    what could be is mailed once there is room, whole."""
    async with running(dev_server.address, tmp_path) as agent:
        service = agent.service
        asked = await Asked.by(agent)
        small, large = someone(), someone()
        too_large_for_temporal = question(approver=large, payload={"text": "x" * 100_000})
        with full_disk(*map(service.pid, ("api", "worker"))):
            refused = await agent.post(too_large_for_temporal)
            assert refused.status_code == httpx2.codes.SERVICE_UNAVAILABLE, refused.text
            assert "Retry-After" in refused.headers
            taken = await agent.ask(approver=small)
            press = Press(asked, "approve")
            await press.send()
            assert press.told == "taken"
            await eventually(lambda: is_settled(agent, press))
            await eventually(lambda: is_tried_again(agent, taken["id"]))
            assert mails(service, small) == []
            assert await listed(agent, large) == []
        assert (await agent.post(too_large_for_temporal)).status_code == httpx2.codes.CREATED
        for approver in (small, large):
            assert "/d/" in answer_link(await newest_mail(service, approver))
        assert await press.counted(agent) == "approved"
        assert all(path.stat().st_size for path in service.outbox.iterdir())


async def is_tried_again(agent: Agent, decision: str) -> bool:
    """Whether a message of it is under way, as far as the decision says."""
    return bool((await agent.get(decision))["notifications"])


class Silent:
    """A mail server that accepts connections and says nothing, until it is another."""

    def __init__(self) -> None:
        self.port = free_port()
        self.received: list[bytes] = []

    async def __aenter__(self) -> Self:
        self._silent = await asyncio.start_server(self._hang, "127.0.0.1", self.port)
        return self

    async def recover(self) -> None:
        self._silent.close()
        self._speaking = Controller(self, hostname="127.0.0.1", port=self.port)
        self._speaking.start()

    async def __aexit__(self, *error: object) -> None:
        self._silent.close()
        self._speaking.stop()

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: object, session: object, envelope: aiosmtpd.smtp.Envelope
    ) -> str:
        assert isinstance(envelope.content, bytes)
        self.received.append(envelope.content)
        return "250 taken"

    async def _hang(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()


async def test_a_mail_server_that_accepts_and_hangs(dev_server: DevServer, tmp_path: Path) -> None:
    """Operator and agent read that nothing can be mailed, and why; once it speaks the question is
    mailed."""
    async with Silent() as smtp:
        told = {"HOST": "127.0.0.1", "PORT": str(smtp.port), "TLS": "none"}
        settings = {f"HANDOVER_SMTP_{name}": value for name, value in told.items()}
        async with running(dev_server.address, tmp_path, **settings) as agent:
            ready = (await agent.http.get("/readyz")).json()
            assert ready["status"] == "degraded"
            assert "There was no answer within" in ready["checks"]["channels"]
            assert "nothing can be sent by email" in agent.service.log("worker")
            asked = await agent.ask()
            reason = await eventually(lambda: why_untold(agent, asked["id"]), timeout=90)
            assert "imed out" in reason
            await smtp.recover()
            await eventually(lambda: smtp.received, timeout=120)
            assert asked["approver"].encode() in smtp.received[0]


async def why_untold(agent: Agent, decision: str) -> str | None:
    told = (await agent.get(decision))["notifications"]
    return told[0]["reason"] if told else None


async def listed(agent: Agent, approver: str) -> list[dict[str, Any]]:
    answer = await agent.http.get("/decisions", params={"approver": approver})
    assert answer.status_code == httpx2.codes.OK, answer.text
    return answer.json()["decisions"]


async def test_a_worker_that_is_stopped_for_a_while(stopped: Stopped) -> None:
    """Until an operator reads that no worker polls: clicks are received meanwhile, questions taken;
    once it goes on, the clicks count and people are asked."""
    agent, press, second = stopped.agent, Press(stopped.asked, "approve"), someone()
    await press.send()
    assert (press.status, "received" in press.page) == (202, True)
    await agent.ask(approver=second)
    unready = await eventually(lambda: no_worker(agent), timeout=150)
    assert "nobody is asked" in unready
    assert await press.counted(agent) == "pending"
    stopped.go_on()
    await eventually(lambda: is_settled(agent, press), timeout=60)
    await newest_mail(agent.service, second)
    await eventually(lambda: agent.service.answers("/readyz"), timeout=60)


async def no_worker(agent: Agent) -> str:
    told = (await checks(agent))["worker"]
    return "" if told == "ok" else told
