"""From a decision's history to what it means, with no worker and no query.

`Fold` takes the events of one run in order and applies them to `lifecycle` in just the order in
which the workflow did: per workflow task, signals first, then what came of activities, then time.
It believes nothing that the history merely claims. A status comes from responses whose proof holds
against the API's own keyring, and a run that says otherwise is void.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import BaseModel
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent

import handover.proof as said
from handover.models import (
    Decision,
    DecisionRequest,
    Execution,
    Notification,
    Origin,
    Status,
    is_permitted,
)
from workflows import lifecycle, proof, signals
from workflows.events import (
    Attached,
    CodeRequested,
    DeliveryFailed,
    Event,
    Extended,
    FailureReported,
    Refused,
    Responded,
    TimePassed,
    Withdrawn,
)
from workflows.messages import (
    ASKING,
    DELIVER_CALLBACK,
    SEND_NOTIFICATION,
    STATUS_ATTRIBUTE,
    CallbackDelivered,
    DecisionInput,
    NotificationSent,
    Outcome,
    Response,
    SendNotificationInput,
    SignedResponse,
)
from workflows.state import Entry, Rules, State
from workflows.stored import whole_request, whole_response
from workflows.unknown_keys import UnknownKeyError, encrypted_with

START_TOLERANCE = timedelta(minutes=10)
"""How far the run's first event may be from the sealed `created_at`: further, and somebody started
an old decision again. Clocks of the API and of Temporal may differ by less."""

FIRST_ASKING = ("decision-request", "escalation")
"""Messages that ask somebody for the first time: one that fails has others asked."""

UNREACHED_AFTER = timedelta(minutes=5)
"""For so long a message may be tried again before its decision counts as unreachable."""

STALLED_AFTER = timedelta(seconds=30)
"""How long after a failed task its workflow does not go on: a fault that passes is over by then."""

MAX_WHY = 300
"""Characters of why a task failed."""

HARMLESS = (
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_STICKY_TASK_QUEUE,
)
"""Causes by which a task fails that is in order: something came in between, or its worker left."""

COMPLETED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED
CLOSED = {
    COMPLETED: "completed without an answer",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED: "terminated in Temporal",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED: "failed in Temporal",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT: "timed out in Temporal",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED: "cancelled in Temporal",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW: "continued as a new run in Temporal",
}
FAILED_ACTIVITY = (
    EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT,
)
HEARD_BY_THE_WORKFLOW = (
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED,
    EventType.EVENT_TYPE_TIMER_FIRED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED,
    *FAILED_ACTIVITY,
)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the record. `event_id` is the number of the history event it was read from."""

    event_id: int | None
    type: str
    at: datetime
    details: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Delay:
    """Why a message is still under way; `is_held` for its reader's sake."""

    reason: str
    is_held: bool = False


@dataclass(frozen=True, slots=True)
class Failing:
    """The workflow's task fails, which Temporal tries again and again."""

    since: datetime
    why: str


