"""The channel `webhook` from end to end: the running service, and approvers' own systems."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx2
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from store.keys import ADMIN
from tests import web
from tests.api.agent import Agent, in_store, link_to, question, refused_fields, someone
from tests.api.codes import CRITICAL, mailed_code
from tests.api.inboxes import PRESSED, inbox_url
from tests.api.systems import Reached, System, put
from tests.approver import mails, press
from tests.dev_server import DevServer
from tests.receiver import Received, Receiver, say
from tests.service import RunningService
from tests.support import eventually


@pytest.fixture(scope="module")
async def calling(
    dev_server: DevServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningService]:
    """A service that may call this machine."""
    running = RunningService(
        dev_server.address,
        tmp_path_factory.mktemp("calling"),
        HANDOVER_OUTGOING_EXCEPTIONS="127.0.0.0/8",
    )
    await running.start()
    yield running
    running.stop()


@pytest.fixture
async def caller(calling: RunningService) -> AsyncIterator[Agent]:
    async with Agent.of(calling) as agent:
        yield agent


@pytest.fixture
async def admin(calling: RunningService) -> AsyncIterator[Agent]:
    async with await Agent.with_new_key(calling, scopes=frozenset({ADMIN})) as admin:
        yield admin


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def ann(admin: Agent, stack: AsyncExitStack) -> Reached:
    return await Reached.by(admin, stack)


async def fetched(url: str) -> httpx2.Response:
    async with web.client(timeout=30) as client:
        return await client.get(url)


async def test_asked_and_answered_in_json(caller: Agent, ann: Reached) -> None:
    """By webhook alone: the question, the answer, the receipt; and no mail at all."""
    decision = await caller.ask(approver=ann.address, channel="webhook", payload={"amount": 7})
    asked = await ann.event("requested")
    assert asked["data"]["decision"]["payload"] == {"amount": 7}
    assert asked["data"]["expires_at"] == decision["expires_at"]
    read = (await fetched(asked["data"]["respond_url"])).json()
    for told in (read, asked["data"]):
        del told["decision"]["notifications"], told["decision"]["notified_at"]
    assert read == asked["data"]
    answer = await ann.answer("approve", notes="Checked")
    assert (answer.status_code, answer.json()["status"]) == (200, "approved")
    receipt = await ann.event("receipt")
    assert receipt["data"]["decision"]["response_notes"] == "Checked"
    assert receipt["timestamp"] == receipt["data"]["decision"]["resolved_at"]
    assert mails(caller.service, ann.address) == []
    sent = [
        entry["details"]
        for entry in await caller.audited(decision["id"], *["notification.sent"] * 2)
        if entry["type"] == "notification.sent"
    ]
    assert [each["channel"] for each in sent] == ["webhook", "webhook"]
    ids = {each["provider_message_id"] for each in sent}
    assert ids == {request.headers["webhook-id"] for request in ann.receiver.requests}


@pytest.mark.parametrize("way", ["page", "system"])
async def test_two_channels_are_answered_by_either(caller: Agent, ann: Reached, way: str) -> None:
    """One answer settles it, and both are told."""
    channels = ["email", "webhook"]
    decision = (await caller.ask(approver=ann.address, channel=channels))["id"]
    link = await link_to(caller.service, ann.address)
    await ann.event("requested")
    if way == "page":
        assert (await press(link, "deny")).status_code == 200
        assert (await ann.answer("approve")).status_code == 409
    else:
        assert (await ann.answer("deny")).status_code == 200
        assert "denied" in (await fetched(link)).text.lower()
    assert (await caller.get(decision))["status"] == "denied"
    assert (await ann.event("receipt"))["data"]["decision"]["status"] == "denied"
    await eventually(lambda: len(mails(caller.service, ann.address)) == 2)
    assert len(ann.events()) == 2


async def test_who_did_not_answer_is_told(
    caller: Agent, admin: Agent, ann: Reached, stack: AsyncExitStack
) -> None:
    """The other one's system hears that it is settled, and by whom."""
    ben = await Reached.by(admin, stack, "ben")
    await caller.ask(approver=[ann.address, ben.address], channel="webhook")
    await ann.event("requested")
    await ben.event("requested")
    await ann.answer("approve")
    settled = await ben.event("settled")
    assert settled["data"]["decision"]["resolved_by"] == ann.address
    assert ann.events("settled") == ben.events("receipt") == []


