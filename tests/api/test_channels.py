"""Several channels, at once or one after the other: SendGrid, Slack and an approver's own system,
each as strict as its documentation, and the running service between them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from store.keys import ADMIN
from tests.activities.sendgrid_events import EventWebhook, event
from tests.activities.sendgrid_server import API_KEY, SendGridServer
from tests.api.agent import Agent, someone
from tests.api.systems import Reached
from tests.approver import press
from tests.dev_server import DevServer
from tests.receiver import say
from tests.service import RunningService
from tests.slack_server import SIGNING_SECRET, TOKEN, SlackServer, refusal
from tests.slack_user import SlackUser
from tests.support import eventually

OPERATOR = "ops@example.com"
ALL = ["email", "slack", "webhook"]


@dataclass
class Providers:
    mail: SendGridServer
    slack: SlackServer
    events: EventWebhook

    def settings(self) -> dict[str, str]:
        return {
            "HANDOVER_SENDGRID_API_KEY": API_KEY,
            "HANDOVER_SENDGRID_HOST": self.mail.url,
            "HANDOVER_SENDGRID_EVENT_KEY": self.events.public_key,
            "HANDOVER_EMAIL_FROM": "Handover <handover@mail.example.com>",
            "HANDOVER_OPERATOR_EMAIL": OPERATOR,
            "HANDOVER_SLACK_BOT_TOKEN": TOKEN,
            "HANDOVER_SLACK_SIGNING_SECRET": SIGNING_SECRET,
            "HANDOVER_SLACK_API_URL": self.slack.url,
            "HANDOVER_OUTGOING_EXCEPTIONS": "127.0.0.0/8",
        }

    def mails(self, to: str) -> list[tuple[str, dict[str, Any]]]:
        """What SendGrid took for this address, oldest first, each with the id that it gave it."""
        return [
            (f"sg-{number}", mail)
            for number, mail in enumerate(self.mail.mails, start=1)
            if mail["personalizations"][0]["to"][0]["email"] == to
        ]


@pytest.fixture(scope="module")
def providers() -> Iterator[Providers]:
    providers = Providers(SendGridServer(), SlackServer(), EventWebhook())
    yield providers
    providers.mail.stop()
    providers.slack.stop()


@pytest.fixture(scope="module")
async def reaching(
    dev_server: DevServer, providers: Providers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningService]:
    """A service that has all channels."""
    folder = tmp_path_factory.mktemp("channels")
    running = RunningService(dev_server.address, folder, **providers.settings())
    await running.start()
    yield running
    running.stop()


@pytest.fixture
async def bot(reaching: RunningService) -> AsyncIterator[Agent]:
    async with Agent.of(reaching) as agent:
        yield agent


@pytest.fixture
async def admin(reaching: RunningService) -> AsyncIterator[Agent]:
    async with await Agent.with_new_key(reaching, scopes=frozenset({ADMIN})) as admin:
        yield admin


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


class Person:
    """Somebody with a mailbox, an account in Slack and a system of their own."""

    def __init__(self, providers: Providers, service: RunningService, system: Reached) -> None:
        self.providers = providers
        self.address = system.address
        self.system = system
        self.slack = SlackUser(providers.slack, service, system.address)

    @classmethod
    async def new(
        cls, name: str, providers: Providers, admin: Agent, stack: AsyncExitStack
    ) -> Person:
        return cls(providers, admin.service, await Reached.by(admin, stack, name))

    async def asked_everywhere(self) -> None:
        await self.mail(1)
        await self.slack.question()
        await eventually(self.system.events)

    async def mail(self, number: int) -> dict[str, Any]:
        """The mail to them that comes as this one."""
        mails = await eventually(lambda: self.providers.mails(self.address)[number - 1 :])
        return mails[0][1]

    async def by_mail(self) -> None:
        assert (await press(link_in(await self.mail(1)), "approve")).status_code == 200

    async def by_slack(self) -> None:
        await self.slack.press(await self.slack.question(), "approve")

    async def by_system(self) -> None:
        assert (await self.system.answer("approve")).status_code == 200

    async def sees_outcome_in_slack(self) -> None:
        message = await self.slack.question()
        await eventually(lambda: "Approved by" in message.shown)
        assert set(message.buttons()) == {"open"}


Ask = Callable[[str], Awaitable[Person]]


@pytest.fixture
def person(providers: Providers, admin: Agent, stack: AsyncExitStack) -> Ask:
    return lambda name: Person.new(name, providers, admin, stack)


def link_in(mail: dict[str, Any]) -> str:
    text = mail["content"][0]["value"]
    return re.findall(r"http://\S+/d/[A-Za-z0-9_.-]+", text)[0]


async def used(agent: Agent, decision: str) -> list[tuple[str, str]]:
    """Which channels were used later, and why, as the record has it."""
    entries = await agent.audited(decision, "channel.used")
    found = [entry["details"] for entry in entries if entry["type"] == "channel.used"]
    return [(each["channel"], each["reason"]) for each in found]


@pytest.mark.parametrize("way", [Person.by_mail, Person.by_slack, Person.by_system])
async def test_one_answer_settles_all(
    bot: Agent, person: Ask, way: Callable[[Person], Awaitable[None]]
) -> None:
    """By whatever channel it came, each of those that asked tells the outcome."""
    ann, bob = await person("ann"), await person("bob")
    decision = await bot.ask(approver=[ann.address, bob.address], channel=ALL)
    for each in (ann, bob):
        await each.asked_everywhere()
    await bot.audited(decision["id"], *["notification.sent"] * 6)
    await way(ann)
    outcome = await bot.get(decision["id"], wait=20)
    assert (outcome["status"], outcome["resolved_by"]) == ("approved", ann.address)
    for each, message in ((ann, "receipt"), (bob, "settled")):
        assert (await each.mail(2))["custom_args"]["message"] == message
        event = await each.system.event(message)
        assert event["data"]["decision"]["resolved_by"] == ann.address
        await each.sees_outcome_in_slack()
    await bot.audited(decision["id"], *["notification.sent"] * 12)


async def test_the_mail_comes_where_slack_got_no_answer(bot: Agent, person: Ask) -> None:
    """At its time, and either still answers."""
    ann = await person("ann")
    channels = ["slack", {"channel": "email", "after_minutes": 0.03}]
    decision = (await bot.ask(approver=ann.address, channel=channels))["id"]
    await ann.slack.question()
    await ann.by_mail()
    assert (await bot.get(decision, wait=20))["status"] == "approved"
    assert await used(bot, decision) == [("email", "no_answer")]
    await ann.sees_outcome_in_slack()


async def test_no_mail_where_slack_got_an_answer(
    bot: Agent, providers: Providers, person: Ask
) -> None:
    """Not even of the outcome: they have it where they were asked."""
    ann = await person("ann")
    channels = ["slack", {"channel": "email", "after_minutes": 5}]
    decision = (await bot.ask(approver=ann.address, channel=channels))["id"]
    await ann.by_slack()
    await ann.sees_outcome_in_slack()
    sent = await bot.audited(decision, *["notification.sent"] * 2)
    assert {e["details"]["channel"] for e in sent if e["type"] == "notification.sent"} == {"slack"}
    assert providers.mails(ann.address) == []


async def test_who_is_not_in_slack_gets_the_mail_at_once(bot: Agent, providers: Providers) -> None:
    """And not half an hour later."""
    approver = someone()
    channels = ["slack", {"channel": "email", "after_minutes": 30}]
    decision = (await bot.ask(approver=approver, channel=channels))["id"]
    [(_, mail)] = await eventually(lambda: providers.mails(approver))
    assert await used(bot, decision) == [("email", "undeliverable")]
    assert (await bot.get(decision))["unreachable"] is False
    assert (await press(link_in(mail), "deny")).status_code == 200
    assert (await bot.get(decision, wait=20))["status"] == "denied"


async def test_a_slack_that_is_busy_is_waited_for(
    bot: Agent, providers: Providers, person: Ask
) -> None:
    """That is no failure of the approver's: the mail comes at its time, and the message later."""
    ann = await person("ann")
    providers.slack.next("users.lookupByEmail", refusal("ratelimited", 429, Retry_After="5"))
    channels = ["slack", {"channel": "email", "after_minutes": 0.02}]
    decision = (await bot.ask(approver=ann.address, channel=channels))["id"]
    await ann.mail(1)
    assert await used(bot, decision) == [("email", "no_answer")]
    await ann.by_slack()
    assert (await bot.get(decision, wait=20))["status"] == "approved"