class Fold:
    """One run of one decision, as far as its events were fed.

    What a key of `keyring` signed is believed, and what one of the `revoked` ones signed is not
    (they are named by their ids). Of any other key this process cannot tell.
    """

    def __init__(
        self, decision_id: str, keyring: proof.Keyring, revoked: Collection[str] = ()
    ) -> None:
        self.decision_id = decision_id
        self._keyring = keyring
        self._revoked = revoked
        self._unread: UnknownKeyError | None = None
        self._unheard: list[HistoryEvent] = []
        self._in_task = 0
        self._task_started = datetime.min.replace(tzinfo=UTC)
        self._sent: dict[int, SendNotificationInput] = {}
        self._activity_ids: list[str] = []
        self._callbacks: set[int] = set()
        self._was_told_late = False
        self._takers = {
            EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: self._start,
            EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: self._note_notification,
            EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED: self._begin_task,
            EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED: self._hear,
            EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED: self._note_failed_task,
            EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: self._compare,
        }
        self.run_id = ""
        self.input: DecisionInput | None = None
        self.state: State | None = None
        self.void: str | None = None
        """Why nothing that this run says counts, where it doesn't."""
        self.closed = False
        self.failing: Failing | None = None
        self.notifications: list[Notification] = []
        self.entries: list[AuditEntry] = []
        self.heard: dict[str, Entry | None] = {}
        """Signed statements that the workflow has worked on, by their signature: None, or the entry
        that refuses them."""
        self.bodies: dict[str, str] = {}
        """What the store keeps of this decision, by digest, as far as it was fetched."""
        self.execution: Execution | None = None
        """That what was permitted was claimed, where whoever fed this fold knows it."""
        self.delays: dict[str, Delay] | None = None
        """Of messages under way, by the activity's id, where whoever fed this fold has asked: no
        event tells of an attempt that is followed by another."""
        self.lost: dict[str, str] = {}
        """Messages that were sent and did not arrive, by the provider's id, and why."""

    @property
    def stored(self) -> set[str]:
        """Digests of what the store keeps of this decision and was not fetched yet."""
        if self.state is None:  # nobody of ours has stored anything for it
            return set()
        response = self.response
        digests = {
            *(self.input.stored.values() if self.input else ()),
            *(response.stored.values() if response else ()),
        }
        return digests - self.bodies.keys()

    @property
    def request(self) -> DecisionRequest:
        """What was asked, whole. Raises `MissingContentError` unless `stored` was fetched."""
        assert self.input  # noqa: S101 - the history's first event has it
        return whole_request(self.input, self.bodies) if self.state else self.input.request

    def decision_input(self) -> DecisionInput:
        """What was asked, whole, with the deadline and the files as they are now."""
        assert self.input  # noqa: S101 - the history's first event has it
        assert self.state  # noqa: S101
        now = {
            "request": self.request,
            "expires_at": self.state.rules.expires_at,
            "attachments": list(self.state.attachments),
        }
        return self.input.model_copy(update=now)

    def outcome(self) -> Outcome | None:
        """What it ended with, with the response whole."""
        settled = self.state.outcome if self.state and not self.void else None
        if settled is None or settled.response is None:
            return settled
        response = whole_response(settled.response, self.bodies)
        return settled.model_copy(update={"response": response, "notes": response.notes})

    @property
    def response(self) -> SignedResponse | None:
        """The response that settled this decision, as the history has it."""
        settled = self.state.outcome if self.state and not self.void else None
        return settled.response if settled else None

    def is_settled_by(self, response: Response) -> bool:
        """Whether just this answer is what the decision ended with."""
        given = self.response
        return given is not None and (given.approver, given.choice, given.received_at) == (
            response.approver,
            response.choice,
            response.received_at,
        )

    @property
    def settled(self) -> bool:
        """Whether the decision has its final status: nothing that comes later changes it."""
        return self.void is not None or (self.state is not None and self.state.outcome is not None)

    @property
    def has_unheard(self) -> bool:
        """Whether something came that the workflow has not answered yet."""
        return bool(self._unheard)

    @property
    def notified_at(self) -> datetime | None:
        """When somebody was first reached with the question, as far as is known."""
        first = self._first_to_reach()
        return first.at if first else None

    def asked_now(self) -> list[str]:
        """Who may answer now and, as far as is known, was reached."""
        return self.state.awaited if self.state else []

    def escalated_because(self) -> str | None:
        """Why the last escalation came: `no_answer`, `not_me` or `undeliverable`."""
        log = self.state.log if self.state else ()
        reasons = [e.details["reason"] for e in log if e.type == "decision.escalated"]
        return reasons[-1] if reasons else None

    def told(self) -> list[Notification]:
        """What became of each message, as far as is known."""
        return list(map(self._as_it_went, self.notifications, self._activity_ids))

    def _as_it_went(self, message: Notification, activity_id: str) -> Notification:
        reason = self.lost.get(message.provider_message_id or "")
        if reason is not None:
            return message.model_copy(update={"result": "failed", "reason": reason})
        delay = (self.delays or {}).get(activity_id)
        if delay and message.result == "pending":
            return message.model_copy(update={"reason": delay.reason, "since": message.at})
        return message

    def is_untold(self, now: datetime) -> bool:
        """Whether nobody was reached for as long as `UNREACHED_AFTER`, or half of the time that
        there was, and no message is held back for its reader's sake."""
        if self.delays is None or self.settled or self.input is None or self.state is None:
            return False
        asked_at = self.input.created_at
        patience = min(UNREACHED_AFTER, (self.state.rules.expires_at - asked_at) / 2)
        is_held = any(delay.is_held for delay in self.delays.values())
        was_reached = any(each.result == "sent" for each in self.told())
        return now - asked_at >= patience and not (is_held or was_reached)

    def has_declined(self, approver: str) -> bool:
        """Whether this approver said that they are the wrong person."""
        return self.state is not None and approver in self.state.declined

    def stalled(self, now: datetime) -> str | None:
        """Why the workflow does not go on, and what to do; None where it does."""
        if self.failing is None or now - self.failing.since < STALLED_AFTER:
            return None
        return (
            f"Since {self.failing.since:%Y-%m-%d %H:%M:%S} UTC its workflow's task fails again and"
            f" again ({self.failing.why}). What comes meanwhile is kept. An operator has to run a"
            " worker that can go on with it."
        )

    def feed(self, event: HistoryEvent) -> None:
        """Take the next event.

        Raises `lifecycle.UnknownRulesError` and `UnknownKeyError` where this process cannot tell
        what became of the decision: a newer one, or one with other keys, can.
        """
        kind = event.event_type
        if kind in HEARD_BY_THE_WORKFLOW:
            self._unheard.append(event)
        elif kind in CLOSED:
            self._close(event, CLOSED[kind])
        elif take := self._takers.get(kind):
            take(event)

    def received(self) -> Iterator[AuditEntry]:
        """Signals that are in the history and that no worker has looked at yet."""
        for event in self._unheard:
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
                name = event.workflow_execution_signaled_event_attributes.signal_name
                yield AuditEntry(
                    event.event_id, "signal.received", time_of(event.event_time), {"signal": name}
                )

    def _start(self, event: HistoryEvent) -> None:
        at = time_of(event.event_time)
        started = event.workflow_execution_started_event_attributes
        payloads = started.input.payloads
        self.run_id = started.original_execution_run_id
        if unread := encrypted_with(payloads):
            raise unread
        try:
            sealed = proof.sealed_input(payloads, self._keyring, self._revoked)
        except proof.UnprovenError as error:
            # Whose it claims to be is told, and nothing else of it counts: there is no state.
            self.input = proof.claimed_input(payloads)
            self._annul(event, str(error))
            return
        begun = lifecycle.begin(sealed)
        self.input = sealed
        if self.input.id != self.decision_id:
            self._annul(event, f"started with the input of {self.input.id}")
        elif abs(at - self.input.created_at) > START_TOLERANCE:
            self._annul(event, "started again after the decision was created")
        self.state = begun
        created: dict[str, Any] = {
            "agent": self.input.agent,
            "action": self.input.request.action,
            "attachments": [file.model_dump(mode="json") for file in self.input.attachments],
        }
        self._record(event, "decision.created", created)
        self._record_log(event, self.state.log)

    def _begin_task(self, event: HistoryEvent) -> None:
        """What is in the history now is what this task will hear, if it completes."""
        self._in_task = len(self._unheard)
        self._task_started = time_of(event.event_time)

    def _note_failed_task(self, event: HistoryEvent) -> None:
        failed = event.workflow_task_failed_event_attributes
        if failed.cause == WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW:
            self._annul(event, "reset in Temporal")
        elif failed.cause not in HARMLESS:
            since = self.failing.since if self.failing else time_of(event.event_time)
            self.failing = Failing(since, failed.failure.message[:MAX_WHY])

    def _note_notification(self, event: HistoryEvent) -> None:
        scheduled = event.activity_task_scheduled_event_attributes
        if scheduled.activity_type.name == DELIVER_CALLBACK:
            self._callbacks.add(event.event_id)
        if scheduled.activity_type.name != SEND_NOTIFICATION:
            return
        try:
            sending = SendNotificationInput.model_validate_json(scheduled.input.payloads[0].data)
        except (ValueError, IndexError):
            # Encrypted with a key that is gone, or no worker of ours has asked for it.
            if not self.settled:
                self._contradict(
                    event,
                    "a part of its history cannot be read",
                    encrypted_with(scheduled.input.payloads),
                )
            return
        self._sent[event.event_id] = sending
        self._activity_ids.append(scheduled.activity_id)
        self.notifications.append(
            Notification(
                message=sending.message,
                approver=sending.approver,
                channel=sending.channel,
                result="pending",
                at=time_of(event.event_time),
            )
        )

    def _hear(self, completed: HistoryEvent) -> None:
        """What the workflow learned in the task that just completed."""
        self.failing = None
        heard, self._unheard = self._unheard[: self._in_task], self._unheard[self._in_task :]
        self._in_task = 0
        if self.state is None or self.input is None:
            return
        # Temporal's SDK delivers a task's signals before everything else in it.
        heard.sort(key=lambda e: e.event_type != EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED)
        for event in heard:
            for meaning in self._meanings(event, self.input):
                self._note_heard(meaning, self._apply(event, meaning))
                if isinstance(meaning, FailureReported):  # whom it reached, it did not
                    self._note_told_late(event)
        timer = [e for e in heard if e.event_type == EventType.EVENT_TYPE_TIMER_FIRED]
        if not self.state.outcome:
            self._apply(timer[-1] if timer else completed, TimePassed(self._task_started))
            if self.state.outcome and self._unread:
                raise self._unread  # it may have moved the deadline

    def _meanings(self, event: HistoryEvent, input: DecisionInput) -> Iterator[Event]:
        match event.event_type:
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
                yield self._meaning(event, input)
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
                if self.state and not self.state.outcome:
                    yield Withdrawn(self._task_started, Origin.OPERATOR)
            case EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                self._note_sent(event)
            case kind if kind in FAILED_ACTIVITY:
                sending, reason = self._note_failed(event)
                if sending and sending.message in FIRST_ASKING:
                    yield DeliveryFailed(
                        self._task_started, sending.approver, sending.channel, reason
                    )
            case _:
                pass

    def _meaning(self, event: HistoryEvent, input: DecisionInput) -> Event:
        """Of a signal. A key that was taken back counts for nothing, whatever the workflow made of
        it. Raises `UnknownKeyError` for one that the decision knows, and this process does not."""
        signal = event.workflow_execution_signaled_event_attributes
        payloads = signal.input.payloads

        def heard(keyring: proof.Keyring) -> Event:
            ours = input.model_copy(update={"keyring": keyring})
            listener = signals.Listener(ours, self.run_id)
            return signals.interpret(signal.signal_name, payloads, listener, self._task_started)

        self._unread = self._unread or encrypted_with(payloads)
        meaning = heard(proof.believed(input.keyring, self._keyring))
        if isinstance(meaning, Refused) and meaning.reason == "unproven":
            unknown = input.keyring.keys() - self._keyring.keys() - set(self._revoked)
            for key_id in sorted(unknown):
                if not isinstance(heard({key_id: input.keyring[key_id]}), Refused):
                    raise UnknownKeyError.of_signature(key_id)
        return meaning

    def _apply(self, cause: HistoryEvent, event: Event) -> tuple[Entry, ...]:
        """What this added to the record."""
        assert self.state  # noqa: S101 - set by the first event
        before = len(self.state.log)
        self.state = lifecycle.apply(self.state, event)
        added = self.state.log[before:]
        self._record_log(cause, added)
        return added

    def _note_heard(self, event: Event, added: tuple[Entry, ...]) -> None:
        match event:
            case Responded():
                signature = event.response.signature
            case Extended():
                signature = event.extension.signature
            case Attached():
                signature = event.addition.signature
            case CodeRequested():
                signature = event.request.signature
            case FailureReported():
                signature = event.failed.signature
                self.lost.setdefault(event.failed.provider_message_id, event.failed.reason)
            case _:
                return
        refusals = [entry for entry in added if entry.type == "response.refused"]
        self.heard[signature.value] = refusals[0] if refusals else None

    def _note_sent(self, event: HistoryEvent) -> None:
        attributes = event.activity_task_completed_event_attributes
        if attributes.scheduled_event_id in self._callbacks:
            delivered = _told(CallbackDelivered, attributes.result.payloads)
            self._record(event, "callback.delivered", delivered)
        sending = self._sent.get(attributes.scheduled_event_id)
        if sending is None:
            return
        result = _told(NotificationSent, attributes.result.payloads)
        outcome = {"result": "sent", "provider_message_id": result.get("message_id")}
        self._update(attributes.scheduled_event_id, **outcome)
        self._record(
            event,
            "notification.sent",
            _what(sending) | outcome | {"provider": result.get("provider")},
        )
        self._note_told_late(event)

    def _first_to_reach(self) -> AuditEntry | None:
        """The first message with the question that was sent and is not known to be lost."""
        lost = [*self.lost]  # what a history has as an id need not be hashable
        reached = (
            entry
            for entry in self.entries
            if entry.type == "notification.sent"
            and entry.details["message"] in ASKING
            and entry.details["provider_message_id"] not in lost
        )
        return next(reached, None)

    def _note_told_late(self, cause: HistoryEvent) -> None:
        """Say so, once, where less than half of the time was left when somebody was reached."""
        first = self._first_to_reach()
        if first is None or self._was_told_late or self.void or not self.state:
            return
        rules, outcome = self.state.rules, self.state.outcome
        if outcome and outcome.status != Status.EXPIRED:
            return  # whoever answered knew of it in another way
        if is_late(first.at, rules.created_at, rules.expires_at):
            self._was_told_late = True
            who = {name: first.details[name] for name in ("approver", "channel")}
            left = rules.expires_at - first.at
            seconds = max(0.0, round(left.total_seconds(), 3))
            self._record(cause, "decision.told_late", who | {"seconds_left": seconds})

    def _note_failed(self, event: HistoryEvent) -> tuple[SendNotificationInput | None, str]:
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED:
            attributes = event.activity_task_failed_event_attributes
        else:
            attributes = event.activity_task_timed_out_event_attributes
        reason = innermost(attributes.failure)
        if attributes.scheduled_event_id in self._callbacks:
            self._record(event, "callback.undelivered", {"reason": reason})
        sending = self._sent.get(attributes.scheduled_event_id)
        if sending:
            self._update(attributes.scheduled_event_id, result="failed", reason=reason)
            self._record(event, "notification.failed", _what(sending) | {"reason": reason})
        return sending, reason

    def _update(self, scheduled_event_id: int, **changes: str | None) -> None:
        index = list(self._sent).index(scheduled_event_id)
        self.notifications[index] = self.notifications[index].model_copy(update=changes)

    def _compare(self, event: HistoryEvent) -> None:
        fields = event.upsert_workflow_search_attributes_event_attributes.search_attributes
        recorded = fields.indexed_fields.get(STATUS_ATTRIBUTE)
        if recorded and self.state and _status(recorded) != self.state.status:
            why = "the workflow's own record contradicts the proven responses"
            self._contradict(event, why, self._unread)

    def _close(self, event: HistoryEvent, how: str) -> None:
        self.closed = True
        self.failing = None
        if not self.settled:
            self._contradict(event, how, self._unread if event.event_type == COMPLETED else None)
        elif event.event_type != COMPLETED:
            self._record(event, "workflow.ended", {"message": how})

    def _contradict(self, event: HistoryEvent, why: str, unread: UnknownKeyError | None) -> None:
        """The history does not fit what was read of it: because of a key that is not known here, or
        because nothing in it is to be believed."""
        if unread and self.void is None:
            raise unread
        self._annul(event, why)

    def _annul(self, event: HistoryEvent, why: str) -> None:
        if self.void is None:
            self.void = why
            self._record(event, "decision.cancelled", {"origin": Origin.OPERATOR, "message": why})

    def _record_log(self, cause: HistoryEvent, log: tuple[Entry, ...]) -> None:
        for entry in log:
            self._record(cause, entry.type, entry.details)

    def _record(self, cause: HistoryEvent, type: str, details: dict[str, Any]) -> None:
        self.entries.append(AuditEntry(cause.event_id, type, time_of(cause.event_time), details))


