"""Encrypted decisions: the same workflow, and a history that tells nobody what it is about."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import uuid4

import pytest
from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.api.workflowservice.v1 import SignalWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import Replayer

from api.decisions.delays import delay_of
from handover.models import Status
from histories.decision import read_decision
from histories.encryption import Encryption, decoded
from histories.fold import Fold
from histories.reading import Delay, Reading
from tests.dev_server import DevServer
from tests.support import eventually
from tests.workflows.harness import ALICE, BOB, Asking, signer, stranger
from tests.workflows.record import SHAPES
from workflows import options, proof
from workflows.decision import DecisionWorkflow
from workflows.messages import UNDELIVERABLE
from workflows.statements import RESPOND, Response, SignedResponse
from workflows.unknown_keys import UnknownKeyError

OLD, NEW = (base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(2))
PLAIN, ENCRYPTED, ROTATED = Encryption(), Encryption([OLD]), Encryption([NEW, OLD])
OFF = Encryption([NEW, OLD], on=False)

WORDS = (b"example.com", b"Refund", b"fine", b"amount", b"a.txt", b"Not today", b"server answered")
"""What the recorded shapes are about."""


def under(client: Client, encryption: Encryption) -> Client:
    """The same server, for a process with these keys."""
    return Client(**{**client.config(), "data_converter": encryption.converter})


@pytest.fixture
async def encrypted(dev_server: DevServer) -> Client:
    return under(await dev_server.client(), ENCRYPTED)


async def raw_history(asking: Asking) -> bytes:
    """As the server has it."""
    return (await asking.handle.fetch_history()).to_json().encode() + b"".join(
        [event.SerializeToString() async for event in asking.handle.fetch_history_events()]
    )


async def send(asking: Asking, name: str, *payloads: Payload) -> None:
    """A signal with just these payloads, past every codec."""
    await asking.client.workflow_service.signal_workflow_execution(
        SignalWorkflowExecutionRequest(
            namespace=asking.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=asking.input.id),
            signal_name=name,
            input=Payloads(payloads=payloads),
            request_id=str(uuid4()),
        )
    )


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
async def test_every_shape_is_encrypted_folded_and_replayed(
    encrypted: Client, shape: Callable[[Client], Awaitable[Asking]]
) -> None:
    """The outcome is the same to the letter (`result` compares), the history has no word of it, and
    a worker that takes the decision over walks the same way."""
    asking = await shape(encrypted)
    assert not [word for word in WORDS if word in await raw_history(asking)]
    replayer = Replayer(workflows=[DecisionWorkflow], data_converter=ENCRYPTED.converter)
    history = await asking.handle.fetch_history()
    replayed = await replayer.replay_workflow(history, raise_on_replay_failure=False)
    assert replayed.replay_failure is None, replayed.replay_failure


async def test_the_words_are_there_where_nothing_is_encrypted(dev_client: Client) -> None:
    """So the test above would find them."""
    shapes = {shape.__name__: shape for shape in SHAPES}
    asking = await shapes["modified_with_receipt"](dev_client)
    found = [word for word in WORDS if word in await raw_history(asking)]
    assert found == [b"example.com", b"Refund", b"amount"]


async def test_garbage_is_refused_and_stops_nothing(encrypted: Client) -> None:
    """Random bytes, a key that nobody has, a changed byte, another encoding, no payload, two: each
    is a refusal with its reason, and the decision can still be answered."""
    asking = Asking.of(encrypted)
    [plain] = await encrypted.data_converter.encode([asking.input])
    async with asking.worker():
        await asking.start()
        [sealed] = await encrypted.data_converter.encode([asking.sign("approve")])
        [foreign] = await Encryption([NEW]).encode([plain])
        noise = [
            [Payload(metadata=sealed.metadata, data=secrets.token_bytes(300))],
            [Payload(metadata=sealed.metadata, data=b"")],
            [Payload(metadata=sealed.metadata, data=sealed.data[:-1] + b"?")],
            [Payload(metadata={"encoding": b"binary/zlib"}, data=sealed.data)],
            [foreign],
            [],
            [sealed, sealed],
        ]
        for payloads in noise:
            await send(asking, RESPOND, *payloads)
        refused = await asking.recorded("response.refused", times=len(noise))
        assert {refusal["reason"] for refusal in refused} == {"malformed"}
        await asking.respond("deny")
        assert (await asking.result()).status == Status.DENIED
    kinds = [event.event_type async for event in asking.handle.fetch_history_events()]
    assert EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED not in kinds


@pytest.mark.parametrize("sender", [PLAIN, ENCRYPTED], ids=["as it is", "encrypted"])
async def test_a_forged_approval_is_refused(encrypted: Client, sender: Encryption) -> None:
    """Whoever has the encryption key still cannot sign; and what is signed counts in the clear."""
    asking = Asking.of(encrypted)
    async with asking.worker():
        await asking.start()
        signed = asking.sign("approve").model_dump(exclude={"signature"})
        forged = stranger.sign(Response.model_validate(signed), SignedResponse)
        await send(asking, RESPOND, *await sender.converter.encode([forged]))
        [refusal] = await asking.recorded("response.refused")
        assert refusal["reason"] == "unproven"
        await send(asking, RESPOND, *await sender.converter.encode([asking.sign("approve")]))
        assert (await asking.result()).status == Status.APPROVED


@pytest.mark.parametrize(
    ("before", "after"),
    [(ENCRYPTED, ROTATED), (PLAIN, ENCRYPTED), (ENCRYPTED, OFF)],
    ids=["rotated", "switched on", "switched off"],
)
async def test_keys_change_while_a_decision_is_pending(
    dev_client: Client, before: Encryption, after: Encryption
) -> None:
    """Asked under the one setting, answered under the other: by another person, whom the workflow
    asks with what it read of its own past."""
    asking = Asking.of(
        under(dev_client, before), escalation=[{"after_minutes": 30, "approvers": [BOB]}]
    )
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
    asking.client = under(dev_client, after)
    async with asking.worker():
        await asking.respond("not_me")
        await asking.recorded("notification.sent", times=2)
        await asking.respond("approve", by=BOB, notes="fine")
        outcome = await asking.handle.result()
    reading = await asking.reading()
    assert outcome.status == Status.APPROVED
    assert (reading.annulled, reading.outcome()) == (None, outcome)
    notes = [b"fine"] if after is OFF else []
    assert [word for word in (b"fine",) if word in await raw_history(asking)] == notes


async def test_a_worker_without_the_key_does_no_harm(encrypted: Client) -> None:
    """It cannot read the question and asks nobody; with the key, the decision goes on."""
    asking = Asking.of(encrypted)
    await asking.start()
    asking.client = under(encrypted, Encryption([NEW]))
    async with asking.worker():
        await asking.happened(EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED)
    assert not asking.mailroom.sent
    assert b"Traceback" not in await raw_history(asking)
    assert b"Encoded failure" in await raw_history(asking)
    asking.client = encrypted
    async with asking.worker():
        await asking.recorded("notification.sent")
        await asking.respond("approve")
        assert (await asking.result()).status == Status.APPROVED


async def test_without_the_key_a_decision_is_not_judged(encrypted: Client) -> None:
    """The API names the key. Once it is told that the key is gone for good, there is no such
    decision, and no fault."""
    asking = Asking.of(encrypted)
    asking.input.receipts = True
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        await asking.respond("approve")
        await asking.result()
    [key_id] = ENCRYPTED.key_ids
    for codec in (None, PLAIN, Encryption([NEW])):
        with pytest.raises(UnknownKeyError, match="HANDOVER_ENCRYPTION_KEYS") as caught:
            await read_with(asking, codec)
        assert caught.value.key_id == key_id
    gone = await read_with(asking, Encryption([NEW], revoked=[key_id]))
    with pytest.raises(proof.UnprovenError):
        read_decision(gone, asking.input.created_at)


async def read_with(asking: Asking, codec: Encryption | None) -> Reading:
    """As a process with this codec reads it."""
    fold = Fold(asking.input.id, signer.keyring)
    async for event in asking.handle.fetch_history_events():
        fold.feed(await decoded(event, codec))
    return fold.reading


@pytest.mark.parametrize("answered", [True, False])
async def test_a_signal_of_a_key_that_only_others_know(encrypted: Client, answered: bool) -> None:
    """A process without the key does not contradict what they made of it: it says which key it
    takes. What they made nothing of is refused as any other garbage, and read on."""
    asking = Asking.of(encrypted)
    knows = Encryption([OLD, NEW]) if answered else ENCRYPTED
    async with replace(asking, client=under(encrypted, knows)).worker():
        await asking.start()
        others = under(encrypted, Encryption([NEW]))
        approval = asking.sign("approve")
        await others.get_workflow_handle(asking.input.id).signal(RESPOND, approval)
        if answered:
            await asking.happened(EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED)
            with pytest.raises(UnknownKeyError) as caught:
                await asking.reading()
            assert caught.value.key_id == Encryption([NEW]).key_ids[0]
        else:
            [refused] = await asking.recorded("response.refused")
            assert refused["reason"] == "malformed"
            await asking.respond("deny")
            assert (await asking.result()).status == Status.DENIED


async def test_a_part_that_cannot_be_read_voids_what_is_not_settled(encrypted: Client) -> None:
    """Whom a worker asked under a key that the API does not have is not known, so nothing is; what
    it tells people once there is an answer changes nothing."""
    asking = Asking.of(encrypted)
    asking.input.receipts = True
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        await asking.respond("approve")
        await asking.result()
    scheduled = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    gone = Encryption(revoked=ENCRYPTED.key_ids)
    events = [event async for event in asking.handle.fetch_history_events()]
    for unread, void in ((0, True), (1, False)):
        fold = Fold(asking.input.id, signer.keyring)
        hidden = [event.event_id for event in events if event.event_type == scheduled][unread]
        for event in events:
            copy = HistoryEvent.FromString(event.SerializeToString())
            codec = gone if event.event_id == hidden else ENCRYPTED
            fold.feed(await decoded(copy, codec))
        assert (fold.reading.annulled is not None) is void


async def test_why_a_message_failed_is_for_the_record_alone(encrypted: Client) -> None:
    """The failure's words are encrypted, and the record has them."""
    asking = Asking.of(encrypted, escalation=[{"after_minutes": 30, "approvers": [BOB]}])
    asking.mailroom.fail[ALICE] = ApplicationError(
        "there is no mailbox alice", type=UNDELIVERABLE, non_retryable=True
    )
    async with asking.worker():
        await asking.start()
        [failed] = await asking.recorded("notification.failed")
        await asking.respond("deny", by=BOB)
        await asking.result()
    assert failed["reason"] == "there is no mailbox alice"
    history = await raw_history(asking)
    assert b"Encoded failure" in history
    assert b"no mailbox" not in history


