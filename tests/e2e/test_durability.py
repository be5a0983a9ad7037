"""Whatever is killed, and whenever: no click is lost, and the agent gets the right answer."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import aiosmtpd.smtp
import httpx2
import pytest
from aiosmtpd.controller import Controller

from handover import AsyncHandoverClient, Decision, Status
from tests import web
from tests.approver import Form, answer_link, mails, newest_mail, press
from tests.dev_server import DevServer
from tests.service import RunningService
from tests.support import eventually, free_port


class Agent:
    """An agent that asks one question and waits for its answer, as the SDK does it."""

    def __init__(self, service: RunningService) -> None:
        self._service = service
        self.approver = f"{secrets.token_hex(6)}@example.com"
        self._client = AsyncHandoverClient(service.api_key, service.base_url, retry_for=120)
        self.answer: asyncio.Task[Decision] = asyncio.create_task(self._ask())

    async def link(self) -> str:
        return answer_link(await newest_mail(self._service, self.approver))

    async def told(self) -> Decision:
        return await asyncio.wait_for(self.answer, timeout=90)

    async def _ask(self) -> Decision:
        async with self._client as client:
            return await client.decisions.create(action="Refund", approver=self.approver)


@pytest.fixture
async def agent(own_service: RunningService) -> AsyncIterator[Agent]:
    asking = Agent(own_service)
    yield asking
    asking.answer.cancel()


async def test_worker_killed_before_the_click(own_service: RunningService, agent: Agent) -> None:
    """The click is in Temporal's history at once; the page says received and claims no more."""
    link = await agent.link()
    own_service.kill("worker")
    page = await press(link, "approve")
    assert page.status_code == httpx2.codes.ACCEPTED
    assert "received" in page.text
    assert not agent.answer.done()
    own_service.start_worker()
    assert (await agent.told()).approved
    async with web.client() as browser:
        assert "Approved by" in (await browser.get(link)).text


async def test_worker_killed_after_the_click(own_service: RunningService, agent: Agent) -> None:
    """Settled is settled: the agent has its answer, and the next worker sends what is left."""
    page = await press(await agent.link(), "deny", notes="not today")
    own_service.kill("worker")
    decision = await agent.told()
    assert (decision.status, decision.response_notes) == (Status.DENIED, "not today")
    assert "recorded" in page.text
    own_service.start_worker("second worker")
    # Temporal gives the receipt to it when the time of the killed one's attempt is over.
    await eventually(lambda: mails(own_service, agent.approver, "Receipt"), timeout=120)


async def test_api_killed_while_the_agent_waits(own_service: RunningService, agent: Agent) -> None:
    """The agent's request dies with it, and the SDK asks the next one, for the same decision."""
    link = await agent.link()
    own_service.kill("api")
    await own_service.start_api()
    page = await press(link, "approve")
    assert page.status_code == httpx2.codes.OK
    assert (await agent.told()).approved


class HoldingSmtp:
    """A mail server that keeps a client waiting until it is let go."""

    def __init__(self) -> None:
        self.connected = asyncio.Event()
        self.accepting = False
        self.received: list[str] = []
        self._loop = asyncio.get_running_loop()

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: object, session: object, envelope: aiosmtpd.smtp.Envelope
    ) -> str:
        self._loop.call_soon_threadsafe(self.connected.set)
        await eventually(lambda: self.accepting, timeout=120)
        content = envelope.content
        self.received.append(content.decode() if isinstance(content, bytes) else str(content))
        return "250 taken"


async def test_worker_killed_during_the_notification(dev_server: DevServer, tmp_path: Path) -> None:
    """The next worker sends the message that the first one was sending."""
    smtp = HoldingSmtp()
    server = Controller(smtp, hostname="127.0.0.1", port=free_port())
    server.start()
    service = RunningService(
        dev_server.address,
        tmp_path,
        HANDOVER_SMTP_HOST="127.0.0.1",
        HANDOVER_SMTP_PORT=str(server.port),
        HANDOVER_SMTP_TLS="none",
    )
    try:
        await service.start()
        agent = Agent(service)
        await asyncio.wait_for(smtp.connected.wait(), 30)
        service.kill("worker")
        smtp.accepting = True
        service.start_worker()
        # Temporal starts the attempt again when the killed one's time is over.
        await eventually(lambda: smtp.received, timeout=120)
        agent.answer.cancel()
    finally:
        service.stop()
        server.stop()
    assert agent.approver in smtp.received[0]


async def test_temporal_stopped_and_started_again(dev_server_program: Path, tmp_path: Path) -> None:
    """Pending decisions, their deadlines and the agents who wait come through it."""
    (tmp_path / "temporal").mkdir()
    temporal = DevServer(dev_server_program, tmp_path / "temporal")
    await temporal.start()
    service = RunningService(temporal.address, tmp_path)
    try:
        await service.start()
        agents = [Agent(service) for _ in range(3)]
        links = [await agent.link() for agent in agents]
        async with web.client(timeout=20) as browser:
            form = Form.of((await browser.get(links[0])).text).fields
            temporal.stop()
            away = await browser.post(links[0], data={**form, "choice": "approve"})
        assert away.status_code == httpx2.codes.SERVICE_UNAVAILABLE
        assert "Retry-After" in away.headers
        await temporal.start()
        await eventually(lambda: service.answers("/readyz"), timeout=60)
        for link, choice in zip(links, ("approve", "deny", "approve"), strict=True):
            await press_until_taken(link, choice)
        told = [(await agent.told()).status for agent in agents]
    finally:
        service.stop()
        temporal.stop()
    assert told == [Status.APPROVED, Status.DENIED, Status.APPROVED]


async def press_until_taken(link: str, choice: str) -> None:
    """As a person does who is told to try again."""

    async def taken() -> bool:
        return (await press(link, choice)).status_code in (200, 202)

    await eventually(taken, timeout=60)


async def test_two_of_everything_side_by_side(own_service: RunningService) -> None:
    """A click at one API answers an agent who waits at the other; either worker does the work."""
    own_service.start_worker("second worker")
    second = free_port()
    await own_service.start_api("second api", second)
    agent = Agent(own_service)
    link = await agent.link()
    page = await press(link.replace(str(own_service.port), str(second)), "approve")
    assert page.status_code == httpx2.codes.OK
    assert (await agent.told()).approved
    own_service.kill("worker")
    another = Agent(own_service)
    await press(await another.link(), "deny")
    assert (await another.told()).status == Status.DENIED