def is_late(moment: datetime, created_at: datetime, expires_at: datetime) -> bool:
    """Whether less than half of a decision's time is left."""
    return expires_at - moment < (expires_at - created_at) / 2


def time_of(timestamp: Timestamp) -> datetime:
    """The instant, rounded just as `workflow.now()` rounds it."""
    return datetime.fromtimestamp(timestamp.ToNanoseconds() / 1e9, UTC)


def _status(recorded: Payload) -> object:
    """None for what is no JSON: then no worker of ours has written it."""
    try:
        return json.loads(recorded.data)
    except (ValueError, RecursionError):
        return None


def _what(sending: SendNotificationInput) -> dict[str, Any]:
    return {"message": sending.message, "approver": sending.approver, "channel": sending.channel}


def _told(type: type[BaseModel], result: Sequence[Payload]) -> dict[str, Any]:
    """What an activity returned; nothing where that is not what ours return, because somebody has
    ended it by hand."""
    try:
        told = type.model_validate_json(result[0].data)
    except (ValueError, IndexError):
        return {}
    return told.model_dump(mode="json", include=set(type.model_fields))


def innermost(failure: Failure) -> str:
    """What the error says that everything began with."""
    while failure.HasField("cause"):
        failure = failure.cause
    return failure.message


def read_decision(fold: Fold, now: datetime) -> Decision:
    """The decision as the API answers it. The fold has at least the first event.

    Raises `proof.UnprovenError` where the run was not started with a decision at all: then there is
    no agent whose it could be. Raises `MissingContentError` unless `fold.stored` was fetched.
    """
    if fold.input is None:
        raise proof.UnprovenError(fold.void or "the history is empty")
    state = fold.state if not fold.void else None
    status = state.status if state else Status.CANCELLED
    decision = Decision(
        **fold.request.model_dump(),
        id=fold.decision_id,
        status=status,
        approved=status == Status.APPROVED,
        created_at=fold.input.created_at,
        expires_at=fold.state.rules.expires_at if fold.state else fold.input.expires_at,
        escalation_level=fold.state.level if fold.state else 0,
        notified_at=fold.notified_at,
        unreachable=state is not None and (state.is_unreachable or fold.is_untold(now)),
        stalled=None if fold.settled else fold.stalled(now),
        attachments=list(fold.state.attachments) if fold.state else [],
        notifications=fold.told(),
        request_digest=fold.input.request_digest,
        idempotency_key=fold.input.idempotency_key,
        execution=fold.execution,
    )
    if fold.void:
        decision.origin = Origin.OPERATOR
        decision.resolved_at = fold.entries[-1].at if fold.entries else now
        decision.response_notes = fold.void
    elif state and (outcome := fold.outcome()):
        _add_outcome(decision, state.rules, outcome)
        decision.proof = proof.proof_of(fold.response) if fold.response else None
    if fold.state:  # what nobody sealed need not have a canonical form
        decision.payload_digest = said.payload_digest(decision)
    if decision.enforce:
        decision.action_permitted = is_permitted(
            status,
            has_payload=decision.payload is not None,
            execute_at=decision.execute_at,
            now=now,
        )
    return decision


def as_json(decision: Decision) -> dict[str, Any]:
    """The decision as agents get it, by request and by callback. `action_permitted` is for those
    who asked to have it enforced."""
    told = decision.model_dump(mode="json")
    if not decision.enforce:
        del told["action_permitted"]
    return told


def as_json_for(decision: Decision, approver: str) -> dict[str, Any]:
    """The same for one of its approvers, whom it does not concern how others were told."""
    own = [each for each in decision.notifications if each.approver == approver]
    return as_json_for_others(decision.model_copy(update={"notifications": own}))


def as_json_for_others(decision: Decision) -> dict[str, Any]:
    """The same for everybody but the agent that asked, without what is the agent's own."""
    told = as_json(decision) | {"idempotency_key": None}
    if told["execution"]:
        told["execution"] |= {"claim_id": None}
    return told


def _add_outcome(decision: Decision, rules: Rules, outcome: Outcome) -> None:
    decision.origin = outcome.origin
    decision.resolved_at = outcome.at
    decision.resolved_by = outcome.by
    decision.response_notes = outcome.notes
    if outcome.response:
        decision.response_data = outcome.response.data
        decision.execute_at = lifecycle.execute_at(rules, outcome.response)
