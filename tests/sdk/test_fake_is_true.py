"""`handover.testing.FakeHandover` and the running service: one suite for both, so that the fake
cannot say what the service would not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from handover import (
    ActionDenied,
    AlreadyClaimed,
    APIError,
    AsyncHandoverClient,
    ConflictError,
    Decision,
    DecisionCancelled,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    WaitTimeoutError,
    permitted_payload,
)
from handover.models import DecisionRequest
from handover.proof import request_digest
from handover.testing import FakeHandover
from links import Link, LinkKeys
from store.keys import AGENT_SCOPES, RESOLVE
from tests.api.agent import Agent, link_to, someone
from tests.approver import press
from tests.service import RunningService
from tests.support import eventually

FUTURE = (datetime.now(UTC) + timedelta(days=2)).replace(microsecond=0)
NOT_OF_PEOPLE = ("notification.", "signal.", "delivery.", "callback.")
"""What the record has besides, of messages and of Temporal."""


@dataclass
class House:
    """A service with an agent, another agent, and somebody who may resolve."""

    agent: AsyncHandoverClient
    other: AsyncHandoverClient
    resolver: AsyncHandoverClient
    place: FakeHandover | RunningService

    async def ask(self, **fields: Any) -> Decision:
        """A pending decision."""
        asked = {"action": "Refund order 1142", "approver": someone(), **fields}
        self.expect()
        return await self.agent.decisions.create(**asked, wait=False)

    def expect(self) -> None:
        """The next decision is to stay pending until this test has it answered."""
        if isinstance(self.place, FakeHandover):
            self.place.stays_pending()

    async def press(self, decision: Decision, choice: str, **typed: str) -> None:
        """Answer as the (only) approver does, on the page."""
        approver = decision.approver
        assert isinstance(approver, str)
        if isinstance(self.place, RunningService):
            await press(await link_to(self.place, approver), choice, **typed)
        else:
            notes, data = typed.pop("notes", None), {k: read(v) for k, v in typed.items()}
            self.place.answer(decision.id, choice, notes=notes, data=data or None)  # pyright: ignore[reportArgumentType] - choice is one of the choices

    async def types(self, decision: Decision) -> list[str]:
        """What the record has of people."""
        entries = await self.agent.decisions.audit(decision.id)
        return [entry.type for entry in entries if not entry.type.startswith(NOT_OF_PEOPLE)]


def read(typed: str) -> Any:
    """What the page makes of a field."""
    try:
        return json.loads(typed)
    except ValueError:
        return typed


@pytest.fixture(params=["fake", "real"])
def place(request: pytest.FixtureRequest) -> FakeHandover | RunningService:
    return FakeHandover() if request.param == "fake" else request.getfixturevalue("service")


@pytest.fixture
async def house(place: FakeHandover | RunningService) -> AsyncIterator[House]:
    async with AsyncExitStack() as opened:
        if isinstance(place, FakeHandover):
            clients = [place.async_client("one"), place.async_client("two")]
            clients.append(place.async_client("operations", may_resolve=True))
        else:
            scopes = [AGENT_SCOPES, AGENT_SCOPES, AGENT_SCOPES | {RESOLVE}]
            clients = [await client_of(place, each) for each in scopes]
        for client in clients:
            opened.push_async_callback(client.close)
        agent, other, resolver = clients
        yield House(agent, other, resolver, place)


async def client_of(service: RunningService, scopes: frozenset[str]) -> AsyncHandoverClient:
    async with await Agent.with_new_key(service, None, scopes) as agent:
        key = agent.http.headers["authorization"].removeprefix("Bearer ")
    return AsyncHandoverClient(key, service.base_url)


async def test_pending(house: House) -> None:
    """A decision that nobody has answered has these fields, and no others, with these values."""
    decision = await house.ask(payload={"amount": 49.9}, metadata={"thread": "8a41"}, context="c")
    told = decision.model_dump(mode="json", exclude_unset=True)
    told.pop("notifications")
    assert (told.pop("id")[:4], decision.approver) == ("dec_", told.pop("approver"))
    created_at, expires_at = decision.created_at, decision.expires_at
    assert expires_at - created_at == timedelta(minutes=60)
    assert (told.pop("created_at"), told.pop("expires_at")) != (None, None)
    assert len(told.pop("payload_digest")) == len(told.pop("request_digest")) == 64
    assert told.pop("idempotency_key").startswith("auto-")
    assert told.pop("execution") is None
    assert "notified_at" in told  # which the service may know already
    del told["notified_at"]
    assert told == {
        "status": "pending",
        "approved": False,
        "action": "Refund order 1142",
        "context": "c",
        "urgency": "medium",
        "timeout_minutes": 60,
        "escalation": [],
        "channel": "email",
        "options": ["approve", "deny", "modify"],
        "payload": {"amount": 49.9},
        "response_type": {"type": "approve_deny"},
        "context_images": [],
        "attachment_ids": [],
        "attachments": [],
        "callback_url": None,
        "enforce": False,
        "metadata": {"thread": "8a41"},
        "remind_after_minutes": None,
        "remind_every_minutes": None,
        "max_reminders": None,
        "response_notes": None,
        "response_data": None,
        "resolved_at": None,
        "resolved_by": None,
        "execute_at": None,
        "escalation_level": 0,
        "unreachable": False,
        "stalled": None,
        "origin": None,
        "proof": None,
    }


async def test_when_somebody_was_first_reached(house: House) -> None:
    """It is told soon after the question was asked, and stays what it is."""
    decision = await house.ask()
    read = await eventually(lambda: _notified(house, decision.id))
    assert read.notified_at
    assert decision.created_at <= read.notified_at <= decision.expires_at
    await house.press(decision, "deny")
    answered = await house.agent.decisions.wait(decision.id)
    assert answered.notified_at == read.notified_at


async def _notified(house: House, decision_id: str) -> Decision | None:
    read = await house.agent.decisions.get(decision_id)
    return read if read.notified_at else None


async def test_what_tells_a_decision_apart(house: House) -> None:
    """Every reader has the digest of what was asked; the key is told to the agent that asked with
    it, and to nobody else, also where the decision stands in the way."""
    asked: dict[str, Any] = {"action": "Refund order 1142", "approver": someone()}
    house.expect()
    decision = await house.agent.decisions.create(**asked, wait=False, idempotency_key="order 1142")
    assert decision.request_digest == request_digest(DecisionRequest.model_validate(asked))
    assert decision.idempotency_key == "order 1142"
    seen = await house.resolver.decisions.get(decision.id)
    assert (seen.request_digest, seen.idempotency_key) == (decision.request_digest, None)
    answered = await house.resolver.decisions.resolve(decision.id, "deny")
    assert (answered.request_digest, answered.idempotency_key) == (decision.request_digest, None)
    with pytest.raises(ConflictError) as caught:
        await house.agent.decisions.extend(decision.id, timeout_minutes=5)
    assert caught.value.decision
    assert caught.value.decision.idempotency_key == "order 1142"
    with pytest.raises(ConflictError) as caught:
        await house.resolver.decisions.resolve(decision.id, "deny")
    assert caught.value.decision
    assert caught.value.decision.idempotency_key is None


async def test_approved_by_the_approver(house: House) -> None:
    """Whoever waits has the approver's answer, with who it was."""
    decision = await house.ask(enforce=True)
    waiting = asyncio.create_task(house.agent.decisions.wait(decision.id))
    await house.press(decision, "approve", notes="Go ahead.")
    answered = await waiting
    assert (answered.status, answered.approved, answered.origin) == ("approved", True, "human")
    assert (answered.resolved_by, answered.response_notes) == (decision.approver, "Go ahead.")
    assert answered.action_permitted
    assert permitted_payload(answered) is None
    assert await house.types(decision) == [
        "decision.created",
        "approver.asked",
        "decision.approved",
    ]


