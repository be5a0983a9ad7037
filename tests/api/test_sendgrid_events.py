"""SendGrid tells what became of mails: on the running service, by its API and its Event Webhook."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from tests import web
from tests.activities.sendgrid_events import EventWebhook, event
from tests.activities.sendgrid_server import API_KEY, SendGridServer
from tests.api.agent import Agent, in_store, question, someone
from tests.api.connections import Connection, request_of
from tests.dev_server import DevServer
from tests.service import RunningService
from tests.support import eventually

OPERATOR = "ops@example.com"
SIGNALED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
MB = 1024 * 1024


@dataclass
class Scene:
    """A service that sends by SendGrid, and the SendGrid that it sends by."""

    agent: Agent
    server: SendGridServer
    webhook: EventWebhook
    temporal: Client

    @property
    def url(self) -> str:
        return self.agent.service.base_url

    async def mail_to(self, approver: str, number: int = 1) -> tuple[dict[str, Any], str]:
        """The mail to this approver that SendGrid took as this one, and its id."""

        def found() -> list[tuple[dict[str, Any], str]]:
            return [
                (mail, f"sg-{index}")
                for index, mail in enumerate(self.server.mails, start=1)
                if mail["personalizations"][0]["to"][0]["email"] == approver
            ]

        return (await eventually(lambda: found()[number - 1 :]))[0]

    async def event(self, kind: str, approver: str, number: int = 1, **changes: Any) -> Any:
        return event(kind, *await self.mail_to(approver, number), **changes)

    async def tell(self, *events: dict[str, Any]) -> None:
        """Until it is taken, as SendGrid does: a mail may bounce before it is known to be sent."""

        async def taken() -> bool:
            answer = await self.webhook.post(self.url, events)
            assert answer.status_code in (204, 503), answer.text
            return answer.status_code == 204

        await eventually(taken)

    async def signals(self, decision: str) -> int:
        handle = self.temporal.get_workflow_handle(decision)
        return sum([e.event_type == SIGNALED async for e in handle.fetch_history_events()])

    def kept(self, decision: str) -> list[str]:
        statement = "SELECT event FROM delivery_events WHERE decision_id = ? ORDER BY event"
        return [kind for (kind,) in in_store(self.agent.service, statement, decision)]

    async def results(self, decision: str) -> dict[str, str]:
        """What became of the last message to each approver."""
        told = (await self.agent.get(decision))["notifications"]
        return {e["approver"]: e["result"] for e in told if e["approver"] != OPERATOR}


@pytest.fixture(scope="module")
def server() -> Iterator[SendGridServer]:
    server = SendGridServer()
    yield server
    server.stop()


@pytest.fixture(scope="module")
async def scene(
    dev_server: DevServer, server: SendGridServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Scene]:
    webhook = EventWebhook()
    running = RunningService(
        dev_server.address,
        tmp_path_factory.mktemp("sendgrid"),
        HANDOVER_SENDGRID_API_KEY=API_KEY,
        HANDOVER_SENDGRID_HOST=server.url,
        HANDOVER_SENDGRID_EVENT_KEY=webhook.public_key,
        HANDOVER_EMAIL_FROM="Handover <handover@mail.example.com>",
        HANDOVER_OPERATOR_EMAIL=OPERATOR,
    )
    await running.start()
    async with Agent.of(running) as agent:
        yield Scene(agent, server, webhook, await dev_server.client())
    running.stop()


def later(backup: str) -> list[dict[str, Any]]:
    return [{"after_minutes": 30, "approvers": [backup]}]


LOSSES: list[dict[str, Any]] = [
    {"kind": "bounce"},
    {"kind": "bounce", "type": "blocked", "reason": "421 4.7.0 Deferred for 72 hours"},
    {"kind": "bounce", "reason": None},
    {"kind": "dropped"},
    {"kind": "spamreport"},
]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: "-".join(map(str, loss.values())))
async def test_what_is_lost_asks_the_backup_within_seconds(
    scene: Scene, loss: dict[str, Any]
) -> None:
    """The timer is half an hour away; agent and record are told why."""
    approver, backup = someone(), someone("bob")
    decision = (await scene.agent.ask(approver=approver, escalation=later(backup)))["id"]
    await scene.tell(await scene.event(approver=approver, **loss))
    told = time.monotonic()
    await scene.mail_to(backup)
    assert time.monotonic() - told < 20
    await eventually(lambda: _is(scene.results(decision), {approver: "failed", backup: "sent"}))
    now = await scene.agent.get(decision)
    assert (now["status"], now["unreachable"], now["escalation_level"]) == ("pending", False, 1)
    reason = now["notifications"][0]["reason"]
    assert reason
    entries = await scene.agent.audited(decision, "delivery.failed", "decision.escalated")
    [failed] = [e["details"] for e in entries if e["type"] == "delivery.failed"]
    assert (failed["approver"], failed["reason"]) == (approver, reason)
    [told_by] = [e for e in entries if e["details"].get("provider") and e["event_id"] is None]
    assert told_by["details"]["reason"] == reason
    assert told_by["details"]["approver"] == approver
    assert str(loss.get("reason") or "") in reason


async def _is(found: Any, expected: Any) -> bool:
    return await found == expected


async def test_a_mail_in_which_several_were_asked(scene: Scene) -> None:
    """When it is lost, all of them ask somebody else, and each record says so; told again, it
    changes nothing."""
    approver, backup = someone(), someone("bob")
    asked = [
        (await scene.agent.ask(approver=approver, escalation=later(backup)))["id"] for _ in range(3)
    ]
    for decision in asked:
        await scene.agent.audited(decision, "notification.sent")
    mail, name = await scene.mail_to(approver)
    service = scene.agent.service
    # As for a digest, whose messages are recorded with the one id of their mail.
    statement = "UPDATE deliveries SET provider_message_id = ? WHERE approver = ?"
    in_store(service, statement, name, approver)
    bounced = event("bounce", mail, name)
    for _ in range(2):
        await scene.tell(bounced)
    await scene.mail_to(backup, 3)
    for decision in asked:
        failed = await scene.agent.audited(decision, "delivery.failed")
        assert [e["details"]["approver"] for e in failed if e["type"] == "delivery.failed"] == [
            approver
        ]
        assert scene.kept(decision) == ["bounce"]


async def test_what_is_delivered_is_shown_and_costs_no_signal(scene: Scene) -> None:
    """By the decision and by its record; the workflow is not told."""
    approver = someone()
    decision = (await scene.agent.ask(approver=approver))["id"]
    await scene.agent.audited(decision, "notification.sent")
    assert await scene.results(decision) == {approver: "sent"}
    for kind in ("processed", "deferred", "delivered", "open", "click"):
        await scene.tell(await scene.event(kind, approver))
    assert await scene.results(decision) == {approver: "delivered"}
    entries = [e for e in await scene.agent.audit(decision) if e["event_id"] is None]
    assert {e["type"] for e in entries} == {"notification.deferred", "notification.delivered"}
    [delivered] = [e for e in entries if e["type"] == "notification.delivered"]
    assert delivered["details"] == {
        "message": "decision-request",
        "approver": approver,
        "channel": "email",
        "provider": "sendgrid",
        "provider_message_id": (await scene.mail_to(approver))[1],
        "reason": "250 2.0.0 OK",
    }
    assert scene.kept(decision) == ["deferred", "delivered"]
    assert await scene.signals(decision) == 0


async def test_a_delivery_told_after_the_bounce_changes_nothing(scene: Scene) -> None:
    """Events come in any order; the backup stays asked."""
    approver, backup = someone(), someone("bob")
    decision = (await scene.agent.ask(approver=approver, escalation=later(backup)))["id"]
    await scene.tell(await scene.event("bounce", approver))
    await scene.mail_to(backup)
    earlier = int(time.time()) - 60
    await scene.tell(await scene.event("delivered", approver, timestamp=earlier))
    assert (await scene.results(decision))[approver] == "failed"
    assert scene.kept(decision) == ["bounce", "delivered"]
    assert await scene.signals(decision) == 1


async def test_a_bounce_after_the_delivery_counts(scene: Scene) -> None:
    """A server may take a mail and give it back."""
    approver, backup = someone(), someone("bob")
    decision = (await scene.agent.ask(approver=approver, escalation=later(backup)))["id"]
    await scene.tell(await scene.event("delivered", approver))
    await scene.tell(await scene.event("bounce", approver))
    await scene.mail_to(backup)
    assert (await scene.results(decision))[approver] == "failed"


async def test_told_many_times_it_counts_once(scene: Scene) -> None:
    """Twice in one batch, once more, and ten times at once; one backup is asked, not the next."""
    approver, bob, carol = someone(), someone("bob"), someone("carol")
    steps = [*later(bob), {"after_minutes": 40, "approvers": [carol]}]
    decision = (await scene.agent.ask(approver=approver, escalation=steps))["id"]
    bounce = await scene.event("bounce", approver)
    await scene.tell(bounce, bounce)
    await scene.tell(bounce)
    await asyncio.gather(*(scene.tell(bounce) for _ in range(10)))
    await scene.agent.audited(decision, "decision.escalated")
    assert scene.kept(decision) == ["bounce"]
    assert await scene.signals(decision) == 1
    # What SendGrid says next, because the address is on its list now, is no news either.
    await scene.tell(await scene.event("dropped", approver))
    assert scene.kept(decision) == ["bounce", "dropped"]
    assert await scene.signals(decision) == 1
    assert (await scene.agent.get(decision))["escalation_level"] == 1


async def test_with_nobody_left_agent_and_operator_are_told(scene: Scene) -> None:
    """The decision stays pending and says that nobody has the question."""
    approver = someone()
    asked = await scene.agent.ask(approver=approver, action=f"Refund {approver}")
    assert asked["unreachable"] is False
    await scene.tell(await scene.event("bounce", approver))
    now = await eventually(lambda: _unreachable(scene.agent, asked["id"]))
    assert now["status"] == "pending"

    def to_operator() -> list[dict[str, Any]]:
        return [mail for mail in scene.server.mails if approver in mail["subject"]]

    [mail] = [m for m in await eventually(lambda: _two(to_operator())) if "left" in m["subject"]]
    assert mail["personalizations"][0]["to"][0]["email"] == OPERATOR
    assert "No such user" in mail["content"][0]["value"]
    assert "Nobody is left who could answer" in mail["content"][0]["value"]
    cancelled = (await scene.agent.cancel(asked["id"])).json()
    assert cancelled["unreachable"] is False


def _two(found: list[Any]) -> list[Any]:
    return found if len(found) >= 2 else []


async def _unreachable(agent: Agent, decision: str) -> dict[str, Any]:
    now = await agent.get(decision)
    return now if now["unreachable"] else {}


async def test_what_asks_nothing_is_kept_and_nobody_is_told(scene: Scene) -> None:
    """The end came before the bounce; the outcome stands."""
    alice, bob = someone(), someone("bob")
    decision = (await scene.agent.ask(approver=[alice, bob]))["id"]
    await scene.agent.audited(decision, "notification.sent", "notification.sent")
    await scene.agent.cancel(decision)
    settled, before = await scene.event("bounce", bob, 2), await scene.signals(decision)
    assert settled["message"] == "settled"
    await scene.tell(settled, await scene.event("bounce", alice))
    assert scene.kept(decision) == ["bounce", "bounce"]
    assert await scene.signals(decision) == before
    entries = await scene.agent.audit(decision)
    assert [e["type"] for e in entries].count("notification.bounced") == 2
    assert (await scene.agent.get(decision))["status"] == "cancelled"


async def test_nobody_else_tells(scene: Scene) -> None:
    """Not with another key, another body or another time, nor later than ten minutes."""
    approver = someone()
    decision = (await scene.agent.ask(approver=approver))["id"]
    await scene.agent.audited(decision, "notification.sent")
    body = json.dumps([await scene.event("bounce", approver)]).encode()
    good, now = scene.webhook.headers(body), time.time()
    signature, timestamp = (name for name in good if name.startswith("X-Twilio"))

    async def refused(headers: dict[str, str], body: bytes = body) -> None:
        answer = await scene.webhook.send(scene.url, body, headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_signed"), answer.text

    await refused(EventWebhook().headers(body))
    await refused(good, body.replace(b"bounce", b"Bounce"))
    await refused(good, body + b"\xff")
    await refused(good | {timestamp: str(int(now) - 1)})
    await refused(scene.webhook.headers(body, now - 601))
    await refused(scene.webhook.headers(body, now + 620))
    for name in (signature, timestamp):
        await refused({key: value for key, value in good.items() if key != name})
        for nonsense in ("", "A", "!" * 96, "-1", "9" * 40, "1e9"):
            await refused(good | {name: nonsense})
    assert scene.kept(decision) == []
    assert await scene.signals(decision) == 0
    # The very same, as SendGrid has sent it.
    answer = await scene.webhook.send(scene.url, body, scene.webhook.headers(body, now - 300))
    assert answer.status_code == 204
    assert scene.kept(decision) == ["bounce"]


async def test_what_was_sent_by_others_is_not_ours(scene: Scene) -> None:
    """Another program with the same account at SendGrid, whatever it says that a mail is about."""
    approver = someone()
    decision = (await scene.agent.ask(approver=approver))["id"]
    await scene.agent.audited(decision, "notification.sent")
    mail, message_id = await scene.mail_to(approver)
    minutes_ago = int(time.time()) - 180
    theirs = [
        event("bounce", mail, "foreign", decision_id="dec_never"),
        event("bounce", mail, "foreign", decision_id="x" * 5000),
        event("bounce", mail, f"{message_id}0", timestamp=minutes_ago),
        event("bounce", mail, "sg", timestamp=minutes_ago),
        event("bounce", mail, "sg-%", timestamp=minutes_ago),
        event("bounce", mail, "%", timestamp=minutes_ago),
        event("bounce", mail, "\0", timestamp=minutes_ago),
        event("bounce", mail, "", timestamp=minutes_ago),
        event("bounce", mail, "foreign", timestamp=minutes_ago),
    ]
    answer = await scene.webhook.post(scene.url, theirs)
    assert answer.status_code == 204, answer.text
    assert scene.kept(decision) == []
    assert await scene.signals(decision) == 0


async def test_a_mail_that_bounces_before_it_is_recorded_is_told_again(scene: Scene) -> None:
    """The rest of the batch is taken meanwhile."""
    approver = someone()
    decision = (await scene.agent.ask(approver=approver))["id"]
    await scene.agent.audited(decision, "notification.sent")
    mail, message_id = await scene.mail_to(approver)
    early = event("bounce", mail, "not-recorded-yet")
    batch = [early, event("delivered", mail, message_id)]
    answer = await scene.webhook.post(scene.url, batch)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert scene.kept(decision) == ["delivered"]
    statement = "UPDATE deliveries SET provider_message_id = ? WHERE decision_id = ?"
    in_store(scene.agent.service, statement, "not-recorded-yet", decision)
    assert (await scene.webhook.post(scene.url, batch)).status_code == 204
    assert scene.kept(decision) == ["bounce", "delivered"]
    assert await scene.signals(decision) == 1


async def test_a_batch_of_a_thousand(scene: Scene) -> None:
    """What is ours in it is found, and it is answered before SendGrid gives up waiting."""
    approvers = [someone() for _ in range(20)]
    asked = await asyncio.gather(*(scene.agent.ask(approver=each) for each in approvers))
    for each in asked:
        await scene.agent.audited(each["id"], "notification.sent")
    kinds = ["processed", "deferred", "delivered", "open"]
    ours = [await scene.event(kind, each) for each in approvers for kind in kinds]
    lost = [await scene.event("bounce", each) for each in approvers[:10]]
    mail, _ = await scene.mail_to(approvers[0])
    theirs = [event("bounce", mail, f"foreign-{n}", decision_id="dec_x") for n in range(910)]
    started = time.monotonic()
    answer = await scene.webhook.post(scene.url, [*theirs, *ours, *lost])
    assert answer.status_code == 204, answer.text
    assert time.monotonic() - started < 10
    for index, each in enumerate(asked):
        expected = ["bounce"] if index < 10 else []
        assert scene.kept(each["id"]) == [*expected, "deferred", "delivered"]
        assert await scene.signals(each["id"]) == len(expected)


@pytest.mark.parametrize(
    ("body", "code", "status"),
    [
        (b"", "bad_request", 400),
        (b"{", "bad_request", 400),
        (b'{"event": "bounce"}', "bad_request", 400),
        (b'[{"event": "bounce", "event": "delivered"}]', "bad_request", 400),
        (b"[" * 100_000, "bad_request", 400),
        (b"[" + b" " * MB + b"]", "content_too_large", 413),
    ],
)
async def test_what_is_no_batch_is_refused(
    scene: Scene, body: bytes, code: str, status: int
) -> None:
    """Also where it is signed."""
    answer = await scene.webhook.send(scene.url, body, scene.webhook.headers(body))
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_scraps_in_a_batch_are_passed_over(scene: Scene) -> None:
    """Whatever else SendGrid comes to tell, what is understood is taken."""
    approver = someone()
    decision = (await scene.agent.ask(approver=approver))["id"]
    await scene.agent.audited(decision, "notification.sent")
    whole = await scene.event("delivered", approver)
    scraps: list[Any] = [
        *(None, 1, "bounce", [], {}),
        *({**whole, "event": each} for each in (None, 1, [], {}, "account_status_change")),
        *({**whole, "sg_event_id": each} for each in (None, 7, "", "x" * 1000, "a\0b")),
        *({**whole, "sg_message_id": each, "smtp-id": each} for each in (None, 7, "." * 300)),
        {**whole, "sg_event_id": "odd-1", "timestamp": 10**30, "response": "a\0b"},
        {**whole, "sg_event_id": "odd-2", "timestamp": "now", "response": {"a": 1}},
        {**whole, "sg_event_id": "odd-3", "timestamp": None, "response": "x" * 5000},
    ]
    answer = await scene.webhook.post(scene.url, scraps)
    assert answer.status_code == 204, answer.text
    assert scene.kept(decision) == ["delivered"] * 3
    entries = await scene.agent.audit(decision)
    told = [e["details"]["reason"] for e in entries if e["type"] == "notification.delivered"]
    assert set(told) == {None, "a b", "x" * 500}


async def test_where_it_is_not_set_up_there_is_nothing(service: RunningService) -> None:
    """No key, no route: nobody's word is taken."""
    webhook = EventWebhook()
    answer = await webhook.post(service.base_url, [])
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    async with web.client() as client:
        assert (await client.get(f"{service.base_url}/events/sendgrid")).status_code == 405


async def test_who_hangs_up_leaves_no_traceback(scene: Scene) -> None:
    """In the middle of a body, at each kind of door: the log has a request, and no fault."""
    service = scene.agent.service
    doors = ("/decisions", "/attachments", "/d/x", "/responses/x", "/events/sendgrid")
    begun = len(service.log("api"))
    for path in doors:
        connection = await Connection.to(service)
        await connection.send(request_of(service, "POST", path, question())[:-10])
        await connection.close()
    await eventually(lambda: service.log("api")[begun:].count('"POST"') == len(doors))
    log = service.log("api")[begun:]
    assert "exception" not in log
    assert '"level": "error"' not in log
