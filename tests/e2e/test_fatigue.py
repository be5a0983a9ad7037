"""People who want to be left alone, with everything running: mails come when they are to, and every
link in them works."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from store.keys import ADMIN
from tests import web
from tests.api.agent import Agent, in_store, someone
from tests.approver import mails, newest_mail, press
from tests.service import RunningService
from tests.support import eventually

MINUTE = timedelta(minutes=1)
ROOM = timedelta(seconds=12)
"""For asking, before the minute ends at which something is to happen."""
LINK = re.compile(r"https?://\S+/d/[A-Za-z0-9_.-]+")
TOLERANCE = timedelta(seconds=10)
"""For a machine that does other things too."""


@pytest.fixture
async def admin(own_service: RunningService) -> AsyncIterator[Agent]:
    async with await Agent.with_new_key(own_service, scopes=frozenset({ADMIN})) as admin:
        yield admin


@pytest.fixture
async def agent(own_service: RunningService) -> AsyncIterator[Agent]:
    async with Agent.of(own_service) as agent:
        yield agent


def soon() -> datetime:
    """The next full minute that leaves room."""
    return (datetime.now(UTC) + ROOM).replace(second=0, microsecond=0) + MINUTE


def quiet_until(end: datetime) -> dict[str, Any]:
    hours = {"from": f"{end - timedelta(hours=12):%H:%M}", "to": f"{end:%H:%M}"}
    return {"time_zone": "UTC", "quiet_hours": hours}


def digest_at(moment: datetime) -> dict[str, Any]:
    """Settings by which a mail is due at this minute: it is a multiple of itself."""
    for zone in ("UTC", "Asia/Tokyo"):
        there = moment.astimezone(ZoneInfo(zone))
        minutes = there.hour * 60 + there.minute
        if minutes >= 15:
            return {"time_zone": zone, "digest_minutes": minutes}
    raise AssertionError("it is midnight everywhere")


async def setting(admin: Agent, approver: str, **settings: Any) -> None:
    answer = await admin.http.put(f"/approvers/{approver}", json=settings)
    assert answer.status_code == 200, answer.text


def sent_at(mail: EmailMessage) -> datetime:
    return parsedate_to_datetime(mail["Date"])


async def results(agent: Agent, decision: str) -> list[str]:
    return [each["result"] for each in (await agent.get(decision))["notifications"]]


async def test_mails_come_when_they_are_to(
    agent: Agent, admin: Agent, own_service: RunningService
) -> None:
    """Three stories, which take their time from the clock and not from each other."""
    asked = await three_questions(agent, admin, own_service)
    await asyncio.gather(
        a_question_at_night_comes_in_the_morning(agent, admin),
        half_of_the_time_is_theirs(agent, admin),
        three_questions_in_one_mail(agent, asked),
    )
    assert not in_store(own_service, "SELECT key FROM held")


async def a_question_at_night_comes_in_the_morning(agent: Agent, admin: Agent) -> None:
    """When the quiet hours are over; what is critical comes at once, and so does a mail to somebody
    who sleeps at another time."""
    end, ann, ben = soon(), someone("ann"), someone("ben")
    await setting(admin, ann, **quiet_until(end))
    asked = await agent.ask(approver=[ann, ben])
    urgent = await agent.ask(approver=ann, action="Stop the press", urgency="critical")
    assert await newest_mail(agent.service, ann, "Stop the press")
    assert await newest_mail(agent.service, ben)
    assert len(mails(agent.service, ann)) == 1

    async def is_told() -> bool:
        told = sorted(await results(agent, asked["id"]))
        return told == ["pending", "sent"] and await results(agent, urgent["id"]) == ["sent"]

    await eventually(is_told)
    left = (end - datetime.now(UTC)).total_seconds()
    [mail] = await eventually(lambda: mails(agent.service, ann)[1:], left + 30)
    assert end - timedelta(seconds=1) <= sent_at(mail) < end + TOLERANCE
    await agent.audited(asked["id"], "notification.sent", "notification.sent")


async def half_of_the_time_is_theirs(agent: Agent, admin: Agent) -> None:
    """A decision that would not live through the night is asked in it."""
    ann = someone("ann")
    await setting(admin, ann, **quiet_until(datetime.now(UTC) + timedelta(hours=6)))
    asked = await agent.ask(approver=ann, timeout_minutes=0.4)
    mail = await newest_mail(agent.service, ann)
    created, expires = (datetime.fromisoformat(asked[n]) for n in ("created_at", "expires_at"))
    half = created + (expires - created) / 2
    assert half - timedelta(seconds=2) <= sent_at(mail) < half + TOLERANCE
    assert (await press(LINK.findall(text_of(mail))[0], "approve")).status_code == 200
    assert (await agent.get(asked["id"]))["status"] == "approved"


@dataclass
class Asked:
    """Decisions of one approver by their actions, and when the mail about them is due."""

    approver: str
    due: datetime
    decisions: dict[str, str]


async def three_questions(agent: Agent, admin: Agent, service: RunningService) -> Asked:
    """That wait for a mail when the worker is killed; a fourth one is withdrawn."""
    due, ann = soon(), someone("ann")
    await setting(admin, ann, **digest_at(due))
    actions = [f"Refund order {number}" for number in range(3)]
    asked = {a: (await agent.ask(approver=ann, action=a))["id"] for a in actions}
    withdrawn = (await agent.ask(approver=ann, action="Refund nothing"))["id"]
    for decision in (*asked.values(), withdrawn):
        await held(service, decision)
    await agent.cancel(withdrawn)
    service.kill("worker")
    service.start_worker("second worker")
    return Asked(ann, due, asked)


async def three_questions_in_one_mail(agent: Agent, asked: Asked) -> None:
    """Whose links each open and answer their own decision. One that was withdrawn before is not in
    it."""
    mail = await arrived(agent, asked)
    assert asked.due - timedelta(seconds=1) <= sent_at(mail)
    assert mail["Subject"] == "3 decisions wait for you"
    assert "Refund nothing" not in text_of(mail)
    links = LINK.findall(text_of(mail))
    assert len(set(links)) == 3
    async with web.client() as browser:
        pages = [(link, (await browser.get(link)).text) for link in links]
    for action, decision in asked.decisions.items():
        [link] = [link for link, page in pages if action in page]
        assert (await press(link, "approve")).status_code == 200
        assert (await agent.get(decision))["status"] == "approved"


async def held(service: RunningService, decision: str) -> None:
    statement = "SELECT key FROM held WHERE decision_id = ?"
    await eventually(lambda: in_store(service, statement, decision))


async def arrived(agent: Agent, asked: Asked) -> EmailMessage:
    """The one mail that all of these were sent with."""

    decisions = asked.decisions.values()

    async def all_sent() -> bool:
        return [await results(agent, decision) for decision in decisions] == [["sent"]] * 3

    await eventually(all_sent, timeout=150)
    told = [(await agent.get(decision))["notifications"][0] for decision in decisions]
    assert len({each["provider_message_id"] for each in told}) == 1
    [mail] = mails(agent.service, asked.approver)
    return mail


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part
    return part.get_content()
