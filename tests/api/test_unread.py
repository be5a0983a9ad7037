"""What is in the history is taken, whether or not it can be read back: every way in says so, and
says that nobody knows where nobody does.

No worker runs while something is sent. What comes of it is looked at when there is one again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from temporalio.client import Client

from links import SlackLink
from store.keys import AGENT_SCOPES, RESOLVE
from templates import blocks
from tests.api.agent import Agent, in_store, someone
from tests.api.asked import Asked
from tests.api.codes import CRITICAL
from tests.api.inboxes import Inbox, link_keys, page_url
from tests.api.systems import System
from tests.dev_server import DevServer
from tests.line import READ, SIGNAL, Line
from tests.service import RunningService
from tests.slack_server import SIGNING_SECRET, TOKEN, Message, SlackServer
from tests.slack_user import SlackUser
from tests.support import eventually

Sending = Callable[[], Awaitable[httpx2.Response]]


@dataclass
class Door:
    """One way in to a pending decision. `received` and `unknown` are what it says, `after` what the
    decision is in the end."""

    decision: str
    send: Sending
    received: tuple[int, str]
    unknown: tuple[int, str]
    after: Callable[[dict[str, Any]], bool]


def is_approved(decision: dict[str, Any]) -> bool:
    return decision["approved"] and decision["proof"]


class Place:
    """A service, its people, and the line between it and Temporal."""

    def __init__(self, service: RunningService, line: Line, slack: SlackServer) -> None:
        self.service = service
        self.line = line
        self.slack = slack
        self.people: dict[str, SlackUser] = {}

    async def page(self, agent: Agent) -> Door:
        asked = await self._asked(agent)
        received = (202, "Your answer is received")
        unknown = (503, "It is not known whether your answer was recorded")
        send = lambda: asked.send(choice="approve")  # noqa: E731
        return Door(asked.decision, send, received, unknown, is_approved)

    async def code(self, agent: Agent) -> Door:
        asked = await self._asked(agent, **CRITICAL)
        unknown = (503, "It is not known whether a code was mailed")
        send = lambda: asked.send(choice="approve")  # noqa: E731
        is_mailed = lambda decision: any(  # noqa: E731
            (each["message"], each["result"]) == ("code", "sent")
            for each in decision["notifications"]
        )
        return Door(asked.decision, send, (200, 'name="code"'), unknown, is_mailed)

    async def inbox(self, agent: Agent) -> Door:
        decision = (await agent.ask(approver=(approver := someone())))["id"]
        inbox = await Inbox.with_all(self.service, approver, decision)
        send = lambda: inbox.send({decision: "approve"})  # noqa: E731
        return Door(decision, send, (200, "Received"), (503, "Perhaps recorded"), is_approved)

    async def system(self, agent: Agent) -> Door:
        system = await System.asked_by(agent)
        digest = (await system.read())["digest"]
        send = lambda: system.answer("approve", digest=digest)  # noqa: E731
        return Door(system.decision, send, (202, "pending"), UNCONFIRMED, is_approved)

    async def pressed(self, agent: Agent) -> Door:
        """In Slack."""
        system = await System.asked_by(agent)
        shown = (await system.read())["digest"]
        person = SlackUser(self.slack, self.service, system.approver)
        self.people[system.decision] = person
        user = person.user
        link = SlackLink(system.decision, system.approver, shown, user.team_id, user.id)
        button = blocks.button("approve", "Approve", link_keys(self.service).mint_slack(link))
        message = Message(user.conversation, "1.2", {"blocks": [blocks.actions([button])]})
        send = lambda: person.press(message, "approve")  # noqa: E731
        return Door(system.decision, send, (200, ""), (200, ""), is_approved)

    async def resolved(self, agent: Agent, resolver: Agent) -> Door:
        decision = (await agent.ask())["id"]
        send = lambda: resolver.resolve(decision, "approve")  # noqa: E731
        return Door(decision, send, (202, "pending"), UNCONFIRMED, is_approved)

    async def cancelled(self, agent: Agent) -> Door:
        decision = (await agent.ask())["id"]
        is_cancelled = lambda told: told["status"] == "cancelled"  # noqa: E731
        send = lambda: agent.cancel(decision)  # noqa: E731
        return Door(decision, send, (202, "pending"), UNCONFIRMED, is_cancelled)

    async def extended(self, agent: Agent) -> Door:
        asked = await agent.ask()
        until = asked["expires_at"]
        is_longer = lambda told: told["expires_at"] > until  # noqa: E731
        send = lambda: agent.extend(asked["id"], 600)  # noqa: E731
        return Door(asked["id"], send, (202, until), UNCONFIRMED, is_longer)

    async def attached(self, agent: Agent) -> Door:
        decision = (await agent.ask())["id"]
        path = f"/decisions/{decision}/attachments"
        send = lambda: agent.http.post(path, files={"file": ("a.txt", b"hello")})  # noqa: E731
        has_file = lambda told: len(told["attachments"]) == 1  # noqa: E731
        return Door(decision, send, (202, '"attachments":[]'), UNCONFIRMED, has_file)

    async def doors(self, agent: Agent, resolver: Agent) -> list[Door]:
        """All ways in, each to a decision of its own."""
        ways = (
            *(self.page(agent), self.code(agent), self.inbox(agent), self.system(agent)),
            *(self.pressed(agent), self.resolved(agent, resolver), self.cancelled(agent)),
            *(self.extended(agent), self.attached(agent)),
        )
        return list(await asyncio.gather(*ways))

    async def send(self, doors: list[Door], *, losing: bool) -> asyncio.Future[Any]:
        """Send something through each, and cut the line when all of it is in the histories: when
        their answers have come, or, `losing` them, before."""
        self.line.keep_back()
        sending = asyncio.gather(*(door.send() for door in doors))
        await self.line.has_answers(READ, len(doors))  # what each decision is
        self.line.pass_on()
        await self.line.has_answers(SIGNAL, len(doors))
        await self.line.cut(losing=losing)
        return sending

    async def whispered(self, door: Door, words: str) -> None:
        user = self.people[door.decision].user.id
        await eventually(
            lambda: [
                each
                for each in self.slack.whispers
                if each["user"] == user and words in json.dumps(each)
            ]
        )

    async def _asked(self, agent: Agent, **fields: Any) -> Asked:
        approver = someone()
        decision = (await agent.ask(approver=approver, **fields))["id"]
        link = page_url(self.service, approver, decision)
        return Asked(agent, decision, approver, link, (await agent.http.get(link)).text)


UNCONFIRMED = (503, '"unconfirmed"')


@pytest.fixture(scope="module")
def slack() -> Iterator[SlackServer]:
    server = SlackServer()
    yield server
    server.stop()


@pytest.fixture(scope="module")
async def place(
    dev_server: DevServer, slack: SlackServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Place]:
    line = Line(dev_server.address)
    await line.mend()
    folder: Path = tmp_path_factory.mktemp("unread")
    settings = {
        "HANDOVER_SLACK_BOT_TOKEN": TOKEN,
        "HANDOVER_SLACK_SIGNING_SECRET": SIGNING_SECRET,
        "HANDOVER_SLACK_API_URL": slack.url,
    }
    service = RunningService(line.address, folder, **settings)
    await service.start_api()
    yield Place(service, line, slack)
    service.stop()
    await line.cut(losing=True)


@pytest.fixture
async def agent(place: Place) -> AsyncIterator[Agent]:
    async with Agent.of(place.service) as agent:
        yield agent


@pytest.fixture
async def resolver(place: Place) -> AsyncIterator[Agent]:
    async with await Agent.with_new_key(place.service, scopes=AGENT_SCOPES | {RESOLVE}) as resolver:
        yield resolver


async def signals(temporal: Client, decision: str) -> int:
    events = temporal.get_workflow_handle(decision).fetch_history_events()
    kinds = [
        event.HasField("workflow_execution_signaled_event_attributes") async for event in events
    ]
    return sum(kinds)


async def come_true(place: Place, agent: Agent, temporal: Client, doors: list[Door]) -> None:
    """With a worker, each has had its effect, once."""
    place.service.start_worker()
    try:
        for door in doors:
            assert await signals(temporal, door.decision) == 1

            async def is_so(door: Door = door) -> bool:
                return door.after(await agent.get(door.decision))

            await eventually(is_so)
    finally:
        await asyncio.to_thread(place.service.end, "worker")


async def test_what_was_taken_is_received(
    place: Place, agent: Agent, resolver: Agent, temporal: Client
) -> None:
    """Temporal is away as soon as it has the signal: with what was known before, received it is."""
    doors = await place.doors(agent, resolver)
    answers = await (await place.send(doors, losing=False))
    await place.whispered(doors[4], "Your answer is received")
    await place.line.mend()
    told = [(answer.status_code, answer.text) for answer in answers]
    for door, (status, text) in zip(doors, told, strict=True):
        assert (status, door.received[1] in text) == (door.received[0], True), (door, text)
        assert "othing was recorded" not in text
    assert in_store(place.service, "SELECT reason FROM refused_responses") == []
    await come_true(place, agent, temporal, doors)


async def test_what_nobody_knows_is_said_to_be_unknown(
    place: Place, agent: Agent, resolver: Agent, temporal: Client
) -> None:
    """The line breaks before Temporal's answer comes: it may count, and here it does."""
    doors = await place.doors(agent, resolver)
    answers = await (await place.send(doors, losing=True))
    await place.whispered(doors[4], "It is not known whether your answer was recorded")
    await place.line.mend()
    for door, answer in zip(doors, answers, strict=True):
        told = (answer.status_code, door.unknown[1] in answer.text)
        assert told == (door.unknown[0], True), (door, answer.text)
        assert "othing was recorded" not in answer.text
        assert answer.status_code == 200 or "Retry-After" in answer.headers
    await come_true(place, agent, temporal, doors)


async def test_what_is_sent_anew_counts_once(
    place: Place, agent: Agent, resolver: Agent, temporal: Client
) -> None:
    """The line breaks and is there again: the same signal is sent again, and is one."""
    doors = [await place.page(agent), await place.cancelled(agent)]
    sending = await place.send(doors, losing=True)
    await place.line.mend()
    for door, answer in zip(doors, await sending, strict=True):
        told = (answer.status_code, door.received[1] in answer.text)
        assert told == (door.received[0], True), answer.text
    await come_true(place, agent, temporal, doors)
