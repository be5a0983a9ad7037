"""A thousand messages, and a worker that is killed while they go out."""

from __future__ import annotations

import asyncio
import email
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiosmtpd.smtp
from aiosmtpd.controller import Controller

from tests import web
from tests.dev_server import DevServer
from tests.service import RunningService
from tests.support import eventually, free_port
from tests.volume import volume

MESSAGES = volume(1000, 200)
KILLED_AT = (MESSAGES * 15 // 100, MESSAGES * 40 // 100, MESSAGES * 70 // 100)
"""So many have arrived when the worker is killed once more."""

AT_ONCE = 20
MOST_DUPLICATES = 10
"""For three kills, however many messages there are: a kill repeats what was under way."""


class Mailboxes:
    """A mail server: how often each message has come to whom."""

    def __init__(self) -> None:
        self.mails = Counter[tuple[str, str]]()

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: object, session: object, envelope: aiosmtpd.smtp.Envelope
    ) -> str:
        assert isinstance(envelope.content, bytes)
        message_id = email.message_from_bytes(envelope.content)["Message-ID"]
        self.mails[envelope.rcpt_tos[0], message_id] += 1
        return "250 taken"

    @property
    def repeated(self) -> int:
        return self.mails.total() - len(self.mails)


@asynccontextmanager
async def mail_server() -> AsyncIterator[tuple[Mailboxes, int]]:
    mailboxes = Mailboxes()
    controller = Controller(mailboxes, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield mailboxes, controller.port
    controller.stop()


async def test_all_arrive_though_the_worker_is_killed_three_times(
    dev_server: DevServer, tmp_path: Path
) -> None:
    """Each approver is asked, and of a thousand at most one in a hundred twice; every decision says
    that its message was sent, and the store has the provider's id of each."""
    async with mail_server() as (mailboxes, port):
        service = RunningService(
            dev_server.address,
            tmp_path,
            HANDOVER_SMTP_HOST="127.0.0.1",
            HANDOVER_SMTP_PORT=str(port),
            HANDOVER_SMTP_TLS="none",
        )
        try:
            await service.start()
            async with asyncio.TaskGroup() as group:
                asking = group.create_task(ask_all(service))
                group.create_task(kill_while_they_go_out(service, mailboxes))
            await eventually(lambda: len(mailboxes.mails) == MESSAGES, timeout=120)
            unsent = set(asking.result())
            await eventually(lambda: all_sent(service, unsent), timeout=60)
            assert await noted(service) == MESSAGES
        finally:
            service.stop()
    assert {to for to, _ in mailboxes.mails} == {approver(n) for n in range(MESSAGES)}
    assert mailboxes.repeated <= MOST_DUPLICATES


def approver(number: int) -> str:
    return f"approver-{number}@example.com"


async def ask_all(service: RunningService) -> list[str]:
    """The ids of the decisions, each with an approver of its own."""
    gate = asyncio.Semaphore(AT_ONCE)
    async with web.client(headers=service.headers, timeout=60) as agent:

        async def ask(number: int) -> str:
            body = {"action": f"Refund {number}", "approver": approver(number)}
            async with gate:
                answer = await agent.post(f"{service.base_url}/decisions", json=body)
            return answer.raise_for_status().json()["id"]

        return await asyncio.gather(*map(ask, range(MESSAGES)))


async def kill_while_they_go_out(service: RunningService, mailboxes: Mailboxes) -> None:
    for arrived in KILLED_AT:
        await eventually(lambda count=arrived: len(mailboxes.mails) >= count, timeout=120)
        service.kill("worker")
        service.start_worker()


async def noted(service: RunningService) -> float:
    """How many messages the store knows to be sent."""
    async with web.client(timeout=30) as operator:
        metrics = (await operator.get(f"{service.base_url}/metrics")).text
    lines = [line for line in metrics.splitlines() if 'result="sent"' in line]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


async def all_sent(service: RunningService, unsent: set[str]) -> bool:
    """Whether every decision has said of its one message that it was sent; those that have are
    taken from the set, and not asked again."""
    gate = asyncio.Semaphore(AT_ONCE)
    async with web.client(headers=service.headers, timeout=60) as agent:

        async def look(decision_id: str) -> None:
            async with gate:
                answer = await agent.get(f"{service.base_url}/decisions/{decision_id}")
            told = answer.raise_for_status().json()["notifications"]
            if [each["result"] for each in told] == ["sent"]:
                unsent.discard(decision_id)

        await asyncio.gather(*map(look, list(unsent)))
    return not unsent
