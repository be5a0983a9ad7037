"""The activity that sends, between its doubles and a real Temporal."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.channels.errors import DeliveryError
from activities.channels.notice import Channel, Notice
from activities.deliveries import DeliveryLog
from activities.digests import HeldMessages
from activities.notifications import Notifications
from activities.requests import Requests
from activities.task_queues import working
from api.decisions.signing import Signer
from histories.fold import Fold
from histories.loading import Histories
from links import Codes, LinkKeys
from store import Store
from templates import Reader
from tests.activities.samples import ANN, SIGNER, make_decision, make_outcome
from tests.activities.stores import FakeApprovers, FakeContents, FakeDeliveries, NothingHeld
from tests.support import eventually
from tests.workflows.harness import Mailroom
from workflows.messages import (
    WORKFLOW,
    DecisionInput,
    NotificationSent,
    Outcome,
    SendNotificationInput,
)
from workflows.statements import RESPOND

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
            requests=Requests(Histories(self.client, SIGNER.keyring), self.contents),
            links=LINK_KEYS,
            codes=Codes(["k" * 32]),
            public_url="https://handover.example.com/",
            channels=self.channels,
            deliveries=deliveries,
            held=held,
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
        decision = make_decision(f"dec_{uuid.uuid4().hex[:12]}", signer, **changes)
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