async def test_denied_by_the_approver(house: House) -> None:
    """An enforced decision that is denied raises, with the decision."""
    decision = await house.ask(enforce=True)
    await house.press(decision, "deny", notes="Too much.")
    with pytest.raises(ActionDenied) as caught:
        await house.agent.decisions.wait(decision.id)
    denied = caught.value.decision
    assert (denied.status, denied.approved, denied.response_data) == ("denied", False, None)
    assert (denied.action_permitted, denied.response_notes) == (False, "Too much.")


async def test_modified_payload(house: House) -> None:
    """A changed payload is what is permitted, and its digest changes with it."""
    decision = await house.ask(payload={"amount": 60}, enforce=True)
    change = {"action": "modify", "response_data": {"payload": {"amount": 45}}}
    modified = await house.resolver.decisions.resolve(decision.id, **change)
    assert (modified.status, modified.approved, modified.origin) == ("modified", False, "operator")
    assert (modified.action_permitted, modified.payload) == (True, {"amount": 60})
    assert permitted_payload(modified) == {"amount": 45}
    assert modified.payload_digest != decision.payload_digest


async def test_modified_action(house: House) -> None:
    """Without a payload the action is changed, in words that permit nothing."""
    decision = await house.ask(enforce=True)
    change = {"action": "modify", "response_data": {"action": "Send a voucher"}}
    modified = await house.resolver.decisions.resolve(decision.id, **change)
    assert modified.response_data == {"action": "Send a voucher"}
    assert modified.action_permitted is False


