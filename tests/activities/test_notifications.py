"""The activity as a whole: a real history to read from, a channel that does as it is told."""

from __future__ import annotations

import asyncio
import logging
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationErrorCategory
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.channels.errors import (
    DeferredError,
    DeliveryError,
    RefusedError,
    UndeliverableError,
)
from activities.deliveries import delivery_key
from tests.activities.samples import ANN, BOB, OTHER_SIGNER, SIGNER, make_decision, make_outcome
from tests.activities.scenes import LINK_KEYS, Scene, sending
from tests.support import eventually
from workflows.messages import (
    SEND_NOTIFICATION,
    UNDELIVERABLE,
    NotificationSent,
    Outcome,
    SendNotificationInput,
)
from workflows.stored import set_aside


async def test_a_message_is_made_from_the_recorded_decision(scene: Scene):
    """The activity gets ids; the words come from the history, the link from our keys."""
    decision = await scene.decision(action="Refund order 1142")
    sent = await scene.send(sending(decision, "escalation", BOB))
    assert sent == NotificationSent(provider="fake", message_id="fake-1")
    [notice] = scene.channel.notices
    assert notice.decision == decision
    assert (notice.message, notice.approver, notice.asked_before) == ("escalation", BOB, [ANN])
    base, token = notice.link.split("/d/")
    assert base == "https://handover.example.com"
    link = LINK_KEYS.read(token)
    assert (link.decision_id, link.approver) == (decision.id, BOB)


async def test_a_sent_message_is_recorded(scene: Scene):
    """With what a person and a metric want to know."""
    input = sending(await scene.decision())
    await scene.send(input)
    assert scene.deliveries.rows == [
        {
            "key": delivery_key(input),
            "decision_id": input.decision_id,
            "message": "decision-request",
            "approver": ANN,
            "channel": "email",
            "result": "sent",
            "provider": "fake",
            "provider_message_id": "fake-1",
            "late": False,
        }
    ]


async def test_the_first_question_says_where_it_is_late(
    scene: Scene, caplog: pytest.LogCaptureFixture
):
    """With less than half of the time left: in the record, and as a warning."""
    for id, left in (("dec_in_time", 8), ("dec_late", 4)):
        now = datetime.now(UTC)
        made = {
            "created_at": now - timedelta(minutes=6),
            "expires_at": now + timedelta(minutes=left),
        }
        decision = SIGNER.seal(make_decision(id).model_copy(update=made))
        await scene.start(decision, id)
        await scene.send(sending(decision))
    assert [row["late"] for row in scene.deliveries.rows] == [False, True]
    [warning] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert (warning.message, warning.__dict__["decision_id"]) == ("message sent late", "dec_late")


async def test_a_message_whose_report_was_lost_is_not_sent_again(scene: Scene):
    """The second attempt finds the first one's record; another person's message is sent."""
    decision = await scene.decision()
    first = await scene.send(sending(decision))
    again = await scene.send(sending(decision), attempt=2)
    assert again == first
    assert len(scene.channel.notices) == 1
    await scene.send(sending(decision, "escalation", BOB), attempt=2)
    assert len(scene.channel.notices) == 2


async def test_an_attempt_that_failed_is_made_again(scene: Scene):
    """Only what was sent counts as sent."""
    input = sending(await scene.decision())
    scene.channel.error = DeferredError("busy")
    await scene.failure(input)
    scene.channel.error = None
    assert (await scene.send(input, attempt=2)).message_id == "fake-2"
    assert [row["result"] for row in scene.deliveries.rows] == ["deferred", "sent"]


async def test_a_store_that_is_down_stops_no_message(
    scene: Scene, caplog: pytest.LogCaptureFixture
):
    """People are told all the same, and the log says what is missing."""
    input = sending(await scene.decision())
    scene.deliveries.down = True
    assert (await scene.send(input)).message_id == "fake-1"
    assert "the store did not take a delivery" in caplog.text
    assert (await scene.send(input, attempt=2)).message_id == "fake-2"
    assert "the store cannot say what was sent" in caplog.text


