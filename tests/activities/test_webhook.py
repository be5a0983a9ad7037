"""The webhook channel: real requests, and receivers that behave as they like."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from activities.channels.errors import (
    DeferredError,
    DeliveryError,
    RefusedError,
    UndeliverableError,
)
from activities.channels.notice import Notice
from activities.channels.webhook import TYPES, WebhookChannel
from handover.models import Decision, Notification
from outgoing import Exceptions, GuardedClient
from store.sealing import UnreadableError
from store.webhooks import Webhook
from tests.activities import samples
from tests.activities.samples import ANN, BOB, LINK, make_notice
from tests.activities.stores import NEW, OLD, Book
from tests.hostile import TEXTS, payload_of
from tests.receiver import Receiver, drip_head, hang, hang_up, say

RESPOND = LINK.replace("/d/", "/responses/")


class Scene:
    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.book = Book(receiver.url)

    def channel(self, *exceptions: str, limit_seconds: float = 20) -> WebhookChannel:
        client = GuardedClient(Exceptions.parse(exceptions))
        return WebhookChannel(client, self.book, limit_seconds)

    async def send(self, notice: Notice) -> str:
        return await self.channel("127.0.0.0/8").send(notice)

    async def error(self, channel: WebhookChannel | None = None) -> DeliveryError:
        with pytest.raises(DeliveryError) as caught:
            await (channel or self.channel("127.0.0.0/8")).send(asked())
        assert str(caught.value).endswith(".")
        return caught.value

    def event(self) -> dict[str, Any]:
        """What came last, verified by the standard's own library."""
        request = self.receiver.requests[-1]
        return Verifier(NEW).verify(request.body, request.headers)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with Receiver() as receiver:
        yield Scene(receiver)


def asked(message: str = "decision-request", at: datetime | None = None, **changes: Any) -> Notice:
    """A notice as the activity makes it; `changes` are of the decision's request."""
    notice = make_notice(message, **{"context": "Umlaute: äöü", "payload": {"n": 1}} | changes)
    told = Decision(
        **notice.decision.request.model_dump(),
        id=notice.decision.id,
        status="pending",
        approved=False,
        created_at=samples.NOW,
        expires_at=notice.decision.expires_at,
        notifications=[
            Notification(
                message=message, approver=each, channel="webhook", result="sent", at=samples.NOW
            )
            for each in (ANN, BOB)
        ],
    )
    fields = {"told": told, "respond_url": RESPOND, "digest": "d1", "happened_at": samples.NOW}
    return replace(notice, now=at or samples.NOW, **fields)


async def test_an_approvers_system_is_asked(scene: Scene) -> None:
    """Signed after the Standard Webhooks, with all that it takes to answer."""
    message_id = await scene.send(asked())
    event = scene.event()
    assert (event["type"], event["timestamp"]) == ("decision.requested", as_json(samples.NOW))
    decision = event["data"].pop("decision")
    assert event["data"] == {
        "approver": ANN,
        "respond_url": RESPOND,
        "page_url": LINK,
        "digest": "d1",
        "expires_at": as_json(samples.NOW + timedelta(minutes=30)),
    }
    assert (decision["status"], decision["payload"]) == ("pending", {"n": 1})
    assert decision["context"] == "Umlaute: äöü"
    headers = scene.receiver.requests[0].headers
    assert headers["webhook-id"] == message_id
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize("name", TEXTS)
async def test_whatever_an_agent_writes_arrives_as_it_is(scene: Scene, name: str) -> None:
    """It is data there: nothing in it ends the JSON, and nothing is made visible or left out."""
    text = TEXTS[name]
    await scene.send(asked(action=text, payload=payload_of(text), metadata={text[:40]: text}))
    decision = scene.event()["data"]["decision"]
    assert (decision["action"], decision["payload"]) == (text, payload_of(text))
    assert decision["metadata"] == {text[:40]: text}


async def test_nobody_is_told_how_others_were_told(scene: Scene) -> None:
    """Of the messages of the decision, those to this approver alone."""
    await scene.send(asked())
    told = scene.event()["data"]["decision"]["notifications"]
    assert [each["approver"] for each in told] == [ANN]


@pytest.mark.parametrize(("message", "type"), TYPES.items())
async def test_every_message_has_its_type(scene: Scene, message: str, type: str) -> None:
    """By which a receiver tells them apart."""
    await scene.send(asked(message))
    assert scene.event()["type"] == type


@pytest.mark.parametrize("message", ["code", "delivery-failure", "codes-used-up"])
async def test_what_is_never_posted(scene: Scene, message: str) -> None:
    """A code goes to the address alone, and an operator's news to the operator."""
    with pytest.raises(UndeliverableError):
        await scene.send(make_notice(message))
    assert scene.receiver.requests == []


async def test_one_id_for_one_message(scene: Scene) -> None:
    """The same on every attempt; another for each message, reminder and approver."""
    first = [
        await scene.send(asked()),
        await scene.send(asked(at=samples.NOW + timedelta(hours=1))),
    ]
    assert len(set(first)) == 1
    reminders = [replace(asked("reminder"), number=number) for number in (1, 2)]
    others = [*reminders, asked("settled")]
    assert len({first[0], *[await scene.send(each) for each in others]}) == 4
    bodies = [request.body for request in scene.receiver.requests]
    assert bodies[0] == bodies[1]


