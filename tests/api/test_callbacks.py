"""Callbacks from end to end: the running service, and an agent's own server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from temporalio.client import Client

from store.keys import READ
from tests.api.agent import Agent, in_store, link_to, metric, question, refused_fields, someone
from tests.approver import press
from tests.dev_server import DevServer
from tests.receiver import Received, Receiver, say
from tests.service import RunningService
from tests.support import eventually
from workflows.messages import GIVE_UP_CALLBACK, RETRY_CALLBACK

SECRET = "/auth/callback-secret"


@pytest.fixture(scope="module")
async def calling(
    dev_server: DevServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningService]:
    """A service that may call this machine, and whose decisions end with their callback."""
    running = RunningService(
        dev_server.address,
        tmp_path_factory.mktemp("calling"),
        HANDOVER_OUTGOING_EXCEPTIONS="127.0.0.0/8",
        HANDOVER_RECEIPTS="false",
    )
    await running.start()
    yield running
    running.stop()


@pytest.fixture
async def caller(calling: RunningService) -> AsyncIterator[Agent]:
    """An agent that nobody knows yet."""
    async with await Agent.with_new_key(calling) as agent:
        yield agent


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


async def new_secret(agent: Agent) -> str:
    answer = await agent.http.post(SECRET)
    assert answer.status_code == 201, answer.text
    return answer.json()["secret"]


async def received(receiver: Receiver, count: int = 1) -> Received:
    """The newest request, once there are as many."""
    await eventually(lambda: len(receiver.requests) >= count)
    return receiver.requests[-1]


async def answered(agent: Agent, receiver: Receiver, **fields: object) -> str:
    """A decision with this callback, which its approver has approved by the link."""
    approver = someone()
    decision = await agent.ask(approver=approver, callback_url=receiver.url, **fields)
    page = await press(await link_to(agent.service, approver), "approve", notes="Überprüft")
    assert page.status_code == 200
    return decision["id"]


def verifies(secret: str, request: Received) -> bool:
    try:
        Webhook(secret).verify(request.body, request.headers)
    except WebhookVerificationError:
        return False
    return True


async def page_of(service: Agent) -> str:
    return (await service.http.get("/metrics")).text


async def test_the_agent_hears_what_it_would_read(caller: Agent, receiver: Receiver) -> None:
    """Created, answered by the link, told: verified by the standard's own library."""
    secret = await new_secret(caller)
    decision = await answered(caller, receiver, payload={"amount": 7}, metadata={"thread": "1"})
    request = await received(receiver)
    event: dict[str, Any] = Webhook(secret).verify(request.body, request.headers)
    read = await caller.get(decision)
    assert event == {
        "type": "decision.approved",
        "timestamp": read["resolved_at"],
        "data": read,
    }
    assert read["response_notes"] == "Überprüft"
    entries = await caller.audited(decision, "callback.delivered")
    assert entries[-1]["details"] == {"status_code": 204, "attempts": 1}


async def test_a_withdrawal_is_told_too(caller: Agent, receiver: Receiver) -> None:
    """Every way to end ends with it; and the first secret is made without being asked for."""
    decision = await caller.ask(callback_url=receiver.url)
    await caller.cancel(decision["id"])
    request = await received(receiver)
    assert b'"type":"decision.cancelled"' in request.body
    listed = (await caller.http.get(SECRET)).json()["secrets"]
    assert [each["expires_at"] for each in listed] == [None]


async def test_a_secret_is_rotated_while_a_decision_is_pending(
    caller: Agent, receiver: Receiver
) -> None:
    """The old and the new one both verify; after one more, the oldest does not."""
    first = await new_secret(caller)
    approver = someone()
    await caller.ask(approver=approver, callback_url=receiver.url)
    second = await new_secret(caller)
    await press(await link_to(caller.service, approver), "approve")
    request = await received(receiver)
    assert verifies(first, request)
    assert verifies(second, request)
    third = await new_secret(caller)
    await answered(caller, receiver)
    request = await received(receiver, 2)
    assert [verifies(each, request) for each in (first, second, third)] == [False, True, True]