async def test_a_permitted_action_runs_once(house: House) -> None:
    """Of many who claim it one may run it; the others are told who has it, since when, and how it
    ended, and so are the decision and its record."""
    decision = await house.ask(payload={"amount": 60}, enforce=True)
    change = {"action": "modify", "response_data": {"payload": {"amount": 45}}}
    await house.resolver.decisions.resolve(decision.id, **change)
    claims = [house.agent.decisions.claim(decision.id, worker=f"worker {n}") for n in range(8)]
    claimed = await asyncio.gather(*claims, return_exceptions=True)
    [won] = [each for each in claimed if isinstance(each, Decision)]
    lost = [each for each in claimed if isinstance(each, AlreadyClaimed)]
    assert (len(lost), permitted_payload(won)) == (7, {"amount": 45})
    assert won.execution
    running = won.execution.model_dump(exclude={"claim_id", "claimed_at", "claimed_by", "worker"})
    assert running == {"status": "claimed", "finished_at": None, "result": None}
    assert all(each.decision.execution == won.execution for each in lost)
    assert all(f"({won.execution.worker}) at 20" in str(each) for each in lost)
    assert all("has not said how that ended" in str(each) for each in lost)

    claim_id = won.execution.claim_id or ""
    for _ in range(2):  # the answer to a report may be lost, too
        done = await house.agent.decisions.done(
            decision.id, "succeeded", claim_id=claim_id, result="re_1142"
        )
        assert done.execution
        assert (done.execution.status, done.execution.result) == ("succeeded", "re_1142")
        assert done.execution.finished_at
        assert done.execution.finished_at >= done.execution.claimed_at
    with pytest.raises(ConflictError) as caught:
        await house.agent.decisions.done(decision.id, "failed", claim_id=claim_id)
    assert caught.value.code == "already_reported"
    with pytest.raises(AlreadyClaimed, match="and has succeeded"):
        await house.agent.decisions.claim(decision.id, claim_id=claim_id)
    assert (await house.types(decision))[-2:] == ["execution.claimed", "execution.succeeded"]
    read = await house.resolver.decisions.get(decision.id)
    assert read.execution
    assert (read.execution.claim_id, read.execution.worker) == (None, won.execution.worker)


async def test_a_claim_can_be_repeated_and_given_back(house: House) -> None:
    """Under its name, so that one whose answer was lost is not; one that is given back is as if
    it had not been made, but for the record."""
    decision = await house.ask(enforce=True)
    await house.resolver.decisions.resolve(decision.id, "approve")
    first = await house.agent.decisions.claim(decision.id, claim_id="job 1")
    again = await house.agent.decisions.claim(decision.id, claim_id="job 1", worker="another")
    assert first.execution == again.execution
    for claim_id, code in (("job 2", "not_claimed"), ("job 1", None), ("job 1", None)):
        report = house.agent.decisions.done(decision.id, "not_run", claim_id=claim_id)
        if code is None:
            assert (await report).execution is None
            continue
        with pytest.raises(ConflictError) as caught:
            await report
        assert caught.value.code == code
    for claim_id in ("job 1", "job 1"):
        anew = await house.agent.decisions.claim(decision.id, claim_id=claim_id)
        assert anew.execution
        assert anew.execution.claimed_at > (first.execution or anew.execution).claimed_at
    assert (await house.types(decision))[-3:] == [
        "execution.claimed",
        "execution.given_back",
        "execution.claimed",
    ]


async def test_a_claim_takes_the_place_of_another(house: House) -> None:
    """Of one that it names, and that has failed or says nothing: once, and never of what has
    succeeded. The record tells it apart, because the action may have run before."""
    decision = await house.ask(enforce=True)
    await house.resolver.decisions.resolve(decision.id, "approve")
    claim, done = house.agent.decisions.claim, house.agent.decisions.done
    await claim(decision.id, claim_id="job 1")
    for name, before in (("job 2", "job 3"), ("job 2", "job 2"), ("job 2", None)):
        with pytest.raises(AlreadyClaimed):
            await claim(decision.id, claim_id=name, instead_of=before)
    taken = await claim(decision.id, claim_id="job 2", instead_of="job 1")
    assert taken.execution
    assert taken.execution.claim_id == "job 2"
    again = await claim(decision.id, claim_id="job 2", instead_of="job 1")  # its answer was lost
    assert again.execution == taken.execution
    with pytest.raises(AlreadyClaimed):
        await claim(decision.id, claim_id="job 3", instead_of="job 1")
    assert (await done(decision.id, "not_run", claim_id="job 1")).execution == taken.execution
    await done(decision.id, "failed", claim_id="job 2", result="OSError")
    await claim(decision.id, claim_id="job 4", instead_of="job 2")
    await done(decision.id, "succeeded", claim_id="job 4")
    with pytest.raises(AlreadyClaimed, match="and has succeeded"):
        await claim(decision.id, claim_id="job 5", instead_of="job 4")
    runs = [type for type in await house.types(decision) if "execution" in type]
    assert runs == [
        "execution.claimed",
        "execution.claimed_again",
        "execution.given_back",
        "execution.failed",
        "execution.claimed_again",
        "execution.succeeded",
    ]


