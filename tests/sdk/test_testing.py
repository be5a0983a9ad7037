"""`handover.testing`: what a test scripts, and what it sees."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from handover import (
    ActionDenied,
    AsyncHandoverClient,
    ConflictError,
    Decision,
    DecisionExpired,
    HandoverClient,
    InvalidRequestError,
    NotFoundError,
    permitted_payload,
)
from handover.testing import FakeHandover, Reply, UnansweredError, UnfitReplyError
from tests.support import wait_until

ASK: dict[str, Any] = {"action": "Refund order 1142", "approver": "approver@example.com"}


@pytest.fixture
def fake() -> FakeHandover:
    return FakeHandover()


@pytest.fixture
def client(fake: FakeHandover) -> HandoverClient:
    return fake.client()


def test_nobody_answers(fake: FakeHandover, client: HandoverClient) -> None:
    """Without a script, what would wait for ever fails at once, and says what is missing."""
    with pytest.raises(UnansweredError, match=r"Refund order 1142.*approves\(\)"):
        client.decisions.create(**ASK)
    pending = client.decisions.create(**ASK, wait=False)
    assert pending.status == "pending"
    with pytest.raises(AssertionError, match=pending.id):
        client.decisions.wait(pending.id)
    assert [asked.status for asked in fake.decisions] == ["pending", "pending"]


async def test_nobody_answers_in_an_event_loop(fake: FakeHandover) -> None:
    """The asynchronous client fails the same way."""
    with pytest.raises(UnansweredError):
        await fake.async_client().decisions.create(**ASK)


def test_in_order(fake: FakeHandover, client: HandoverClient) -> None:
    """Each script is for one decision, in their order, whoever asks."""
    fake.approves(notes="Go ahead.", by="approver@example.com")
    fake.denies(notes="Too much.")
    fake.modifies("Send a voucher")
    fake.answers("approve", data={"chosen": "b"})
    fake.expires()
    fake.cancels()
    choose = {"response_type": {"type": "choose", "choices": ["a", "b"]}}
    more: list[dict[str, Any]] = [{}, {}, {}, choose, {}, {}]
    answered = [client.decisions.create(**ASK, **fields) for fields in more]
    assert [(each.status, each.origin) for each in answered] == [
        ("approved", "human"),
        ("denied", "human"),
        ("modified", "human"),
        ("approved", "human"),
        ("expired", "timeout"),
        ("cancelled", "operator"),
    ]
    assert [each.response_data for each in answered[2:4]] == [
        {"action": "Send a voucher"},
        {"chosen": "b"},
    ]
    assert (answered[0].response_notes, answered[0].resolved_by) == ("Go ahead.", ASK["approver"])
    assert fake.decisions == answered
    with pytest.raises(UnansweredError):
        client.decisions.create(**ASK)


def test_by_a_function(fake: FakeHandover, client: HandoverClient) -> None:
    """A function sees each decision and answers those that it likes to; the others go on to what
    is scripted after it."""

    def halve(asked: Decision) -> Reply | None:
        amount = (asked.payload or {})["amount"]
        return (
            None
            if amount < 100
            else Reply(choice="modify", data={"payload": {"amount": amount / 2}})
        )

    fake.answers_by(halve)
    fake.approves()
    payloads = [
        permitted_payload(client.approve(**ASK, payload={"amount": amount}))
        for amount in (300, 10, 500)
    ]
    assert payloads == [{"amount": 150}, {"amount": 10}, {"amount": 250}]
    fake.answers_by(lambda asked: "expires")
    with pytest.raises(DecisionExpired):
        client.approve(**ASK, payload={"amount": 10})


def test_what_was_asked(fake: FakeHandover, client: HandoverClient) -> None:
    """`decisions` has what was asked, with all fields, for assertions."""
    fake.approves()
    client.decisions.create(**ASK, payload={"amount": 5}, metadata={"k": "v"}, urgency="high")
    (asked,) = fake.decisions
    assert (asked.action, asked.approver, asked.urgency) == (*ASK.values(), "high")
    assert (asked.payload, asked.metadata) == ({"amount": 5}, {"k": "v"})


async def test_answered_while_a_task_waits(fake: FakeHandover) -> None:
    """An answer ends the waiting of another task."""
    fake.stays_pending()
    async with fake.async_client() as client:
        waiting = asyncio.create_task(client.decisions.create(**ASK))
        await asyncio.sleep(0)
        (asked,) = fake.decisions
        assert not waiting.done()
        answered = fake.answer(asked.id, "approve", notes="Go ahead.")
        assert await asyncio.wait_for(waiting, 5) == answered


def test_answered_while_a_thread_waits(fake: FakeHandover, client: HandoverClient) -> None:
    """An answer ends the waiting of another thread; so does the agent that withdraws."""
    for end in (lambda asked: fake.answer(asked, "deny"), client.decisions.cancel):
        fake.stays_pending()
        got: list[Decision] = []
        thread = threading.Thread(target=lambda got=got: got.append(client.decisions.create(**ASK)))
        known = len(fake.decisions)
        thread.start()
        wait_until(lambda known=known: len(fake.decisions) > known)
        ended = end(fake.decisions[-1].id)
        thread.join(5)
        assert got == [ended]


async def test_time_passes_while_a_task_waits(fake: FakeHandover) -> None:
    """`advance` escalates and expires what is due, and so ends waiting too."""
    fake.stays_pending()
    step = {"after_minutes": 10, "approvers": ["backup@example.com"]}
    async with fake.async_client() as client:
        fields = {**ASK, "escalation": [step], "timeout_minutes": 30}
        waiting = asyncio.create_task(client.approve(**fields))
        await asyncio.sleep(0)
        fake.advance(minutes=11)
        (asked,) = fake.decisions
        assert (asked.status, asked.escalation_level) == ("pending", 1)
        assert not waiting.done()
        fake.advance(minutes=20)
        with pytest.raises(DecisionExpired) as caught:
            await asyncio.wait_for(waiting, 5)
        assert caught.value.decision.resolved_at == asked.expires_at
        types = [entry.type for entry in await client.decisions.audit(asked.id)]
    assert types == [
        "decision.created",
        "approver.asked",
        "decision.escalated",
        "approver.asked",
        "decision.expired",
    ]


def test_not_me(fake: FakeHandover, client: HandoverClient) -> None:
    """Who says "not me" is followed by the next approver, and the script by its next answer."""
    step = {"after_minutes": 30, "approvers": ["backup@example.com"]}
    fake.answers("not_me")
    fake.approves()
    decision = client.decisions.create(**ASK, escalation=[step])
    assert (decision.resolved_by, decision.escalation_level) == ("backup@example.com", 1)
    fake.answers("not_me")
    fake.stays_pending()
    nobody = client.decisions.create(**ASK, wait=False)
    assert client.decisions.get(nobody.id).unreachable
    with pytest.raises(InvalidRequestError, match="not being asked"):
        fake.answer(nobody.id, "approve", by="approver@example.com")


def test_not_waited_for(fake: FakeHandover, client: HandoverClient) -> None:
    """Who does not wait gets a pending decision, as from the service, and its answer later."""
    fake.approves()
    asked = client.decisions.create(**ASK, wait=False)
    assert asked.status == "pending"
    assert client.decisions.wait(asked.id).approved


def test_unfit_replies(fake: FakeHandover, client: HandoverClient) -> None:
    """A script that answers what the service would not take is the test's mistake, and is told."""
    fake.answers("approve", data={"chosen": "c"})
    with pytest.raises(UnfitReplyError, match=r"chosen: choose one of: a, b"):
        client.decisions.create(**ASK, response_type={"type": "choose", "choices": ["a", "b"]})
    fake.approves(by="stranger@example.com")
    with pytest.raises(UnfitReplyError, match="not being asked"):
        client.decisions.create(**ASK)
    fake.answers_by(lambda asked: "perhaps")  # pyright: ignore[reportArgumentType] - it is no answer
    with pytest.raises(UnfitReplyError, match="perhaps"):
        client.decisions.create(**ASK)