async def test_failures_are_told_and_tried_again(
    caller: Agent, receiver: Receiver, temporal: Client
) -> None:
    """By itself after five seconds, at once when an operator says so; each time with one id."""
    receiver.behaviours.extend([say(500), say(503)])
    failing = metric(await page_of(caller), "handover_callbacks_failing")
    decision = await answered(caller, receiver)
    await received(receiver, 2)
    entries = await caller.audited(decision, "callback.failed", "callback.failed")
    told = [entry["details"] for entry in entries if entry["type"] == "callback.failed"]
    assert [each["attempt"] for each in told] == [1, 2]
    assert ["500" in told[0]["reason"], "503" in told[1]["reason"]] == [True, True]
    assert told[1]["next_at"] > told[0]["next_at"]
    assert metric(await page_of(caller), "handover_callbacks_failing") == failing + 1
    await temporal.get_workflow_handle(decision).signal(RETRY_CALLBACK)
    await received(receiver, 3)
    await caller.audited(decision, "callback.delivered")
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
    assert metric(await page_of(caller), "handover_callbacks_failing") == failing
    assert (await caller.get(decision))["status"] == "approved"


async def test_an_operator_gives_it_up(caller: Agent, receiver: Receiver, temporal: Client) -> None:
    """The workflow ends, and the decision stays what it is."""
    receiver.behaviours.append(say(500))
    decision = await answered(caller, receiver)
    await caller.audited(decision, "callback.failed")
    handle = temporal.get_workflow_handle(decision)
    await handle.signal(GIVE_UP_CALLBACK)
    await handle.result()
    assert (await caller.get(decision))["status"] == "approved"
    assert len(receiver.requests) == 1


async def test_a_receiver_that_is_gone_is_not_asked_again(
    caller: Agent, receiver: Receiver, temporal: Client
) -> None:
    """410 ends it, and the workflow with it."""
    receiver.behaviours.append(say(410))
    decision = await answered(caller, receiver)
    await temporal.get_workflow_handle(decision).result()
    entries = await caller.audited(decision, "callback.failed", "callback.undelivered")
    assert "410" in entries[-1]["details"]["reason"]
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    "url",
    [
        *("https://127.0.0.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/"),
        *("https://localhost/", "https://localhost:8443/", "https://2130706433/"),
        *("https://0x7f.1/", "https://0177.0.0.1/", "https://127.1/", "https://127.0.0.1./"),
        *("https://169.254.169.254/latest/meta-data/", "https://100.100.100.200/"),
        *("https://[64:ff9b::7f00:1]/", "https://[fe80::1%25lo]/", "https://u:p@example.com/"),
        *("http://example.com/", "https://example.com:22/", "https://1.1.1.1:6379/"),
        *("file:///etc/passwd", "https://", "hook", "https://agent.invalid/"),
        "https://example.com/" + "x" * 2_000,
    ],
)
async def test_a_url_that_leads_inside_is_refused_at_once(agent: Agent, url: str) -> None:
    """422, naming the field; whoever mistyped it learns it now and not in three days."""
    assert refused_fields(await agent.post(question(callback_url=url))) == ["callback_url"]


async def test_a_public_address_is_taken(agent: Agent) -> None:
    """Nothing is sent to it before the decision has ended."""
    decision = await agent.ask(callback_url="https://192.0.3.1:8443/hook?a=b")
    assert decision["status"] == "pending"


async def test_a_secret_is_shown_once(caller: Agent, another_agent: Agent) -> None:
    """Never again, to nobody else, and neither the store nor a log has it."""
    made = (await caller.http.post(SECRET)).json()
    listed = await caller.http.get(SECRET)
    [known] = listed.json()["secrets"]
    assert known == {name: made[name] for name in ("id", "created_at", "expires_at")}
    assert made["secret"] not in listed.text
    service = caller.service
    kept = in_store(service, "SELECT * FROM callback_secrets")
    logs = service.log("api") + service.log("worker")
    assert made["secret"].removeprefix("whsec_") not in str(kept) + logs
    assert (await another_agent.http.get(SECRET)).json() == {"secrets": []}


async def test_a_secret_takes_a_key_that_asks(calling: RunningService) -> None:
    """Who only reads could otherwise lock the agent out."""
    async with await Agent.with_new_key(calling, scopes=frozenset({READ})) as reader:
        for answer in (await reader.http.post(SECRET), await reader.http.get(SECRET)):
            assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
