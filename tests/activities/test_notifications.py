"""The activity as a whole: a real history to read from, a channel that does as it is told."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.testing import ActivityEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.channels.errors import (
    DeferredError,
    DeliveryError,
    RefusedError,
    UndeliverableError,
)
from activities.channels.notice import Channel, Notice
from activities.deliveries import DeliveryLog, delivery_key
from activities.digests import HeldMessages
from activities.notifications import Notifications
from api.signing import Signer
from links import Codes, LinkKeys
from store import Store
from store.approvers import Preferences
from store.held import Claim, HeldMessage
from task_queues import working
from templates import Reader
from tests.activities.samples import (
    ANN,
    BOB,
    OTHER_SIGNER,
    SIGNER,
    begun_now,
    make_decision,
    make_outcome,
)
from tests.dev_server import DevServer
from tests.support import eventually
from tests.workflows.harness import Mailroom
from workflows.messages import (
    RESPOND,
    SEND_NOTIFICATION,
    UNDELIVERABLE,
    WORKFLOW,
    DecisionInput,
    NotificationSent,
    Outcome,
    SendNotificationInput,
)
from workflows.reading import Fold
from workflows.stored import set_aside

LINK_KEYS = LinkKeys(["k" * 32])


class FakeChannel:
    """Keeps what it is given; raises `error`, or waits for ever while `stuck`."""

    provider = "fake"

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self.error: DeliveryError | None = None
        self.stuck = False

    async def send(self, notice: Notice) -> str:
        self.notices.append(notice)
        if self.stuck:
            await asyncio.Event().wait()
        if self.error:
            raise self.error
        return f"fake-{len(self.notices)}"


class FakeDeliveries:
    """A store in memory, which can be `down`."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.down = False

    async def find(self, key: str) -> str | None:
        self._fail_when_down()
        sent = (r for r in self.rows if r["key"] == key and r["result"] == "sent")
        return next((row["provider_message_id"] for row in sent), None)

    async def record(self, **row: Any) -> None:
        self._fail_when_down()
        self.rows.append(row)

    def _fail_when_down(self) -> None:
        if self.down:
            raise ConnectionError("the store is down")


class FakeContents:
    """What is too large for histories, in memory."""

    def __init__(self) -> None:
        self.bodies: dict[str, str] = {}

    async def get(self, digests: Collection[str]) -> dict[str, str]:
        return {digest: self.bodies[digest] for digest in digests if digest in self.bodies}


class FakeApprovers:
    """What people have set, by address."""

    def __init__(self) -> None:
        self.preferences: dict[str, Preferences] = {}
        self.away = False

    async def find(self, address: str) -> Preferences:
        if self.away:
            raise OSError("the store is away")
        return self.preferences.get(address, Preferences())


class NothingHeld:
    """The store where nobody has several questions in one mail."""

    async def keep(self, message: HeldMessage) -> None:
        raise AssertionError(f"{message} is held")

    async def claim(self, own: HeldMessage, now: datetime) -> Claim | None:
        raise AssertionError(f"{own.approver} has a digest")

    async def give_back(self, claim: Claim) -> None:
        raise AssertionError(f"{claim} was none")

    async def remove(self, keys: Collection[str]) -> None:
        raise AssertionError(f"{keys} were not held")


class Scene:
    """The activity between its doubles and a real Temporal."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.channel = FakeChannel()
        self.deliveries = FakeDeliveries()
        self.contents = FakeContents()
        self.approvers = FakeApprovers()
        self.channels: dict[str, Channel] = {"email": self.channel}
        self.notifications = self._made(self.deliveries, NothingHeld())

    def use(self, store: Store) -> None:
        """A real one, for what is held and what was delivered."""
        self.notifications = self._made(store.deliveries, store.held)

    def _made(self, deliveries: DeliveryLog, held: HeldMessages) -> Notifications:
        return Notifications(
            client=self.client,
            keyring=SIGNER.keyring,
            links=LINK_KEYS,
            codes=Codes(["k" * 32]),
            public_url="https://handover.example.com/",
            channels=self.channels,
            deliveries=deliveries,
            held=held,
            contents=self.contents,
            approvers=self.approvers,
            reader=Reader(),
        )

    async def start(self, input: Any, workflow_id: str) -> None:
        """Start a decision's workflow, which nobody runs: its history is what is read."""
        await self.client.start_workflow(WORKFLOW, input, id=workflow_id, task_queue="nobody")

    async def answered(
        self, approver: str = ANN, choice: str = "approve", **changes: Any
    ) -> tuple[DecisionInput, Outcome]:
        """A decision whose workflow has heard a response, and what would come of that one."""
        decision, queue = make_decision(f"dec_{uuid.uuid4().hex[:12]}"), f"queue-{uuid.uuid4()}"
        handle = await self.client.start_workflow(
            WORKFLOW, decision, id=decision.id, task_queue=queue
        )
        changes.setdefault("run_id", handle.first_execution_run_id)
        outcome = make_outcome(decision, approver, choice, **changes)
        async with working(self.client, queue, Mailroom().send_notification):
            await handle.signal(RESPOND, outcome.response)
            await eventually(lambda: self._has_heard(decision.id))
        return decision, outcome

    async def _has_heard(self, decision_id: str) -> bool:
        fold = Fold(decision_id, SIGNER.keyring)
        signalled = False
        async for event in self.client.get_workflow_handle(decision_id).fetch_history_events():
            signalled |= event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
            fold.feed(event)
        return signalled and not fold.has_unheard

    async def decision(self, signer: Signer = SIGNER, **changes: Any) -> DecisionInput:
        made = make_decision(f"dec_{uuid.uuid4().hex[:12]}", **changes)
        decision = begun_now(made, signer)
        await self.start(decision, decision.id)
        return decision

    async def send(
        self, input: SendNotificationInput, attempt: int = 1, **info: Any
    ) -> NotificationSent:
        """`info` is what else Temporal tells of this attempt."""
        environment = ActivityEnvironment()
        environment.info = replace(environment.info, attempt=attempt, **info)
        return await environment.run(self.notifications.send_notification, input)

    async def failure(
        self, input: SendNotificationInput, attempt: int = 1, **info: Any
    ) -> ApplicationError:
        with pytest.raises(ApplicationError) as caught:
            await self.send(input, attempt, **info)
        return caught.value


@pytest.fixture
async def scene(dev_server: DevServer) -> Scene:
    return Scene(await dev_server.client())


def sending(
    decision: DecisionInput,
    message: str = "decision-request",
    approver: str = ANN,
    outcome: Outcome | None = None,
    channel: str = "email",
) -> SendNotificationInput:
    return SendNotificationInput(
        decision_id=decision.id,
        message=message,
        approver=approver,
        channel=channel,
        outcome=outcome,
    )


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
        }
    ]


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
    """Unsealed, sealed by somebody else, or no decision at all."""
    unsealed = (await scene.decision()).model_copy(update={"seal": None, "id": "dec_unsealed"})
    await scene.start(unsealed, unsealed.id)
    await assert_refused(scene, sending(unsealed), "not sealed")
    foreign = await scene.decision(signer=OTHER_SIGNER)
    await assert_refused(scene, sending(foreign), "not sealed")
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


LATE = make_decision().expires_at + timedelta(seconds=1)


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