async def test_a_message_that_is_tried_again_tells_nobody_why(encrypted: Client) -> None:
    """Its last failure is no event yet, and encrypted all the same: with the key it can be read."""
    asking = Asking.of(encrypted)
    asking.mailroom.fail[ALICE] = ApplicationError("alice is away")
    async with asking.worker():
        await asking.start()
        await eventually(lambda: asking.mailroom.attempts > 1)
        described = (await asking.handle.describe()).raw_description
        await asking.handle.terminate()
    [pending] = described.pending_activities
    assert pending.last_failure.message == "Encoded failure"
    assert b"away" not in described.SerializeToString()
    assert await delay_of(pending, asking.encryption) == Delay("alice is away")


async def test_operators_read_what_it_waits_for_with_the_key(encrypted: Client) -> None:
    """Summaries and details, also the longest that there are: encrypted, within the server's limits
    and readable through the codec."""
    backup = f"{'b' * 60}@{'c' * 60}.{'d' * 60}.example.com"
    asking = Asking.of(
        encrypted, action="€" * 2000, escalation=[{"after_minutes": 30, "approvers": [backup]}]
    )
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        await asking.respond("not_me")
        await asking.recorded("notification.sent", times=2)
        told = await asking.handle.query(
            "__temporal_workflow_metadata", result_type=WorkflowMetadata
        )
        described = await asking.handle.describe()
        state = (await asking.reading()).state
        await asking.handle.terminate()
    assert state
    assert told.current_details == options.current_details(state)
    assert await described.static_summary() == options.summary("€" * 2000)
    events = [event async for event in asking.handle.fetch_history_events()]
    summaries = [e.user_metadata.summary for e in events if e.HasField("user_metadata")]
    opened = await ENCRYPTED.decode(summaries)
    assert f"escalation to {backup} by email"[:190].encode() in b"".join(p.data for p in opened)
    assert not any(backup.encode()[:20] in summary.data for summary in summaries)
    assert not any("€".encode() in summary.data for summary in summaries)
