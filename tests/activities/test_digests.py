"""Several questions in one mail: who sends it, what is in it, and what happens when they die."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from temporalio.exceptions import ApplicationError

from activities.channels.email import compose, together
from activities.channels.errors import DeferredError
from activities.channels.notice import Notice
from activities.deliveries import delivery_key
from activities.digests import held_message
from handover.models import Urgency
from store import Store, open_store
from store.approvers import Preferences
from store.tables import deliveries, held
from tests.activities.samples import ANN, BOB, SENDER, make_notice
from tests.activities.scenes import FakeChannel, Scene, sending
from tests.dev_server import DevServer
from tests.support import eventually
from workflows.messages import HELD_BACK, DecisionInput, SendNotificationInput

SET = Preferences(digest_minutes=15)


class GatheringChannel(FakeChannel):
    """Keeps also what it is given together."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: list[list[Notice]] = []

    async def send_together(self, notices: Sequence[Notice]) -> str:
        message_id = await self.send(notices[0])
        self.mails.append(list(notices))
        return message_id


class Together(Scene):
    """A scene with a store, in which Ann has her questions in one mail."""

    def __init__(self, store: Store, *args: Any) -> None:
        super().__init__(*args)
        self.store = store
        self.gathering = GatheringChannel()
        self.channels["email"] = self.channel = self.gathering
        self.approvers.preferences[ANN] = SET
        self.use(store)

    async def questions(self, count: int, **changes: Any) -> list[SendNotificationInput]:
        """So many decisions whose question to Ann is due now."""
        made = [await self.decision(**changes) for _ in range(count)]
        for each in made:
            await self.store.held.keep(held_message(sending(each), datetime.now(UTC)))
        return [sending(each) for each in made]

    async def wake(self, input: SendNotificationInput) -> str:
        """What the activity of this one does when its time has come."""
        scheduled = datetime.now(UTC) - timedelta(hours=1)
        sent = await self.send(input, 2, scheduled_time=scheduled)
        return sent.message_id

    async def sent(self) -> dict[str, str]:
        query = select(deliveries.c.key, deliveries.c.provider_message_id)
        async with self.store._database.connect() as connection:
            rows = await connection.execute(query.where(deliveries.c.result == "sent"))
            return {row.key: row.provider_message_id for row in rows}

    async def held(self) -> list[str]:
        async with self.store._database.connect() as connection:
            return list((await connection.execute(select(held.c.key))).scalars())


@pytest.fixture
async def scene(dev_server: DevServer, tmp_path: Path) -> AsyncIterator[Together]:
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path}/store.db")
    yield Together(store, await dev_server.client())
    await store.close()


def decisions(mail: list[Notice]) -> set[str]:
    return {notice.decision.id for notice in mail}


async def test_a_question_waits_for_the_next_mail(scene: Together):
    """Until a quarter of the hour by Ann's clock, and it is kept for whoever sends then."""
    input = sending(await scene.decision(escalation=[], timeout_minutes=600))
    now = datetime.now(UTC)
    failure = await scene.failure(
        input, scheduled_time=now, schedule_to_close_timeout=timedelta(days=1)
    )
    assert failure.type == HELD_BACK
    assert failure.next_retry_delay is not None
    due = now + failure.next_retry_delay
    assert failure.message.endswith("(digest)")
    assert abs((due - now.replace(minute=0, second=0)).total_seconds() % 900) % 899 < 1
    assert await scene.held() == [delivery_key(input)]
    assert scene.channel.notices == []


async def test_one_mail_has_all_that_are_due(scene: Together):
    """Whoever wakes first sends it; the others find that, and tell the same id."""
    questions = await scene.questions(3)
    assert [await scene.wake(each) for each in questions] == ["fake-1"] * 3
    [mail] = scene.gathering.mails
    assert decisions(mail) == {each.decision_id for each in questions}
    assert len({notice.link for notice in mail}) == 3
    assert len(scene.channel.notices) == 1
    assert await scene.sent() == {delivery_key(each): "fake-1" for each in questions}
    assert await scene.held() == []


async def test_all_wake_at_once(scene: Together):
    """One of them sends; the others come back in a moment, and find it sent."""
    questions = await scene.questions(8)

    async def until_sent(input: SendNotificationInput) -> str:
        async def sent() -> str:
            with suppress(ApplicationError):
                return await scene.wake(input)
            return ""

        return await eventually(sent)

    assert set(await asyncio.gather(*map(until_sent, questions))) == {"fake-1"}
    assert [len(mail) for mail in scene.gathering.mails] == [8]


async def test_one_alone_is_an_ordinary_mail(scene: Together):
    """And so is one that nobody had kept, because the store was away then."""
    [question] = await scene.questions(1)
    await scene.wake(question)
    await scene.wake(sending(await scene.decision()))
    assert len(scene.channel.notices) == 2
    assert scene.gathering.mails == []
    assert await scene.held() == []


