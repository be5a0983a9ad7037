"""What can come at the wrong moment, twice, garbled, or from the wrong hands.

In all of it: one outcome, the first valid one, a record of the rest, and a deadline that works.
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import SignalWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from handover.models import Status
from tests.support import eventually
from tests.workflows.harness import ALICE, BOB, CAROL, Asking, signer, stranger
from workflows.statements import CANCEL, RESPOND, Response, SignedResponse, SignedWithdrawal

SECOND = 1 / 60
"""In minutes."""


async def signal_raw(asking: Asking, name: str, *payloads: Payload) -> None:
    """A signal as Temporal's UI or any other client might send it."""
    await asking.client.workflow_service.signal_workflow_execution(
        SignalWorkflowExecutionRequest(
            namespace=asking.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=asking.input.id),
            signal_name=name,
            input=Payloads(payloads=payloads),
        )
    )


def json_payload(content: bytes, encoding: bytes = b"json/plain") -> Payload:
    return Payload(metadata={"encoding": encoding}, data=content)


async def test_response_before_the_first_task(client: Client) -> None:
    """Signalled while no worker ran at all: the state was there for it, and nobody is asked."""
    asking = Asking.of(client)
    await asking.start()
    await asking.respond("approve")
    async with asking.worker():
        outcome = await asking.result()
    assert (outcome.status, outcome.by) == (Status.APPROVED, ALICE)
    assert asking.mailroom.sent == []


async def test_response_during_a_notification(client: Client) -> None:
    """The answer waits for no message; the message under way is waited for and recorded."""
    asking = Asking.of(client, approver=[ALICE, BOB])
    asking.mailroom.holding = "decision-request"
    async with asking.worker():
        await asking.start()
        await eventually(lambda: asking.mailroom.attempts == 2)
        await asking.respond("approve")
        approved = await asking.recorded("decision.approved")
        assert asking.mailroom.sent == []
        asking.mailroom.held.set()
        await asking.result()
    assert approved[0]["by"] == ALICE
    assert sorted(asking.mailroom.told("decision-request")) == [ALICE, BOB]
    assert asking.mailroom.told("settled") == [BOB]


async def test_stamped_in_time_and_delivered_after_the_timer(dev_client: Client) -> None:
    """After an outage the answer that was in time counts, whatever the history's order."""
    asking = Asking.of(dev_client, timeout_minutes=SECOND)
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
    in_time = asking.input.expires_at
    await asking.happened(EventType.EVENT_TYPE_TIMER_FIRED)
    await asking.respond("approve", received_at=in_time)
    async with asking.worker():
        outcome = await asking.result()
    assert outcome.status == Status.APPROVED


async def test_stamped_late_and_delivered_before_the_timer(dev_client: Client) -> None:
    """A millisecond late is late, though the workflow hears it while the decision is pending."""
    asking = Asking.of(dev_client, timeout_minutes=2 * SECOND)
    too_late = asking.input.expires_at + timedelta(milliseconds=1)
    async with asking.worker():
        await asking.start()
        await asking.respond("approve", received_at=too_late)
        refused = await asking.recorded("response.refused")
        outcome = await asking.result()
    assert refused[0]["reason"] == "late"
    assert outcome.status == Status.EXPIRED


async def test_on_its_way_when_the_time_ran_out(dev_client: Client) -> None:
    """Stamped at the last moment, delivered within the grace: it counts."""
    asking = Asking.of(dev_client, timeout_minutes=SECOND)
    async with asking.worker():
        await asking.start()
        await eventually(lambda: datetime.now(UTC) > asking.input.expires_at)
        await asking.respond("deny", received_at=asking.input.expires_at)
        outcome = await asking.result()
    assert outcome.status == Status.DENIED


async def test_twice_the_same(client: Client) -> None:
    """The second is refused, and both are in the record."""
    asking = Asking.of(client)
    await asking.start()
    response = asking.sign("approve")
    await asking.handle.signal(RESPOND, response)
    await asking.handle.signal(RESPOND, response)
    async with asking.worker():
        outcome = await asking.result()
        refused = await asking.recorded("response.refused")
    assert outcome.status == Status.APPROVED
    assert [entry["reason"] for entry in refused] == ["already_settled"]