def test_answers_are_refused(fake: FakeHandover, client: HandoverClient) -> None:
    """`answer` raises what the service answers: for a settled decision, an unknown one, and for
    what does not fit; the record has the attempts."""
    fake.stays_pending()
    asked = client.decisions.create(**ASK, wait=False, options=["approve", "deny"])
    with pytest.raises(InvalidRequestError, match="not offered"):
        fake.answer(asked.id, "modify", data={"action": "a"})
    fake.answer(asked.id, "approve")
    with pytest.raises(ConflictError) as caught:
        fake.answer(asked.id, "deny")
    assert caught.value.decision
    assert caught.value.decision.status == "approved"
    with pytest.raises(NotFoundError):
        fake.answer("dec_other", "deny")
    types = [entry.type for entry in client.decisions.audit(asked.id)]
    assert types[2:] == ["response.refused", "decision.approved", "response.late"]


def test_files(fake: FakeHandover, client: HandoverClient) -> None:
    """Approvers' files are given by name and content."""
    fake.approves(files={"contract.txt": b"Signed: Alice\n"})
    decision = client.decisions.create(**ASK, response_type={"type": "file_upload"})
    (file,) = (decision.response_data or {})["uploaded_files"]
    assert (file["name"], file["size"]) == ("contract.txt", 14)