async def test_a_mail_that_bounces_is_followed_by_slack(
    bot: Agent, providers: Providers, person: Ask
) -> None:
    """As soon as SendGrid tells, whatever the next channel's time is."""
    ann = await person("ann")
    channels = ["email", {"channel": "slack", "after_minutes": 30}]
    decision = (await bot.ask(approver=ann.address, channel=channels))["id"]
    await bounce(bot, providers, ann.address)
    await ann.by_slack()
    assert (await bot.get(decision, wait=20))["status"] == "approved"
    assert await used(bot, decision) == [("slack", "undeliverable")]


async def test_a_system_that_never_takes_it_is_followed_by_the_mail(
    bot: Agent, person: Ask
) -> None:
    """The same for a webhook."""
    ann = await person("ann")
    ann.system.receiver.behaviours.append(say(410))
    channels = ["webhook", {"channel": "email", "after_minutes": 30}]
    decision = (await bot.ask(approver=ann.address, channel=channels))["id"]
    await ann.by_mail()
    assert (await bot.get(decision, wait=20))["status"] == "approved"
    assert await used(bot, decision) == [("email", "undeliverable")]


async def test_where_a_channel_still_works_nobody_else_is_asked(
    bot: Agent, providers: Providers, person: Ask
) -> None:
    """A mail that bounces beside a message that arrived is a fact for the record."""
    ann, backup = await person("ann"), someone("bob")
    decision = await bot.ask(
        approver=ann.address,
        channel=["email", "slack"],
        escalation=[{"after_minutes": 30, "approvers": [backup]}],
    )
    await bot.audited(decision["id"], *["notification.sent"] * 2)
    await bounce(bot, providers, ann.address)
    await bot.audited(decision["id"], "delivery.failed")
    now = await bot.get(decision["id"])
    assert (now["escalation_level"], now["unreachable"]) == (0, False)
    await ann.by_slack()
    assert (await bot.get(decision["id"], wait=20))["resolved_by"] == ann.address
    assert providers.mails(backup) == []


