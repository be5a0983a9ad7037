"""Decisions started straight through Temporal, signed as the API signs them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import ApplicationError

from activities.task_queues import working
from api.decisions.signing import Signer
from api.decisions.starting import search_attributes
from handover.models import DecisionRequest
from histories.encryption import Encryption, decoded
from histories.reading import Live
from settings.keys import new_secrets
from tests import readings
from tests.support import eventually
from workflows import lifecycle, options, proof
from workflows.messages import (
    CALLBACK_FAILED,
    DELIVER_CALLBACK,
    SEND_NOTIFICATION,
    WORKFLOW,
    CallbackDelivered,
    CallbackFailed,
    DecisionInput,
    DeliverCallbackInput,
    NotificationSent,
    Outcome,
    SendNotificationInput,
)
from workflows.statements import RESPOND, Response, SignedResponse, Withdrawal

ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"

signer = Signer([new_secrets()["signing_keys"]])
stranger = Signer([new_secrets()["signing_keys"]])


def make_input(decision_id: str | None = None, **request: Any) -> DecisionInput:
    """A decision that begins now, not sealed yet."""
    asked = DecisionRequest.model_validate({"action": "Refund", "approver": ALICE} | request)
    now = datetime.now(UTC)
    return DecisionInput(
        id=decision_id or f"dec_{secrets.token_hex(13)}",
        agent="refund-bot",
        agent_id="key_1",
        request=asked,
        request_digest=proof.request_digest(asked),
        created_at=now,
        expires_at=now + timedelta(minutes=asked.timeout_minutes),
        rules_version=lifecycle.RULES_VERSION,
        keyring=signer.keyring,
        receipts=False,
    )


@dataclass
class Mailroom:
    """The notification activity's double: it sends nothing, and may be held or fail."""

    sent: list[SendNotificationInput] = field(default_factory=list[SendNotificationInput])
    fail: dict[str, Exception] = field(default_factory=dict[str, Exception])
    """By approver, or by channel."""
    held: asyncio.Event = field(default_factory=asyncio.Event)
    holding: str = ""
    attempts: int = 0
    lost: str = ""
    """A message, or `callback`, whose attempts are never heard of again, as if their worker had
    been killed."""
    only_lost_for: str = ""
    forgotten: list[str] = field(default_factory=list[str])

    @activity.defn(name=SEND_NOTIFICATION)
    async def send_notification(self, input: SendNotificationInput) -> NotificationSent:
        self.attempts += 1
        if input.message == self.holding:
            await self.held.wait()
        if self.only_lost_for in ("", input.approver):
            self._forget(input.message)
        if error := self.fail.get(input.approver) or self.fail.get(input.channel):
            raise error
        self.sent.append(input)
        return NotificationSent(provider="double", message_id=f"id-{len(self.sent)}")

    callbacks: list[str | Exception] = field(default_factory=list[str | Exception])
    """What becomes of each attempt at a callback, in order; after these it is delivered."""
    delivered: int = 0

    @activity.defn(name=DELIVER_CALLBACK)
    async def deliver_callback(self, input: DeliverCallbackInput) -> CallbackDelivered:
        self.delivered += 1
        self._forget("callback")
        if self.callbacks:
            failure = self.callbacks.pop(0)
            if isinstance(failure, Exception):
                raise failure
            handle = activity.client().get_workflow_handle(input.decision_id)
            failed = CallbackFailed(attempt=activity.info().attempt, reason=failure)
            await handle.signal(CALLBACK_FAILED, failed)
            raise ApplicationError(failure, next_retry_delay=timedelta(hours=5))
        return CallbackDelivered(status_code=200, attempts=activity.info().attempt)

    def _forget(self, message: str) -> None:
        if message == self.lost:
            self.forgotten.append(message)
            activity.raise_complete_async()

    def told(self, message: str) -> list[str]:
        return [sending.approver for sending in self.sent if sending.message == message]


@dataclass
class Asking:
    """One decision and its way: start, signal, read."""

    client: Client
    input: DecisionInput
    task_queue: str
    mailroom: Mailroom = field(default_factory=Mailroom)
    _started: WorkflowHandle[Any, Outcome] = field(init=False)

    @classmethod
    def of(cls, client: Client, **request: Any) -> Asking:
        return cls(client, make_input(**request), f"queue-{secrets.token_hex(6)}")

    @property
    def handle(self) -> WorkflowHandle[Any, Outcome]:
        return self.client.get_workflow_handle(self.input.id, result_type=Outcome)

    @property
    def encryption(self) -> Encryption:
        """That of its client."""
        codec = self.client.data_converter.payload_codec
        return codec if isinstance(codec, Encryption) else Encryption()

    @property
    def run_id(self) -> str:
        return self._started.result_run_id or ""

    async def start(self, task_timeout: timedelta | None = None) -> None:
        # The test server skips time only for the handle that starting gives.
        self._started = await self.client.start_workflow(
            WORKFLOW,
            signer.seal(self.input),
            id=self.input.id,
            task_queue=self.task_queue,
            task_timeout=task_timeout,
            static_summary=options.summary(self.input.request.action),
            search_attributes=(
                search_attributes(self.input, self.encryption) if self.input.indexed else None
            ),
            result_type=Outcome,
        )

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[None]:
        mailroom = self.mailroom
        async with working(
            self.client, self.task_queue, mailroom.send_notification, mailroom.deliver_callback
        ):
            yield

    def sign(self, choice: str, by: str = ALICE, **changes: Any) -> SignedResponse:
        """A response as the API would sign it; `changes` go in before the signature."""
        response = Response(**self.about(), approver=by, choice=choice)
        return signer.sign(response.model_copy(update=changes), SignedResponse)

    def about(self) -> dict[str, Any]:
        """What every statement to this run says."""
        return {
            "decision_id": self.input.id,
            "run_id": self.run_id,
            "request_digest": self.input.request_digest,
            "received_at": datetime.now(UTC),
        }

    def withdrawal(self, **changes: Any) -> Withdrawal:
        withdrawal = Withdrawal(**self.about(), agent=self.input.agent)
        return withdrawal.model_copy(update=changes)

    async def respond(self, choice: str, by: str = ALICE, **changes: Any) -> None:
        await self.handle.signal(RESPOND, self.sign(choice, by, **changes))

    async def reading(self) -> Live:
        events = self.handle.fetch_history_events()
        read = [await decoded(event, self.encryption) async for event in events]
        return readings.read(self.input.id, signer.keyring, read)

    async def result(self) -> Outcome:
        """The outcome, which the reading of the history must agree with to the letter."""
        outcome = await self._started.result()
        reading = await self.reading()
        assert reading.annulled is None
        assert reading.state.outcome == outcome
        return outcome

    async def happened(self, kind: EventType.ValueType, times: int = 1) -> None:
        """Wait for this event of the history."""

        async def there() -> bool:
            events = [e async for e in self.handle.fetch_history_events()]
            return sum(event.event_type == kind for event in events) >= times

        await eventually(there)

    async def recorded(self, type: str, times: int = 1) -> list[dict[str, Any]]:
        """The details of the audit's entries of this type, once there are as many."""

        async def there() -> list[dict[str, Any]]:
            reading = await self.reading()
            found = [entry.details for entry in reading.entries if entry.type == type]
            return found if len(found) >= times else []

        return await eventually(there)