async def test_approve_and_deny_at_once(client: Client) -> None:
    """Of two people, the one whom Temporal had first decided."""
    asking = Asking.of(client, approver=[ALICE, BOB])
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent", times=2)
        await asyncio.gather(asking.respond("approve", ALICE), asking.respond("deny", BOB))
        outcome = await asking.result()
    signals = [
        SignedResponse.model_validate_json(
            event.workflow_execution_signaled_event_attributes.input.payloads[0].data
        ).approver
        async for event in asking.handle.fetch_history_events()
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
    ]
    assert outcome.by == signals[0]
    assert outcome.status == {ALICE: Status.APPROVED, BOB: Status.DENIED}[signals[0]]


async def test_in_the_closing_phase(client: Client) -> None:
    """A late response is still heard, refused and recorded."""
    asking = Asking.of(client, approver=[ALICE, BOB])
    asking.mailroom.holding = "settled"
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent", times=2)
        await asking.respond("deny", ALICE)
        await asking.recorded("decision.denied")
        await asking.respond("approve", BOB)
        refused = await asking.recorded("response.refused")
        asking.mailroom.held.set()
        outcome = await asking.result()
    assert (refused[0]["reason"], refused[0]["approver"]) == ("already_settled", BOB)
    assert (outcome.status, outcome.by) == (Status.DENIED, ALICE)


def unsigned(asking: Asking) -> dict[str, Any]:
    content = asking.sign("approve").model_dump(mode="json")
    del content["signature"]
    return content


def by_a_stranger(asking: Asking) -> dict[str, Any]:
    response = Response(**asking.sign("approve").model_dump(exclude={"signature"}))
    return stranger.sign(response, SignedResponse).model_dump(mode="json")


def with_a_strangers_key_named_as_ours(asking: Asking) -> dict[str, Any]:
    content = by_a_stranger(asking)
    content["signature"]["key_id"] = asking.sign("deny").signature.key_id
    return content


def for_another_decision(asking: Asking) -> dict[str, Any]:
    return asking.sign("approve", decision_id="dec_other").model_dump(mode="json")


def for_another_request(asking: Asking) -> dict[str, Any]:
    return asking.sign("approve", request_digest="0" * 64).model_dump(mode="json")


def for_another_run(asking: Asking) -> dict[str, Any]:
    """Said to the run that somebody ended, and repeated to the one that they started instead."""
    return asking.sign("approve", run_id="0197b2a4-0000-7000-8000-000000000000").model_dump(
        mode="json"
    )


def altered(**changes: Any) -> Any:
    def content(asking: Asking) -> dict[str, Any]:
        return asking.sign("deny", notes="no").model_dump(mode="json") | changes

    content.__name__ = f"altered_{'_'.join(changes)}_{next(iter(changes.values()))}"[:60]
    return content


FORGED = [
    (unsigned, "malformed"),
    (by_a_stranger, "unproven"),
    (with_a_strangers_key_named_as_ours, "unproven"),
    (for_another_decision, "unproven"),
    (for_another_request, "changed"),
    (for_another_run, "unproven"),
    (altered(run_id=""), "unproven"),
    (altered(choice="approve"), "unproven"),
    (altered(approver=BOB), "unproven"),
    (altered(notes="yes"), "unproven"),
    (altered(origin="operator"), "unproven"),
    (altered(stored={"data": "0" * 64}), "unproven"),
    (altered(request_digest="0" * 64), "unproven"),
    (altered(data={"payload": {}}), "unproven"),
    (altered(received_at="2020-01-01T00:00:00Z"), "unproven"),
    *(
        (altered(**{field: wrong}), "malformed")
        for field in ("decision_id", "request_digest", "approver", "choice", "received_at")
        for wrong in (None, True, {"a": 1})
    ),
    *((altered(signature=wrong), "malformed") for wrong in (None, "x", [], {"key_id": 1})),
    (altered(signature={"key_id": "k", "value": "not base64!"}), "unproven"),
    (altered(received_at="2020-01-01T00:00:00"), "malformed"),
    (altered(notes={"a": 1}), "malformed"),
    (altered(data="text"), "malformed"),
    (altered(data={"n": 2**60}), "malformed"),
]


async def test_forged_and_malformed_responses(dev_client: Client) -> None:
    """Each is refused with its reason; then the real answer counts."""
    asking = Asking.of(dev_client, approver=[ALICE, BOB])
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent", times=2)
        for forge, _ in FORGED:
            await asking.handle.signal(RESPOND, forge(asking))
        refused = await asking.recorded("response.refused", times=len(FORGED))
        assert [entry["reason"] for entry in refused] == [reason for _, reason in FORGED]
        await asking.respond("deny", BOB)
        outcome = await asking.result()
    assert (outcome.status, outcome.by) == (Status.DENIED, BOB)