async def test_what_is_not_permitted_is_not_claimed(house: House) -> None:
    """Nor by anybody but the agent that asked; the error has the decision as it stands."""
    decision = await house.ask(response_type=SCHEDULE, enforce=True, options=["approve", "modify"])
    claim = house.agent.decisions.claim
    with pytest.raises(ActionDenied, match="nobody has decided yet"):
        await claim(decision.id)
    for client in (house.other, house.resolver):
        with pytest.raises(NotFoundError):
            await client.decisions.claim(decision.id)
        with pytest.raises(NotFoundError):
            await client.decisions.done(decision.id, "failed", claim_id="claim 1")
    later = {"execute_at": AT}
    await house.resolver.decisions.resolve(decision.id, "approve", response_data=later)
    with pytest.raises(ActionDenied, match="permitted it from") as denied:
        await claim(decision.id)
    assert isinstance(denied.value.__cause__, ConflictError)
    assert denied.value.__cause__.code == "not_permitted"
    assert FUTURE.strftime("%Y-%m-%dT%H:%M:%SZ") in denied.value.__cause__.error
    answers: list[tuple[Any, Any, str]] = [
        ("deny", None, "denied"),
        ("modify", {"action": "Send a voucher"}, "modified"),
    ]
    for choice, data, status in answers:
        decision = await house.ask(enforce=True)
        await house.resolver.decisions.resolve(decision.id, choice, response_data=data)
        with pytest.raises(ActionDenied) as denied:
            await claim(decision.id)
        assert denied.value.decision.status == status
    for fields, named in (
        ({"claim_id": ""}, "claim_id"),
        ({"claim_id": "ä"}, "claim_id"),
        ({"claim_id": "x" * 256}, "claim_id"),
        ({"instead_of": "ä"}, "instead_of"),
        ({"worker": "x" * 201}, "worker"),
        ({"worker": "  "}, "worker"),
    ):
        with pytest.raises(InvalidRequestError) as caught:
            await claim(decision.id, **fields)
        assert caught.value.fields[0].field == named
    for report, named in (({"result": "x" * 1001}, "result"), ({"result": "\ud800"}, "result")):
        with pytest.raises(InvalidRequestError) as caught:
            await house.agent.decisions.done(decision.id, "failed", claim_id="c", **report)
        assert caught.value.fields[0].field == named


CHOOSE = {"type": "choose", "choices": ["staging", "production"]}
TEXT = {"type": "text", "fields": [{"name": "reply", "required": True}, {"name": "copy"}]}
NUMBER = {"type": "number", "min": 0, "max": 500}
SCHEDULE = {"type": "schedule"}
LATER = {"type": "schedule", "allow_immediate": False}
AT = FUTURE.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("response_type", "given", "status", "data"),
    [
        ({"type": "approve_deny"}, None, "approved", None),
        ({"type": "confirm"}, None, "approved", None),
        (CHOOSE, {"chosen": "staging"}, "approved", {"chosen": "staging"}),
        (TEXT, {"reply": "Yes.", "copy": " "}, "approved", {"reply": "Yes."}),
        (NUMBER, {"value": 500}, "approved", {"value": 500}),
        (SCHEDULE, None, "approved", None),
        (SCHEDULE, {"execute_at": "now"}, "approved", None),
        (SCHEDULE, {"execute_at": AT}, "scheduled", {"execute_at": AT}),
    ],
)
async def test_answers(
    house: House,
    response_type: dict[str, Any],
    given: dict[str, Any] | None,
    status: str,
    data: dict[str, Any] | None,
) -> None:
    """Each type of question takes its answer, in one form."""
    decision = await house.ask(response_type=response_type, enforce=True)
    assert decision.response_type.type in (response_type["type"], f"{response_type['type']}_input")
    answered = await house.resolver.decisions.resolve(decision.id, "approve", response_data=given)
    assert (answered.status, answered.response_data) == (status, data)
    assert answered.action_permitted is (status == "approved")
    assert answered.execute_at == (FUTURE if status == "scheduled" else None)
    if response_type["type"] != "approve_deny":
        assert answered.options == ["approve", "deny"]


@pytest.mark.parametrize(
    ("fields", "choice", "data", "field"),
    [
        ({}, "approve", {"value": 1}, "response_data.value"),
        ({}, "deny", {"value": 1}, "response_data.value"),
        ({}, "modify", None, "response_data.action"),
        ({}, "modify", {"action": " "}, "response_data.action"),
        ({"payload": {"a": 1}}, "modify", {"payload": 3}, "response_data.payload"),
        ({"payload": {"a": 1}}, "modify", {"payload": {}, "b": 1}, "response_data.b"),
        ({"options": ["approve", "deny"]}, "modify", {"action": "a"}, "action"),
        ({"response_type": CHOOSE}, "approve", None, "response_data.chosen"),
        ({"response_type": CHOOSE}, "approve", {"chosen": "x"}, "response_data.chosen"),
        ({"response_type": TEXT}, "approve", {"copy": "x"}, "response_data.reply"),
        ({"response_type": TEXT}, "approve", {"reply": 3}, "response_data.reply"),
        ({"response_type": NUMBER}, "approve", {"value": 501}, "response_data.value"),
        ({"response_type": NUMBER}, "approve", {"value": True}, "response_data.value"),
        ({"response_type": LATER}, "approve", None, "response_data.execute_at"),
        (
            {"response_type": SCHEDULE},
            "approve",
            {"execute_at": "2020-01-01T00:00:00Z"},
            "response_data.execute_at",
        ),
        ({"response_type": SCHEDULE}, "approve", {"execute_at": "x"}, "response_data.execute_at"),
        (
            {"response_type": {"type": "file_upload"}},
            "approve",
            None,
            "response_data.uploaded_files",
        ),
    ],
)
async def test_no_answers(
    house: House,
    fields: dict[str, Any],
    choice: Any,
    data: dict[str, Any] | None,
    field: str,
) -> None:
    """What is no answer is refused, naming the field; the decision stays pending, and the record
    has the attempt."""
    decision = await house.ask(**fields)
    with pytest.raises(InvalidRequestError) as caught:
        await house.resolver.decisions.resolve(decision.id, choice, response_data=data)
    assert (caught.value.code, caught.value.fields[0].field) == ("invalid_answer", field)
    assert (await house.agent.decisions.get(decision.id)).status == "pending"
    assert await house.types(decision) == [
        "decision.created",
        "approver.asked",
        "response.refused",
    ]