@pytest.mark.parametrize(
    ("error", "result", "expected"),
    [
        (UndeliverableError("bad"), "failed", (UNDELIVERABLE, True, None)),
        (DeferredError("busy"), "deferred", ("Deferred", False, None)),
        (
            DeferredError("busy", timedelta(seconds=40)),
            "deferred",
            ("Deferred", False, timedelta(seconds=40)),
        ),
        (
            DeferredError("busy", timedelta(days=1)),
            "deferred",
            ("Deferred", False, timedelta(minutes=5)),
        ),
        (
            RefusedError("check the key"),
            "refused",
            ("ProviderRefused", False, timedelta(minutes=5)),
        ),
    ],
)
async def test_every_failure_becomes_what_temporal_retries_by(
    scene: Scene,
    caplog: pytest.LogCaptureFixture,
    error: DeliveryError,
    result: str,
    expected: tuple[Any, ...],
):
    """Permanent, later, or the operator's: by type, retryability and delay, and in the record."""
    input = sending(await scene.decision())
    scene.channel.error = error
    failure = await scene.failure(input)
    assert (failure.type, failure.non_retryable, failure.next_retry_delay) == expected
    assert failure.message == str(error)
    # The audit trail shows the innermost cause.
    assert failure.__cause__ is None
    assert [row["result"] for row in scene.deliveries.rows] == [result]
    benign = failure.category == ApplicationErrorCategory.BENIGN
    assert benign == isinstance(error, DeferredError)
    [record] = [r for r in caplog.records if r.name == "activities.notifications"]
    assert (record.levelno == logging.ERROR) == isinstance(error, RefusedError)
    assert record.__dict__["decision_id"] == input.decision_id


async def test_a_channel_that_is_not_set_up_is_permanent(scene: Scene):
    """So that the next approver is asked, instead of nobody."""
    failure = await scene.failure(sending(await scene.decision(), channel="slack"))
    assert (failure.type, failure.non_retryable) == (UNDELIVERABLE, True)


async def assert_refused(scene: Scene, input: SendNotificationInput, why: str) -> None:
    failure = await scene.failure(input)
    assert (failure.type, failure.non_retryable) == ("Unproven", True)
    assert why in failure.message
    assert scene.channel.notices == []


async def test_nothing_is_sent_for_a_decision_that_this_service_did_not_seal(scene: Scene):
    """Unsealed, or no decision at all; not yet where the key that sealed it is not known here."""
    unsealed = (await scene.decision()).model_copy(update={"seal": None, "id": "dec_unsealed"})
    await scene.start(unsealed, unsealed.id)
    await assert_refused(scene, sending(unsealed), "not sealed")
    foreign = await scene.decision(signer=OTHER_SIGNER)
    failure = await scene.failure(sending(foreign))
    assert (failure.type, failure.non_retryable) == ("UnknownKey", False)
    assert next(iter(OTHER_SIGNER.keyring)) in failure.message
    assert scene.channel.notices == []
    await scene.start("anything", "dec_anything")
    anything = unsealed.model_copy(update={"id": "dec_anything"})
    await assert_refused(scene, sending(anything), "not started with a decision")


async def test_nothing_is_sent_for_another_decisions_input(scene: Scene):
    """A sealed input under another workflow id would ask the same question twice."""
    decision = await scene.decision()
    copy = f"{decision.id}x"
    await scene.start(decision, copy)
    input = sending(decision).model_copy(update={"decision_id": copy})
    await assert_refused(scene, input, f"the input of {decision.id}")


async def test_nothing_is_sent_to_somebody_whom_the_decision_does_not_name(scene: Scene):
    """A link for them would be a link to answer."""
    decision = await scene.decision()
    await assert_refused(scene, sending(decision, approver="eve@example.com"), "approver")


async def test_an_outcome_is_told_when_an_approver_gave_it(scene: Scene):
    """Signed by the API, by an approver of the decision, and what the rules make of it."""
    decision, outcome = await scene.answered(ANN, "deny", notes="no")
    await scene.send(sending(decision, "settled", BOB, outcome))
    assert [notice.outcome for notice in scene.channel.notices] == [outcome]