async def test_what_is_not_in_it(scene: Together):
    """Not what was settled meanwhile or has no decision, not what is due later, and nobody
    else's: that stays."""
    questions = await scene.questions(2)
    settled, _ = await scene.answered(ANN, "deny")
    gone = sending(settled.model_copy(update={"id": "dec_gone"}))
    for each in (sending(settled), gone):
        await scene.store.held.keep(held_message(each, datetime.now(UTC)))
    later, bobs = sending(await scene.decision()), sending(await scene.decision(), approver=BOB)
    await scene.store.held.keep(held_message(later, datetime.now(UTC) + timedelta(hours=1)))
    await scene.store.held.keep(held_message(bobs, datetime.now(UTC)))
    await scene.wake(questions[0])
    [mail] = scene.gathering.mails
    assert decisions(mail) == {each.decision_id for each in questions}
    assert set(await scene.held()) == {delivery_key(later), delivery_key(bobs)}


@pytest.mark.parametrize("changes", [{"urgency": "critical"}, {}])
async def test_what_never_waits_for_others(scene: Together, changes: dict[str, Any]):
    """What is critical, and what asks nothing."""
    decision = await scene.decision(**changes)
    await scene.questions(1)
    message = "decision-request" if changes else "receipt"
    now = {"scheduled_time": datetime.now(UTC), "schedule_to_close_timeout": timedelta(days=1)}
    await scene.send(sending(decision, message), **now)
    assert [notice.decision.id for notice in scene.channel.notices] == [decision.id]


async def test_a_provider_that_is_busy(scene: Together):
    """Nothing counts as sent, and the next attempt of any of them sends all."""
    questions = await scene.questions(3)
    scene.channel.error = DeferredError("busy")
    with pytest.raises(ApplicationError, match="busy"):
        await scene.wake(questions[0])
    scene.channel.error = None
    assert await scene.wake(questions[1]) == "fake-2"
    assert [len(mail) for mail in scene.gathering.mails] == [3]


async def test_whoever_sends_it_dies(scene: Together, monkeypatch: pytest.MonkeyPatch):
    """The others wait, as it may be sent; a minute later one of them sends it."""
    questions = await scene.questions(3)
    scene.channel.stuck = True
    dying = asyncio.create_task(scene.wake(questions[0]))
    await eventually(lambda: scene.channel.notices)
    dying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dying
    scene.channel.stuck = False
    failure = await scene.failure(
        questions[1], 2, scheduled_time=datetime.now(UTC) - timedelta(hours=1)
    )
    assert (failure.type, failure.next_retry_delay) == (HELD_BACK, timedelta(seconds=2))
    monkeypatch.setattr("store.held.STALE", timedelta())
    assert await scene.wake(questions[1]) == "fake-2"
    assert [await scene.wake(each) for each in questions] == ["fake-2"] * 3
    assert [len(mail) for mail in scene.gathering.mails] == [3]


async def test_it_dies_before_it_has_recorded_all(scene: Together):
    """What is recorded is not sent again, what is not, is."""
    first, second = await scene.questions(2)
    await scene.store.deliveries.record(
        key=delivery_key(first),
        decision_id=first.decision_id,
        message=first.message,
        approver=ANN,
        channel="email",
        result="sent",
        provider="fake",
        provider_message_id="fake-0",
    )
    assert await scene.wake(second) == "fake-1"
    assert [notice.decision.id for notice in scene.channel.notices] == [second.decision_id]
    assert await scene.wake(first) == "fake-0"


async def test_a_store_that_is_away(scene: Together, monkeypatch: pytest.MonkeyPatch):
    """Each goes out alone: many mails are better than none."""
    questions = await scene.questions(2)

    async def fail(*_: object) -> None:
        raise ConnectionError("the store is down")

    monkeypatch.setattr(scene.store.held, "claim", fail)
    assert [await scene.wake(each) for each in questions] == ["fake-1", "fake-2"]
    assert scene.gathering.mails == []


def test_the_mail():
    """In no thread, the most pressing first, with an id that is the same at every attempt."""
    notices = [
        make_notice(urgency=urgency) for urgency in (Urgency.LOW, Urgency.HIGH, Urgency.MEDIUM)
    ]
    for number, notice in enumerate(notices):
        notices[number] = with_id(notice, f"dec_{number}")
    mail = compose(together(notices), SENDER)
    assert mail.subject == "[Urgent] 3 decisions wait for you"
    assert mail.root == mail.message_id
    assert compose(together(notices), SENDER).message_id == mail.message_id
    assert compose(together(notices[:2]), SENDER).message_id != mail.message_id
    places = [mail.text.index(f"/{notice.decision.id}") for notice in notices]
    assert places[1] < places[2] < places[0]
    for notice in notices:
        assert f'href="{notice.link}"' in mail.html


def with_id(notice: Notice, decision_id: str) -> Notice:
    decision: DecisionInput = notice.decision.model_copy(update={"id": decision_id})
    return replace(notice, decision=decision, link=f"https://handover.example.com/d/{decision_id}")