async def test_nobody_is_left(bot: Agent, providers: Providers) -> None:
    """Agent and operator are told when no channel of anybody works."""
    approver, backup = someone(), someone("bob")
    decision = await bot.ask(
        approver=approver,
        channel=["slack", {"channel": "email", "after_minutes": 30}],
        escalation=[{"after_minutes": 30, "approvers": [backup]}],
    )
    for each in (approver, backup):
        await bounce(bot, providers, each)

    async def is_told() -> bool:
        return (await bot.get(decision["id"]))["unreachable"]

    def subjects() -> list[str]:
        """What the operator was mailed about this decision."""
        mails = [mail for _, mail in providers.mails(OPERATOR)]
        about = [each for each in mails if each["custom_args"]["decision_id"] == decision["id"]]
        return [each["subject"] for each in about]

    await eventually(is_told)
    now = await bot.get(decision["id"])
    assert (now["status"], now["escalation_level"]) == ("pending", 1)
    failed = [e for e in now["notifications"] if e["approver"] in (approver, backup)]
    assert {(e["channel"], e["result"]) for e in failed} == {
        ("slack", "failed"),
        ("email", "failed"),
    }
    await eventually(lambda: any("nobody is left to ask" in each for each in subjects()))


async def bounce(agent: Agent, providers: Providers, address: str) -> None:
    """SendGrid tells that the mail to this address came back, until that is taken."""
    [(message_id, mail), *_] = await eventually(lambda: providers.mails(address))
    told = event("bounce", mail, message_id)

    async def taken() -> bool:
        answer = await providers.events.post(agent.service.base_url, [told])
        return answer.status_code == 204

    await eventually(taken)