def test_scheduled() -> None:
    """With a time that begins in the past, a scheduled action is permitted once its time has
    come."""
    began = datetime(2026, 1, 5, 10, tzinfo=UTC)
    fake = FakeHandover(now=began)
    client = fake.client()
    fake.answers("approve", data={"execute_at": "2026-01-05T12:00:00Z"})
    with pytest.raises(ActionDenied, match="2026-01-05 12:00"):
        client.approve(**ASK, response_type={"type": "schedule"})
    (asked,) = fake.decisions
    assert (asked.created_at - began) < timedelta(minutes=1)
    fake.advance(hours=2)
    assert client.decisions.wait(asked.id).action_permitted


def test_agents(fake: FakeHandover) -> None:
    """Clients have the keys of agents by name; one that may resolve sees and answers for all."""
    asked = fake.client("refunds").decisions.create(**ASK, wait=False)
    with pytest.raises(NotFoundError):
        fake.client("deployments").decisions.get(asked.id)
    operator = fake.client("operations", may_resolve=True)
    assert operator.decisions.resolve(asked.id, "approve").resolved_by == "operations"


def test_found_by_the_environment(fake: FakeHandover, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its base_url and api_key in the environment, clients made without arguments are its
    clients, and each fake is a service of its own."""
    monkeypatch.setenv("HANDOVER_BASE_URL", fake.base_url)
    monkeypatch.setenv("HANDOVER_API_KEY", fake.api_key)
    fake.approves()
    HandoverClient().decisions.create(**ASK)
    assert len(fake.decisions) == 1
    assert FakeHandover().decisions == []


async def test_both_kinds_of_clients(fake: FakeHandover) -> None:
    """Both clients, and what `with_options` makes of them, speak to the same service."""
    asked = fake.client().decisions.create(**ASK, wait=False)
    client = fake.async_client()
    assert isinstance(client, AsyncHandoverClient)
    assert (await client.decisions.get(asked.id)).id == asked.id
    assert (await client.with_options(timeout=1).decisions.get(asked.id)).id == asked.id
    assert (await client.keys()).keys == []


def test_a_network_of_ones_own() -> None:
    """As the service has it allowed; others are refused as there."""
    client = FakeHandover(local_domains=["Corp.local"]).client()
    asked = client.decisions.create(action="Refund", approver="ann@it.corp.local", wait=False)
    assert asked.status == "pending"
    with pytest.raises(InvalidRequestError, match="a network of its own"):
        client.decisions.create(action="Refund", approver="ann@other.local", wait=False)


def test_nothing_is_kept() -> None:
    """A fake that nobody uses any more is forgotten."""
    fake = FakeHandover()
    known = weakref.ref(fake)
    del fake
    gc.collect()
    assert known() is None