async def test_reminders_and_escalation(
    caller: Agent, admin: Agent, ann: Reached, stack: AsyncExitStack
) -> None:
    """Who does not answer is reminded, and then the next system is asked."""
    ben = await Reached.by(admin, stack, "ben")
    await caller.ask(
        approver=ann.address,
        channel="webhook",
        remind_after_minutes=0.01,
        max_reminders=1,
        escalation=[{"after_minutes": 0.1, "approvers": [ben.address]}],
    )
    reminder, escalated = await ann.event("reminder"), await ben.event("escalated")
    asked = await ann.event("requested")
    assert asked["timestamp"] < reminder["timestamp"] < escalated["timestamp"]
    assert reminder["data"]["digest"] == asked["data"]["digest"] == escalated["data"]["digest"]
    assert escalated["data"]["respond_url"] != asked["data"]["respond_url"]
    assert (await ben.answer("approve")).status_code == 200
    assert (await ann.event("settled"))["data"]["decision"]["resolved_by"] == ben.address


async def test_a_system_that_is_gone(
    caller: Agent, admin: Agent, ann: Reached, stack: AsyncExitStack
) -> None:
    """410: the next approver is asked at once, and the record says why."""
    ben = await Reached.by(admin, stack, "ben")
    ann.receiver.behaviours.append(say(410))
    decision = await caller.ask(
        approver=ann.address,
        channel="webhook",
        escalation=[{"after_minutes": 30, "approvers": [ben.address]}],
    )
    await ben.event("escalated")
    entries = await caller.audited(decision["id"], "delivery.failed")
    [failed] = [e["details"] for e in entries if e["type"] == "delivery.failed"]
    assert (failed["approver"], failed["channel"]) == (ann.address, "webhook")
    assert "410" in failed["reason"]
    assert len(ann.receiver.requests) == 1


async def test_a_system_that_is_away(caller: Agent, ann: Reached) -> None:
    """It is asked again, under the same id; and then answers as if nothing had been."""
    ann.receiver.behaviours.extend([say(503), say(429, Retry_After="1")])
    await caller.ask(approver=ann.address, channel="webhook")
    await eventually(lambda: len(ann.receiver.requests) == 3, timeout=30)
    assert len({request.headers["webhook-id"] for request in ann.receiver.requests}) == 1
    assert (await ann.answer("approve")).status_code == 200


async def test_a_code_goes_by_mail(caller: Agent, ann: Reached) -> None:
    """Also where everything else is posted: it shows that a person reads that address."""
    await caller.ask(approver=ann.address, channel="webhook", **CRITICAL)
    await ann.event("requested")
    assert (await ann.answer("approve")).json()["code"] == "needs_code"
    code = await mailed_code(caller.service, ann.address)
    assert (await ann.answer("approve", code=code)).status_code == 200
    posted = b"".join(request.body for request in ann.receiver.requests)
    assert code.encode() not in posted


async def test_a_secret_is_rotated(caller: Agent, admin: Agent, ann: Reached) -> None:
    """The old and the new one both verify; after one more, the oldest does not."""

    async def rotated() -> str:
        answer = await admin.http.post(f"/approvers/{ann.address}/webhook-secret")
        assert answer.status_code == 201, answer.text
        return answer.json()["webhook_secret"]

    async def verified(secrets: list[str]) -> list[bool]:
        decision = await caller.ask(approver=ann.address, channel="webhook")
        # The end of the decision before may be told only now.
        request = await eventually(lambda: asked(decision["id"]))
        await caller.cancel(decision["id"])
        return [verifies(each, request) for each in secrets]

    def asked(decision_id: str) -> Received | None:
        found = (r for r in ann.receiver.requests if decision_id.encode() in r.body)
        return next(found, None)

    second = await rotated()
    assert await verified([ann.secret, second]) == [True, True]
    third = await rotated()
    assert await verified([ann.secret, second, third]) == [False, True, True]


def verifies(secret: str, request: Received) -> bool:
    try:
        Webhook(secret).verify(request.body, request.headers)
    except WebhookVerificationError:
        return False
    return True


async def test_a_secret_is_shown_once(admin: Agent, stack: AsyncExitStack) -> None:
    """With the first URL; neither a read, nor a second URL, nor the store or a log has it."""
    receiver, address = await stack.enter_async_context(Receiver()), someone("ann")
    made = (await put(admin, address, webhook_url=receiver.url, language="de")).json()
    secret = made.pop("webhook_secret")
    read = await admin.http.get(f"/approvers/{address.upper()}")
    assert read.json() == made | {"address": read.json()["address"]}
    assert made["webhook_url"] == receiver.url
    again = await put(admin, address, webhook_url=receiver.url + "?other")
    assert "webhook_secret" not in again.json()
    kept = in_store(admin.service, "SELECT * FROM approvers")
    logs = admin.service.log("api") + admin.service.log("worker")
    assert secret.removeprefix("whsec_") not in str(kept) + logs + read.text