async def test_uploaded_files(house: House) -> None:
    """Files of an answer are told in full; ids of others' files are none."""
    asked = {"type": "file_upload", "max_files": 1, "accept": [".txt"]}
    decision = await house.ask(response_type=asked)
    mine = await house.agent.attachments.upload(b"Hello", name="mine.txt")
    with pytest.raises(InvalidRequestError) as caught:
        await house.resolver.decisions.resolve(
            decision.id, "approve", response_data={"uploaded_files": [mine.id]}
        )
    assert caught.value.code == "unknown_attachment"
    assert caught.value.fields[0].field == "response_data.uploaded_files.0"
    sent = await house.resolver.attachments.upload(b"Signed: Alice\n", name="contract.txt")
    answered = await house.resolver.decisions.resolve(
        decision.id, "approve", response_data={"uploaded_files": [sent.id]}
    )
    (file,) = (answered.response_data or {})["uploaded_files"]
    assert file == sent.model_dump(mode="json")
    assert (file["name"], file["type"], file["size"]) == ("contract.txt", "text/plain", 14)


async def test_what_may_be_asked_for(house: House) -> None:
    """A kind of file by its one name; what nobody could answer with is refused."""
    asked = ["image/JPG", ".TIF", "application/x-pdf", ".log"]
    decision = await house.ask(response_type={"type": "file_upload", "accept": asked})
    taken = ["image/jpeg", ".tif", ".tiff", "application/pdf", ".log"]
    assert decision.response_type.accept == taken
    everything = {"type": "file_upload", "accept": [".pdf", "*/*"]}
    assert (await house.ask(response_type=everything)).response_type.accept is None
    for unanswerable in ("video/*", ".zip", "text/html", "application/octet-stream"):
        with pytest.raises(InvalidRequestError, match="nobody could answer") as caught:
            await house.ask(response_type={"type": "file_upload", "accept": [".pdf", unanswerable]})
        assert [error.field for error in caught.value.fields] == ["response_type.accept.1"]


LONG = "x" * 2001
STEP = {"after_minutes": 30, "approvers": ["backup@example.com"]}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"action": ""}, ["action"]),
        ({"action": "  "}, ["action"]),
        ({"action": LONG}, ["action"]),
        ({"action": 3}, ["action"]),
        ({"approver": "alice"}, ["approver"]),
        ({"approver": "alice@localhost"}, ["approver"]),
        ({"approver": "alice@example.test"}, ["approver"]),
        ({"approver": ["a@example.com", "b@corp.local"]}, ["approver.1"]),
        ({"escalation": [STEP, {**STEP, "approvers": ["b@host"]}]}, ["escalation.1.approvers.0"]),
        ({"approver": ["A@b\xfccher.example", "a@xn--bcher-kva.example"]}, ["approver"]),
        ({"approver": 3}, ["approver"]),
        ({"approver": []}, ["approver"]),
        ({"approver": ["a@example.com", "a@example.com"]}, ["approver"]),
        ({"approver": ["a@example.com", "b"]}, ["approver.1"]),
        ({"context": "x" * 100_001}, ["context"]),
        ({"urgency": "urgent"}, ["urgency"]),
        ({"timeout_minutes": 0}, ["timeout_minutes"]),
        ({"timeout_minutes": "60"}, ["timeout_minutes"]),
        ({"timeout_minutes": 525_601}, ["timeout_minutes"]),
        ({"escalation": [{**STEP, "after_minutes": 60}]}, ["escalation.0.after_minutes"]),
        ({"escalation": [{**STEP, "approvers": []}]}, ["escalation.0.approvers"]),
        ({"escalation": [{**STEP, "who": 1}]}, ["escalation.0.who"]),
        ({"channel": "pigeon"}, ["channel"]),
        ({"channel": []}, ["channel"]),
        ({"channel": ["email", "email"]}, ["channel"]),
        ({"channel": [{"channel": "email", "after_minutes": 5}]}, ["channel"]),
        ({"options": []}, ["options"]),
        ({"options": ["approve", "approve"]}, ["options"]),
        ({"options": ["yes"]}, ["options.0"]),
        ({"options": ["deny"], "response_type": CHOOSE}, ["options"]),
        ({"payload": [1]}, ["payload"]),
        ({"payload": {"n": [2**53]}}, ["payload.n.0"]),
        ({"payload": {"n": {"id": "\ud800"}}}, ["payload.n.id"]),
        ({"payload": {"s": "x" * 262_144}}, ["payload"]),
        ({"response_type": "choose"}, ["response_type"]),
        ({"response_type": {"type": "dance"}}, ["response_type.type"]),
        ({"response_type": {"type": "choose"}}, ["response_type.choices"]),
        ({"response_type": {"type": "choose", "choices": ["a", "a"]}}, ["response_type.choices"]),
        ({"response_type": {"type": "confirm", "label": "x"}}, ["response_type.label"]),
        ({"response_type": {"type": "number", "min": 2, "max": 1}}, ["response_type.max"]),
        (
            {"response_type": {"type": "text", "fields": [{"name": "1"}]}},
            ["response_type.fields.0.name"],
        ),
        ({"context_images": ["ftp://example.com/a"]}, ["context_images.0"]),
        ({"context_images": ["https://example.com/a"] * 6}, ["context_images"]),
        ({"attachment_ids": ["x"]}, ["attachment_ids.0"]),
        ({"enforce": "yes"}, ["enforce"]),
        ({"metadata": {"n": 1}}, ["metadata.n"]),
        ({"max_reminders": 11}, ["max_reminders"]),
        ({"remind_every_minutes": 0}, ["remind_every_minutes"]),
        ({"action": "", "approver": "b", "urgency": "x"}, ["action", "approver", "urgency"]),
    ],
)
async def test_bad_requests(house: House, fields: dict[str, Any], named: list[str]) -> None:
    """A request with a common mistake is refused with the same code and the same fields."""
    with pytest.raises(InvalidRequestError) as caught:
        await house.ask(**fields)
    assert caught.value.code == "invalid_request"
    assert [error.field for error in caught.value.fields] == named
    assert all(error.message for error in caught.value.fields)
    assert caught.value.request_id