async def test_every_live_secret_signs(scene: Scene) -> None:
    """So that a system can exchange one for the other whenever it likes."""
    scene.book.webhook = Webhook(scene.receiver.url, [NEW, OLD])
    await scene.send(asked())
    [request] = scene.receiver.requests
    for secret in (NEW, OLD):
        Verifier(secret).verify(request.body, request.headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(base64.b64encode(b"stranger").decode()).verify(request.body, request.headers)


@pytest.mark.parametrize("status", [200, 202, 204, 299])
async def test_taken(scene: Scene, status: int) -> None:
    """Any success is one."""
    scene.receiver.behaviours.append(say(status))
    assert await scene.send(asked())


@pytest.mark.parametrize("status", [400, 410, 413, 422])
async def test_never_taken(scene: Scene, status: int) -> None:
    """The approver cannot be reached in this way."""
    scene.receiver.behaviours.append(say(status))
    error = await scene.error()
    assert isinstance(error, UndeliverableError)
    assert str(status) in str(error)


@pytest.mark.parametrize("status", [301, 307, 401, 403, 404, 405, 415, 451])
async def test_set_up_wrongly(scene: Scene, status: int) -> None:
    """Nobody is skipped: an operator can repair it, and is told where."""
    scene.receiver.behaviours.append(say(status, Location=scene.receiver.url))
    error = await scene.error()
    assert isinstance(error, RefusedError)
    assert f"/approvers/{ANN}" in str(error)
    assert len(scene.receiver.requests) == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_away_or_busy(scene: Scene, status: int) -> None:
    """Tried again."""
    scene.receiver.behaviours.append(say(status))
    error = await scene.error()
    assert isinstance(error, DeferredError)
    assert error.retry_after is None


async def test_retry_after_is_heard(scene: Scene) -> None:
    """In seconds or as a date, and never beyond what somebody waits for."""
    in_two_minutes = format_datetime(datetime.now(UTC) + timedelta(minutes=2), usegmt=True)
    waits = [90, 86_400, in_two_minutes]
    scene.receiver.behaviours.extend(say(429, Retry_After=str(each)) for each in waits)
    seconds, day, date = [await scene.error() for _ in waits]
    assert isinstance(seconds, DeferredError)
    assert isinstance(day, DeferredError)
    assert isinstance(date, DeferredError)
    assert seconds.retry_after == timedelta(seconds=90)
    assert day.retry_after == timedelta(minutes=5)
    assert date.retry_after
    assert timedelta(minutes=1) < date.retry_after <= timedelta(minutes=2)


@pytest.mark.parametrize("behaviour", [hang, hang_up, drip_head])
async def test_no_answer(scene: Scene, behaviour: Any) -> None:
    """Also one that never ends."""
    scene.receiver.behaviours.append(behaviour)
    error = await scene.error(scene.channel("127.0.0.0/8", limit_seconds=0.3))
    assert isinstance(error, DeferredError)


async def test_nobody_is_there(scene: Scene) -> None:
    """Away, like one that hangs."""
    async with Receiver() as gone:
        scene.book.webhook = Webhook(gone.url, [NEW])
    assert isinstance(await scene.error(), DeferredError)


@pytest.mark.parametrize(
    "url",
    [
        *("https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/latest/meta-data/"),
        *("https://localhost/", "https://2130706433/", "http://example.com/", "file:///etc/passwd"),
    ],
)
async def test_a_url_that_leads_inside_is_refused(scene: Scene, url: str) -> None:
    """Nothing is sent, however it came into the store; the approver cannot be reached like that."""
    scene.book.webhook = Webhook(url, [NEW])
    assert isinstance(await scene.error(scene.channel()), UndeliverableError)


async def test_the_receiver_itself_is_refused_without_an_exception(scene: Scene) -> None:
    """What this machine runs is reached only where an operator allows it."""
    assert isinstance(await scene.error(scene.channel()), UndeliverableError)
    assert scene.receiver.connections == 0


async def test_nobody_has_set_one(scene: Scene) -> None:
    """The record says what an administrator does about it."""
    scene.book.webhook = None
    error = await scene.error()
    assert isinstance(error, UndeliverableError)
    assert f"PUT /approvers/{ANN}" in str(error)


async def test_no_secret_can_be_opened(scene: Scene) -> None:
    """An operator's fault, who is told what to do: nothing goes out unsigned."""
    scene.book.error = UnreadableError(ANN)
    error = await scene.error()
    assert isinstance(error, RefusedError)
    assert f"POST /approvers/{ANN}/webhook-secret" in str(error)
    assert scene.receiver.requests == []


async def test_the_store_is_away(scene: Scene) -> None:
    """Tried again; what the store said is for the log, and not for the record."""
    scene.book.error = ConnectionError("password=hunter2")
    error = await scene.error()
    assert isinstance(error, DeferredError)
    assert "hunter2" not in str(error)


async def test_errors_do_not_name_the_url(scene: Scene) -> None:
    """Agents read the record, and the URL may be a secret."""
    scene.book.webhook = Webhook(scene.receiver.url + "?token=hunter2", [NEW])
    for behaviour in (say(500), say(401), say(422), say(301), hang_up):
        scene.receiver.behaviours.append(behaviour)
        assert "hunter2" not in str(await scene.error())


def as_json(moment: datetime) -> str:
    return json.loads(Decision.model_construct(created_at=moment).model_dump_json())["created_at"]