async def test_taken_back(caller: Agent, admin: Agent, ann: Reached) -> None:
    """Left out, it is gone as everything is, and nobody is asked by it any more."""
    assert "webhook_secret" not in (await put(admin, ann.address, language="de")).json()
    read = (await admin.http.get(f"/approvers/{ann.address}")).json()
    assert (read["language"], read["webhook_url"]) == ("de", None)
    assert (await admin.http.post(f"/approvers/{ann.address}/webhook-secret")).status_code == 404
    refused = await caller.post(question(approver=ann.address, channel="webhook"))
    assert refused_fields(refused) == ["channel"]
    new = (await put(admin, ann.address, webhook_url=ann.receiver.url)).json()["webhook_secret"]
    assert new != ann.secret
    assert (await admin.http.delete(f"/approvers/{ann.address}")).status_code == 204
    assert (await admin.http.get(f"/approvers/{ann.address}")).status_code == 404


async def test_nobody_but_an_administrator_says_where(
    caller: Agent, admin: Agent, ann: Reached
) -> None:
    """An agent that could would approve itself; an approver's own settings leave it as it is."""
    for answer in (
        await put(caller, ann.address, webhook_url="https://192.0.3.1:8443/"),
        await caller.http.post(f"/approvers/{ann.address}/webhook-secret"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
    settings = inbox_url(caller.service, ann.address) + "/settings"
    chosen = {"language": "fr", "time_zone": "", "webhook_url": "https://192.0.3.1:8443/"}
    async with web.client() as browser:
        assert (await browser.post(settings, data=chosen | PRESSED)).status_code == 200
    read = (await admin.http.get(f"/approvers/{ann.address}")).json()
    assert (read["language"], read["webhook_url"]) == ("fr", ann.receiver.url)


@pytest.mark.parametrize(
    "url",
    [
        *("https://10.0.0.1/", "https://169.254.169.254/latest/meta-data/", "https://[fd00::1]/"),
        *("http://example.com/", "https://example.com:22/", "https://u:p@example.com/"),
        *("file:///etc/passwd", "https://", "hook", "", "https://approver.invalid/", 7),
        "https://example.com/" + "x" * 2_000,
    ],
)
async def test_a_url_that_leads_inside_is_refused_at_once(admin: Agent, url: object) -> None:
    """422, naming the field, and nothing is set."""
    address = someone("ann")
    assert refused_fields(await put(admin, address, webhook_url=url)) == ["webhook_url"]
    assert (await admin.http.get(f"/approvers/{address}")).status_code == 404


@pytest.mark.parametrize("channel", ["webhook", ["email", "webhook"]])
async def test_who_has_no_system(caller: Agent, ann: Reached, channel: object) -> None:
    """422 before anybody is asked: names the channel, who it is, and what to do about it."""
    ben = someone("ben")
    step = {"after_minutes": 5, "approvers": [ben]}
    for asked in (
        {"approver": [ann.address, ben]},
        {"approver": ann.address, "escalation": [step]},
    ):
        refused = await caller.post(question(channel=channel, **asked))
        assert refused_fields(refused) == ["channel"]
        told = refused.json()["error"]
        assert ben in told
        assert ann.address not in told
        assert "PUT /approvers/{address}" in told
    assert ann.receiver.requests == []


async def test_taken_back_while_it_is_asked(
    caller: Agent, admin: Agent, ann: Reached, stack: AsyncExitStack
) -> None:
    """A later step whose system is gone by then is a failed delivery, and no fault."""
    ben = await Reached.by(admin, stack, "ben")
    step = {"after_minutes": 30, "approvers": [ben.address]}
    decision = await caller.ask(approver=ann.address, channel="webhook", escalation=[step])
    await ann.event("requested")
    await admin.http.delete(f"/approvers/{ben.address}")
    assert (await ann.answer("not_me")).status_code == 200
    entries = await caller.audited(decision["id"], "delivery.failed")
    [failed] = [e["details"] for e in entries if e["type"] == "delivery.failed"]
    assert failed["approver"] == ben.address
    assert "PUT /approvers/" in failed["reason"]
    assert (await caller.get(decision["id"]))["status"] == "pending"
    assert ben.receiver.requests == []


async def test_the_system_is_the_same_as_the_links(caller: Agent, ann: Reached) -> None:
    """What is posted has the token of the page, and each answers for the other."""
    decision = (await caller.ask(approver=ann.address, channel="webhook"))["id"]
    asked = (await ann.event("requested"))["data"]
    system = System(caller, decision, ann.address)
    assert (asked["respond_url"], asked["page_url"]) == (system.url, system.page)
    assert (await press(asked["page_url"], "approve")).status_code == 200