async def test_settled_stays(house: House) -> None:
    """What is over is refused with the outcome, whatever is to be done with it."""
    decision = await house.ask()
    settled = await house.resolver.decisions.resolve(decision.id, "deny", notes="No.")
    refused: list[Callable[[], Any]] = [
        lambda: house.resolver.decisions.resolve(decision.id, "approve"),
        lambda: house.agent.decisions.cancel(decision.id),
        lambda: house.agent.decisions.extend(decision.id, timeout_minutes=600),
        lambda: house.agent.attachments.upload(b"x", name="x.txt", decision_id=decision.id),
    ]
    for change in refused:
        with pytest.raises(ConflictError) as caught:
            await change()
        assert (caught.value.code, caught.value.status) == ("already_settled", 409)
        assert caught.value.problem["decision"]["status"] == "denied"
    again = await house.agent.decisions.get(decision.id)
    assert (again.resolved_by, again.resolved_at) == (settled.resolved_by, settled.resolved_at)


async def test_withdrawn(house: House) -> None:
    """The agent withdraws its question, once or twice; whoever waits with enforce has it raised."""
    decision = await house.ask(enforce=True)
    cancelled = await house.agent.decisions.cancel(decision.id, notes="Changed our minds.")
    assert (cancelled.status, cancelled.origin) == ("cancelled", "agent")
    assert cancelled.response_notes == "Changed our minds."
    assert (await house.agent.decisions.cancel(decision.id)).status == "cancelled"
    with pytest.raises(DecisionCancelled):
        await house.agent.decisions.wait(decision.id)
    assert (await house.types(decision))[-1] == "decision.cancelled"


async def test_extended(house: House) -> None:
    """The deadline moves away, and never nearer; the minutes asked stay."""
    decision = await house.ask()
    later = await house.agent.decisions.extend(decision.id, timeout_minutes=240)
    assert later.expires_at > decision.expires_at + timedelta(minutes=179)
    assert later.timeout_minutes == 60
    for minutes, code in ((30, "not_longer"), (525_600, "not_longer"), (0, "invalid_request")):
        with pytest.raises(InvalidRequestError) as caught:
            await house.agent.decisions.extend(decision.id, timeout_minutes=minutes)
        assert (caught.value.code, caught.value.fields[0].field) == (code, "timeout_minutes")
    assert "decision.extended" in await house.types(decision)


async def test_extended_from_now(house: House) -> None:
    """As many minutes as were asked are more by now."""
    decision = await house.ask(timeout_minutes=60)
    later = await house.agent.decisions.extend(decision.id, timeout_minutes=60)
    assert later.expires_at > decision.expires_at


async def test_asked_once(house: House) -> None:
    """The same key finds the same decision; with another question it is refused."""
    asked: dict[str, Any] = {"action": "Refund", "approver": someone(), "wait": False}
    key = someone("key")
    house.expect()
    first = await house.agent.decisions.create(**asked, idempotency_key=key)
    again = await house.agent.decisions.create(**asked, idempotency_key=key)
    assert again.id == first.id
    local, _, domain = asked["approver"].partition("@")
    spelled: dict[str, Any] = {"approver": [f"{local.upper()}@{domain}"], "channel": ["email"]}
    again = await house.agent.decisions.create(**(asked | spelled), idempotency_key=key)
    assert again.id == first.id
    other: dict[str, Any] = asked | {"action": "Other"}
    with pytest.raises(InvalidRequestError) as caught:
        await house.agent.decisions.create(**other, idempotency_key=key)
    assert caught.value.code == "idempotency_key_reused"
    assert caught.value.fields[0].field == "Idempotency-Key"
    house.expect()
    others = await house.other.decisions.create(**asked, idempotency_key=key)
    assert others.id != first.id


