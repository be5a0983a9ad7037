"""A history that a test makes by hand, and what the API reads from it: pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from api.decisions.signing import Signer
from handover.models import Status
from histories.entries import AuditEntry
from histories.fold import Fold
from histories.reading import Live
from tests.readings import live
from tests.workflows.harness import ALICE, BOB, make_input, signer
from workflows.messages import SEND_NOTIFICATION, NotificationSent, SendNotificationInput, Wire
from workflows.statements import (
    DELIVERY_FAILED,
    RESPOND,
    FailedDelivery,
    SignedFailedDelivery,
    SignedResponse,
)
from workflows.statements import Response as Answer

RUN = "run_1"


class History:
    """One run of a decision that asks Alice, and Bob in ten minutes or sooner."""

    def __init__(
        self,
        late: timedelta = timedelta(),
        decision_id: str | None = None,
        vouches_for: Mapping[str, str] | None = None,
        revoked: Collection[str] = (),
        **request: Any,
    ) -> None:
        """`vouches_for` are keys that the decision knows besides ours, and `revoked` what whoever
        reads it is told of keys."""
        step = {"after_minutes": 10, "approvers": [BOB]}
        ring = {"keyring": {**signer.keyring, **(vouches_for or {})}}
        asked = make_input(**{"escalation": [step], **request})
        self.input = signer.seal(asked.model_copy(update=ring))
        self._decision_id = decision_id or self.input.id
        self.begin_again(revoked)
        self.now = self.input.created_at + late
        self._number = 0
        started = {"input": payloads(self.input), "original_execution_run_id": RUN}
        self.add("WORKFLOW_EXECUTION_STARTED", started)

    def add(self, kind: str, attributes: dict[str, Any] | None = None) -> int:
        """The next event, a second later; its number."""
        self._number += 1
        self.now += timedelta(seconds=1)
        attributes_of: dict[str, Any] = {f"{kind.lower()}_event_attributes": attributes or {}}
        time = Timestamp()
        time.FromDatetime(self.now)
        event = HistoryEvent(
            event_id=self._number,
            event_type=EventType.Value(f"EVENT_TYPE_{kind}"),
            event_time=time,
            **attributes_of,
        )
        self._fold.feed(event)
        return self._number

    def begin_again(self, revoked: Collection[str] = ()) -> None:
        """As if nothing of it had been read."""
        self._fold = Fold(self._decision_id, signer.keyring, revoked)

    @property
    def annulled(self) -> str | None:
        """Why it counts for nothing, whoever began it."""
        return self._fold.reading.annulled

    @property
    def reading(self) -> Live:
        return live(self._fold.reading)

    def task(self) -> None:
        self.add("WORKFLOW_TASK_STARTED")
        self.add("WORKFLOW_TASK_COMPLETED")

    def respond(self, choice: str, by: str = ALICE, signed_by: Signer = signer) -> SignedResponse:
        answer = self.answer(choice, by, signed_by)
        signal = {"signal_name": RESPOND, "input": payloads(answer)}
        self.add("WORKFLOW_EXECUTION_SIGNALED", signal)
        return answer

    def answer(self, choice: str, by: str, signed_by: Signer = signer) -> SignedResponse:
        return signed_by.sign(
            Answer(
                decision_id=self.input.id,
                run_id=RUN,
                request_digest=self.input.request_digest,
                received_at=datetime.now(UTC),
                approver=by,
                choice=choice,
            ),
            SignedResponse,
        )

    def send(self, message: str) -> int:
        """A message to Alice; the number that what becomes of it names."""
        about: dict[str, Any] = {"message": message, "approver": ALICE, "channel": "email"}
        sending = SendNotificationInput(decision_id=self.input.id, **about)
        scheduled = {"activity_type": {"name": SEND_NOTIFICATION}, "input": payloads(sending)}
        return self.add("ACTIVITY_TASK_SCHEDULED", scheduled)

    def fail(self, scheduled: int) -> None:
        failed = {"scheduled_event_id": scheduled, "failure": {"message": "no such mailbox"}}
        self.add("ACTIVITY_TASK_FAILED", failed)

    def deliver(self, scheduled: int, message_id: str = "mail-1") -> None:
        sent = NotificationSent(provider="double", message_id=message_id)
        self.add(
            "ACTIVITY_TASK_COMPLETED", {"scheduled_event_id": scheduled, "result": payloads(sent)}
        )

    def lose(self, message_id: str) -> None:
        """Its provider tells that it did not arrive."""
        failed = signer.sign(
            FailedDelivery(
                decision_id=self.input.id,
                run_id=RUN,
                request_digest=self.input.request_digest,
                received_at=datetime.now(UTC),
                approver=ALICE,
                channel="email",
                message="decision-request",
                reason="no such user",
                provider_message_id=message_id,
                provider_event_id=f"about {message_id}",
            ),
            SignedFailedDelivery,
        )
        signal = {"signal_name": DELIVERY_FAILED, "input": payloads(failed)}
        self.add("WORKFLOW_EXECUTION_SIGNALED", signal)

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def entries(self, type: str) -> list[AuditEntry]:
        return [entry for entry in self.reading.entries if entry.type == type]

    def refusals(self) -> list[str]:
        """Why signals counted for nothing."""
        entries = self.reading.entries
        return [e.details["reason"] for e in entries if e.type == "response.refused"]

    @property
    def status(self) -> Status:
        return self.reading.state.status

    @property
    def asked(self) -> list[str]:
        return [each.approver for each in self.reading.state.asked]


def payloads(content: Wire) -> dict[str, Any]:
    return {"payloads": [Payload(data=content.model_dump_json().encode())]}