LATE = datetime.now(UTC) + timedelta(days=1)
"""After the end of any decision here."""


@pytest.mark.parametrize(
    "changes",
    [
        {"signer": OTHER_SIGNER},
        {"decision_id": "dec_other"},
        {"run_id": "another"},
        {"request_digest": "0" * 64},
        {"received_at": LATE},
        {"approver": "eve@example.com"},
        {"approver": BOB},  # who is asked later
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_an_outcome_of_a_response_that_does_not_count_is_not_told(
    scene: Scene, changes: dict[str, Any]
):
    """Signed by another, about something else, late or by a stranger: it is in the history, and
    makes nothing."""
    decision, outcome = await scene.answered(**changes)
    assert (await scene.failure(sending(decision, "settled", ANN, outcome))).type == "Unproven"
    assert scene.channel.notices == []


async def test_an_outcome_that_nobody_gave_is_not_told(scene: Scene):
    """Changed after it was signed, never heard by the workflow, or beside what it did hear."""
    decision, true = await scene.answered(ANN, "deny")
    assert true.response
    never_heard = make_outcome(decision, ANN, "approve", run_id=true.response.run_id)
    bad = {
        "another status": true.model_copy(update={"status": "approved"}),
        "another person": true.model_copy(update={"by": BOB}),
        "other notes": true.model_copy(update={"notes": "go ahead"}),
        "no response": true.model_copy(update={"response": None}),
        "never heard": never_heard,
        "an approval by nobody": Outcome.model_validate(
            {"status": "approved", "origin": "timeout", "at": decision.created_at}
        ),
        "an expiry that was not": Outcome.model_validate(
            {"status": "expired", "origin": "timeout", "at": decision.expires_at}
        ),
    }
    failures = {
        name: (await scene.failure(sending(decision, "settled", ANN, outcome))).type
        for name, outcome in bad.items()
    }
    assert failures == dict.fromkeys(bad, "Unproven")
    assert scene.channel.notices == []


async def test_what_is_too_large_for_a_history_is_told_from_the_store(scene: Scene):
    """The mail shows it whole; where the store lacks it, the message waits and is tried again."""
    request = make_decision(context="because " * 4000).request
    large = set_aside({"context": request.context})
    decision = make_decision(f"dec_{uuid.uuid4().hex[:12]}", stored=large.stored, context=None)
    await scene.start(decision, decision.id)
    assert not (await scene.failure(sending(decision))).non_retryable
    scene.contents.bodies |= large.bodies
    await scene.send(sending(decision))
    [notice] = scene.channel.notices
    assert notice.decision.request.context == request.context


@workflow.defn
class OneMessage:
    """Sends one message."""

    @workflow.run
    async def run(self, input: SendNotificationInput) -> NotificationSent:
        return await workflow.execute_activity(
            SEND_NOTIFICATION,
            input,
            result_type=NotificationSent,
            start_to_close_timeout=timedelta(seconds=60),
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=100)),
        )


async def test_a_message_that_a_stopping_worker_gave_up_is_sent_by_another(scene: Scene):
    """Stopping is not cancelling: the approver gets the mail from whoever works next."""
    input = sending(await scene.decision())
    queue = f"stopping-{uuid.uuid4()}"

    def worker() -> Worker:
        return Worker(
            scene.client,
            task_queue=queue,
            workflows=[OneMessage],
            activities=[scene.notifications.send_notification],
            # The sandbox would import this module, and all that it imports, once more.
            workflow_runner=UnsandboxedWorkflowRunner(),
            graceful_shutdown_timeout=timedelta(milliseconds=100),
        )

    scene.channel.stuck = True
    async with worker():
        handle = await scene.client.start_workflow(
            OneMessage.run, input, id=queue, task_queue=queue
        )
        await eventually(lambda: scene.channel.notices)
    scene.channel.stuck = False
    async with worker(), asyncio.timeout(50):
        assert (await handle.result()).message_id == "fake-2"