async def test_domain_in_another_script(house: House) -> None:
    """A domain is told as people read it, however it was written, and the same key finds it so."""
    local = someone().removesuffix("@example.com")
    asked: dict[str, Any] = {"action": "Refund", "wait": False, "idempotency_key": local}
    house.expect()
    decisions = [
        await house.agent.decisions.create(approver=f"{local}@{domain}", **asked)
        for domain in ("xn--bcher-kva.example", "b\xfccher.example", "B\xdcCHER.Example")
    ]
    assert [each.approver for each in decisions] == [f"{local}@b\xfccher.example"] * 3
    assert len({each.id for each in decisions}) == 1


async def test_who_may(house: House) -> None:
    """Agents see nothing of each other; nobody resolves with an agent's key, or their own."""
    decision = await house.ask()
    for act in (house.other.decisions.get, house.other.decisions.cancel):
        with pytest.raises(NotFoundError) as unseen:
            await act(decision.id)
        assert unseen.value.code == "not_found"
    assert (await house.resolver.decisions.get(decision.id)).id == decision.id
    with pytest.raises(NotFoundError):
        await house.resolver.decisions.cancel(decision.id)
    with pytest.raises(PermissionDeniedError) as refused:
        await house.agent.decisions.resolve(decision.id, "approve")
    assert refused.value.code == "missing_scope"
    house.expect()
    own = await house.resolver.decisions.create(action="Mine", approver=someone(), wait=False)
    with pytest.raises(PermissionDeniedError) as refused:
        await house.resolver.decisions.resolve(own.id, "approve")
    assert refused.value.code == "own_decision"


async def test_attachments(house: House) -> None:
    """Files are shown from the start or added later, five at most; what was added to one decision
    is that one's alone."""
    before = await house.agent.attachments.upload(b"a,b\n1,2\n", name="orders.csv")
    assert (before.type, before.size) == ("text/csv", 8)
    await house.ask(attachment_ids=[before.id])
    decision = await house.ask(attachment_ids=[before.id])
    assert decision.attachments == [before]
    added = await house.agent.attachments.upload(
        b"# Note\n", name="note.md", decision_id=decision.id
    )
    assert (added.name, added.type) == ("note.md", "text/markdown")
    assert await house.agent.attachments.list(decision.id) == [before, added]
    assert "attachment.added" in await house.types(decision)
    for number in range(3):
        name = f"{number}.txt"
        await house.agent.attachments.upload(name.encode(), name=name, decision_id=decision.id)
    with pytest.raises(InvalidRequestError) as full:
        await house.agent.attachments.upload(b"x", name="x.txt", decision_id=decision.id)
    assert full.value.code == "too_many_attachments"
    with pytest.raises(InvalidRequestError) as used:
        await house.ask(attachment_ids=[added.id])
    assert used.value.code == "unknown_attachment"


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("empty.txt", b"", "file_empty"),
        ("run.sh", b"echo", "file_type_refused"),
        ("note.txt", b"#!/bin/sh\n", "file_type_refused"),
        ("page.html", b"<html></html>", "file_type_refused"),
        ("tool", b"\x7fELF\x02\x01\x01\x00\xff\xfe", "file_type_refused"),
        ("note.LNK", b"L", "file_type_refused"),
        ("old.csv", "Stra\u00dfe;5,50\r\n".encode("cp1252"), "file_type_refused"),
        ("large.txt", b"x" * (10 * 1024 * 1024 + 1), "file_too_large"),
    ],
)
async def test_files_that_are_not_taken(house: House, name: str, content: bytes, code: str) -> None:
    """A file that the service does not take is refused with its reason."""
    with pytest.raises(APIError) as caught:
        await house.agent.attachments.upload(content, name=name)
    assert (caught.value.code, caught.value.fields[0].field) == (code, "file")