async def test_someone_who_was_not_asked(client: Client) -> None:
    """Also the backup approver, as long as nobody has asked them."""
    asking = Asking.of(client, escalation=[{"after_minutes": 30, "approvers": [BOB]}])
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        await asking.respond("approve", CAROL)
        await asking.respond("approve", BOB)
        refused = await asking.recorded("response.refused", times=2)
        await asking.respond("deny", ALICE)
        outcome = await asking.result()
    assert [entry["reason"] for entry in refused] == ["not_asked", "not_asked"]
    assert outcome.by == ALICE


NOISE: list[tuple[str, str, tuple[Payload, ...], str]] = [
    ("no argument", RESPOND, (), "malformed"),
    ("two arguments", RESPOND, (json_payload(b"{}"), json_payload(b"{}")), "malformed"),
    ("no JSON", RESPOND, (json_payload(b"{not json"),), "malformed"),
    ("not UTF-8", RESPOND, (json_payload(b"\xff\xfe"),), "malformed"),
    ("unknown encoding", RESPOND, (json_payload(b"\x00", b"binary/mystery"),), "malformed"),
    ("null", RESPOND, (json_payload(b"", b"binary/null"),), "malformed"),
    ("a list", RESPOND, (json_payload(b"[1, 2]"),), "malformed"),
    ("deep", RESPOND, (json_payload(b"[" * 50_000),), "malformed"),
    ("unknown name", "approve", (json_payload(b"true"),), "unknown_signal"),
    ("empty name's like", "respond ", (json_payload(b"{}"),), "unknown_signal"),
    ("cancel without a proof", CANCEL, (json_payload(b"{}"),), "malformed"),
]


async def test_noise_wedges_nothing_and_the_deadline_still_works(
    time_skipping: WorkflowEnvironment,
) -> None:
    """Whatever a client of Temporal may send, it is recorded, and time goes on."""
    asking = Asking.of(time_skipping.client)
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        for _, name, payloads, _ in NOISE:
            await signal_raw(asking, name, *payloads)
        refused = await asking.recorded("response.refused", times=len(NOISE))
        outcome = await asking.result()
    assert [entry["reason"] for entry in refused] == [reason for *_, reason in NOISE]
    assert outcome.status == Status.EXPIRED


async def test_noise_on_the_real_server_before_the_first_task(dev_client: Client) -> None:
    """The same, heard in one task together with the answer that counts."""
    asking = Asking.of(dev_client)
    await asking.start()
    for _, name, payloads, _ in NOISE:
        await signal_raw(asking, name, *payloads)
    await asking.respond("approve")
    async with asking.worker():
        outcome = await asking.result()
    refused = await asking.recorded("response.refused", times=len(NOISE))
    assert [entry["reason"] for entry in refused] == [reason for *_, reason in NOISE]
    assert outcome.status == Status.APPROVED


async def test_a_withdrawal_is_proven_too(client: Client) -> None:
    """Only the agent's service may withdraw its question."""
    asking = Asking.of(client)
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        withdrawal = asking.withdrawal(notes="no longer needed")
        await asking.handle.signal(CANCEL, stranger.sign(withdrawal, SignedWithdrawal))
        refused = await asking.recorded("response.refused")
        await asking.handle.signal(CANCEL, signer.sign(withdrawal, SignedWithdrawal))
        outcome = await asking.result()
    assert refused[0]["reason"] == "unproven"
    assert (outcome.status, outcome.origin, outcome.by) == (Status.CANCELLED, "agent", "refund-bot")
    assert outcome.notes == "no longer needed"


async def test_a_hundred_refusals_and_more(dev_client: Client) -> None:
    """The record stays bounded, and the answer after them still counts."""
    asking = Asking.of(dev_client)
    await asking.start()
    for _ in range(130):
        await signal_raw(asking, "noise", json_payload(json.dumps({}).encode()))
    await asking.respond("approve")
    async with asking.worker():
        outcome = await asking.result()
    refused = await asking.recorded("response.refused", times=100)
    assert len(refused) == 100
    assert outcome.status == Status.APPROVED