@pytest.mark.parametrize(
    ("name", "content", "type"),
    [
        ("scan.pdf", b"\r\n\xe2\xe3%PDF-1.7\n%%EOF\n", "application/pdf"),
        ("photo.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "image/heic"),
        ("photo.heif", b"\0\0\0\x10ftypmif2\0\0\0\0", "image/heif"),
        ("tool.py", b"print(1)\n", "text/plain"),
    ],
)
async def test_files_that_are_taken(house: House, name: str, content: bytes, type: str) -> None:
    """Each is what its content says."""
    assert (await house.agent.attachments.upload(content, name=name)).type == type


async def test_lists(house: House) -> None:
    """Lists filter, have the open ones first, and go on page by page."""
    who = someone()
    low = await house.ask(approver=who, urgency="low")
    step = {"after_minutes": 5, "approvers": [who]}
    high = await house.ask(urgency="high", escalation=[step])
    over = await house.ask(urgency="low")
    await house.resolver.decisions.resolve(over.id, "deny")

    async def ids(client: AsyncHandoverClient, **filters: Any) -> list[str]:
        return [each.id async for each in await client.decisions.list(**filters)]

    async def complete() -> bool:
        return await ids(house.agent) == [high.id, low.id, over.id]

    await eventually(complete)
    assert await ids(house.agent, limit=1) == [high.id, low.id, over.id]
    assert await ids(house.agent, status="pending") == [high.id, low.id]
    assert await ids(house.agent, status="denied") == [over.id]
    assert await ids(house.agent, urgency="low") == [low.id, over.id]
    assert await ids(house.agent, approver=who) == [high.id, low.id]
    assert await ids(house.agent, created_after=low.created_at) == [high.id, over.id]
    assert await ids(house.other) == []
    kept = await house.ask(idempotency_key="order 1142")
    by_key = {"idempotency_key": "order 1142"}
    assert await ids(house.agent, **by_key) == [kept.id]
    assert await ids(house.agent, **by_key, status="denied") == []
    assert await ids(house.agent, idempotency_key="order 1143") == []
    assert await ids(house.other, **by_key) == await ids(house.resolver, **by_key) == []
    (listed,) = (await house.agent.decisions.list(status="denied")).items
    assert (listed.origin, listed.action, listed.urgency) == ("operator", over.action, "low")
    assert await ids(house.resolver, agent=listed.agent, status="denied") == [over.id]
    with pytest.raises(PermissionDeniedError):
        await ids(house.other, agent=listed.agent)
    with pytest.raises(InvalidRequestError) as caught:
        await ids(house.agent, cursor="nowhere")
    assert caught.value.fields[0].field == "cursor"


async def test_we_stop_waiting(house: House) -> None:
    """Whoever stops waiting leaves the decision as it is."""
    decision = await house.ask()
    with pytest.raises(WaitTimeoutError):
        await house.agent.decisions.wait(decision.id, timeout=0.2)
    assert (await house.agent.decisions.get(decision.id)).status == "pending"


async def test_expired(house: House) -> None:
    """When nobody answers, it is a no, by nobody."""
    if isinstance(house.place, FakeHandover):
        house.place.expires()
    expired = await house.agent.decisions.create(
        action="Refund", approver=someone(), timeout_minutes=0.02
    )
    assert (expired.status, expired.approved, expired.origin) == ("expired", False, "timeout")
    assert (expired.resolved_by, expired.response_data) == (None, None)
    assert (await house.types(expired))[-1] == "decision.expired"


async def test_escalated(house: House) -> None:
    """When the time of the first has passed, the next are asked; it is still pending."""
    decision = await house.ask(
        timeout_minutes=10, escalation=[{"after_minutes": 0.01, "approvers": [someone()]}]
    )
    if isinstance(house.place, FakeHandover):
        house.place.advance(minutes=1)

    async def escalated() -> Decision | None:
        read = await house.agent.decisions.get(decision.id)
        return read if read.escalation_level else None

    read = await eventually(escalated)
    assert read is not None
    assert (read.status, read.escalation_level) == ("pending", 1)
    assert await house.types(decision) == [
        "decision.created",
        "approver.asked",
        "decision.escalated",
        "approver.asked",
    ]


async def test_one_person_in_every_spelling(house: House) -> None:
    """Nobody is asked as their own backup, nor named twice; a step that names nobody new is passed
    through where somebody is missing, and with nobody left it says so."""
    local, other = someone("ann").partition("@")[0], someone("ben")
    ann, same = f"{local}@bücher.example", f"{local.upper()}@xn--bcher-kva.example"
    steps = [{"after_minutes": 3 * n, "approvers": who} for n, who in ((1, [same]), (2, [other]))]
    with pytest.raises(InvalidRequestError, match="twice"):
        await house.agent.decisions.create(action="Refund", approver=[ann, same])
    decision = await house.ask(approver=ann, escalation=steps)
    alone = await house.ask(approver=ann, escalation=steps[:1])
    for each in (decision, alone):
        if isinstance(house.place, FakeHandover):
            house.place.answer(each.id, "not_me", by=same)
        else:
            token = LinkKeys([keys_of(house.place)]).mint(Link(each.id, ann))
            await press(f"{house.place.base_url}/d/{token}", "not_me")

    async def left(decision: Decision) -> list[str] | None:
        entries = await house.agent.decisions.audit(decision.id)
        asked = [e.details["approver"] for e in entries if e.type == "approver.asked"]
        return asked if any(e.type == "approver.declined" for e in entries) else None

    assert await eventually(lambda: left(decision)) == [ann, other]
    assert await eventually(lambda: left(alone)) == [ann]
    read = await house.agent.decisions.get(decision.id)
    assert (read.escalation_level, read.unreachable) == (2, False)
    assert (await house.agent.decisions.get(alone.id)).unreachable


def keys_of(service: RunningService) -> str:
    return json.loads((service.data_dir / "secrets.json").read_text())["link_keys"]


async def test_unknown_key(house: House) -> None:
    """A key that is none is refused."""
    stranger = house.agent.with_options(api_key="ho_nobody")
    with pytest.raises(APIError) as caught:
        await stranger.decisions.get("dec_one")
    assert caught.value.status == 401
