"""A run's events in order, and what they come to.

`Fold` applies them to `lifecycle` in just the order in which the workflow did: per workflow task,
signals first, then what came of activities, then time. It believes nothing that the history merely
claims. A status comes from responses whose proof holds against the API's own keyring, and a run
that says otherwise is annulled.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent

from handover.models import Notification, Origin, Status
from histories.entries import AuditEntry, first_to_reach, is_late, time_of
from histories.reading import Failing, Live, Message, Reading, Void
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
    DELIVER_CALLBACK,
    SEND_NOTIFICATION,
    STATUS_ATTRIBUTE,
    CallbackDelivered,
    DecisionInput,
    NotificationSent,
    SendNotificationInput,
)
from workflows.state import Entry, State
from workflows.unknown_keys import UnknownKeyError, encrypted_with

START_TOLERANCE = timedelta(minutes=10)
"""Longest time between the run's first event and the sealed `created_at`: beyond it, somebody
started an old decision again. Clocks of the API and of Temporal may differ by less."""

QUESTIONS = ("decision-request", "escalation")
"""Messages that ask somebody for the first time: one that fails has others asked."""

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


@dataclass(slots=True)
class Sent:
    """A message that the workflow has scheduled, and what became of it."""

    input: SendNotificationInput
    message: Message

    def note(self, **changes: str | None) -> None:
        notification = self.message.notification.model_copy(update=changes)
        self.message = Message(self.message.activity_id, notification)

    @property
    def about(self) -> dict[str, Any]:
        """The fields of the message in the record."""
        sending = self.input
        return {
            "message": sending.message,
            "approver": sending.approver,
            "channel": sending.channel,
        }


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
        self._run_id = ""
        self._input: DecisionInput | None = None
        self._state: State | None = None
        self._annulled: str | None = None
        self._closed = False
        self._failing: Failing | None = None
        self._entries: list[AuditEntry] = []
        self._heard: dict[str, Entry | None] = {}
        self._bodies: dict[str, str] = {}
        self._lost: dict[str, str] = {}
        self._unread: UnknownKeyError | None = None
        self._unheard: list[HistoryEvent] = []
        self._in_task = 0
        self._task_started = datetime.min.replace(tzinfo=UTC)
        self._sent: dict[int, Sent] = {}
        self._callbacks: set[int] = set()
        self._was_told_late = False
        self._takers = {
            EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: self._start,
            EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: self._note_scheduled,
            EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED: self._begin_task,
            EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED: self._hear,
            EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED: self._note_failed_task,
            EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: self._compare,
        }

    @property
    def has_unheard(self) -> bool:
        """True if something came that the workflow has not answered yet."""
        return bool(self._unheard)

    @property
    def reading(self) -> Reading:
        """The reading of the events so far. Raises `UnprovenError` before the first event."""
        run: dict[str, Any] = {
            "decision_id": self.decision_id,
            "run_id": self._run_id,
            "annulled": self._annulled,
            "entries": tuple(self._entries),
            "received": tuple(self._received()),
            "messages": tuple(sent.message for sent in self._sent.values()),
            "lost": dict(self._lost),
        }
        if self._input and self._state:
            return Live(
                **run,
                input=self._input,
                state=self._state,
                closed=self._closed,
                failing=self._failing,
                heard=dict(self._heard),
                bodies=self._bodies,
            )
        if self._annulled is None:
            raise proof.UnprovenError("the history is empty")
        return Void(**run, claimed=self._input)

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

    def _received(self) -> Iterator[AuditEntry]:
        """Yield signals that are in the history and that no worker has looked at yet."""
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
        self._run_id = started.original_execution_run_id
        if unread := encrypted_with(payloads):
            raise unread
        try:
            sealed = proof.sealed_input(payloads, self._keyring, self._revoked)
        except proof.UnprovenError as error:
            # Whose it claims to be is told, and nothing else of it counts: there is no state.
            self._input = proof.claimed_input(payloads)
            self._annul(event, str(error))
            return
        begun = lifecycle.begin(sealed)
        self._input = sealed
        if self._input.id != self.decision_id:
            self._annul(event, f"started with the input of {self._input.id}")
        elif abs(at - self._input.created_at) > START_TOLERANCE:
            self._annul(event, "started again after the decision was created")
        self._state = begun
        created: dict[str, Any] = {
            "agent": self._input.agent,
            "action": self._input.request.action,
            "attachments": [file.model_dump(mode="json") for file in self._input.attachments],
        }
        self._record(event, "decision.created", created)
        self._record_log(event, self._state.log)

    def _begin_task(self, event: HistoryEvent) -> None:
        """Note what is in the history now: this task will hear it, if it completes."""
        self._in_task = len(self._unheard)
        self._task_started = time_of(event.event_time)

    def _note_failed_task(self, event: HistoryEvent) -> None:
        failed = event.workflow_task_failed_event_attributes
        if failed.cause == WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW:
            self._annul(event, "reset in Temporal")
        elif failed.cause not in HARMLESS:
            since = self._failing.since if self._failing else time_of(event.event_time)
            self._failing = Failing(since, failed.failure.message[:MAX_WHY])

    def _note_scheduled(self, event: HistoryEvent) -> None:
        scheduled = event.activity_task_scheduled_event_attributes
        if scheduled.activity_type.name == DELIVER_CALLBACK:
            self._callbacks.add(event.event_id)
        if scheduled.activity_type.name != SEND_NOTIFICATION:
            return
        try:
            sending = SendNotificationInput.model_validate_json(scheduled.input.payloads[0].data)
        except (ValueError, IndexError):
            # Encrypted with a key that is gone, or no worker of ours has asked for it.
            if not self._settled:
                self._contradict(
                    event,
                    "a part of its history cannot be read",
                    encrypted_with(scheduled.input.payloads),
                )
            return
        notification = Notification(
            message=sending.message,
            approver=sending.approver,
            channel=sending.channel,
            result="pending",
            at=time_of(event.event_time),
        )
        message = Message(scheduled.activity_id, notification)
        self._sent[event.event_id] = Sent(sending, message)

    def _hear(self, completed: HistoryEvent) -> None:
        """Apply what the workflow learned in the task that just completed."""
        self._failing = None
        heard, self._unheard = self._unheard[: self._in_task], self._unheard[self._in_task :]
        self._in_task = 0
        if self._state is None or self._input is None:
            return
        # Temporal's SDK delivers a task's signals before everything else in it.
        heard.sort(key=lambda e: e.event_type != EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED)
        for event in heard:
            for meaning in self._meanings(event, self._input):
                self._note_heard(meaning, self._apply(event, meaning))
                if isinstance(meaning, FailureReported):  # whom it reached, it did not
                    self._note_told_late(event)
        timer = [e for e in heard if e.event_type == EventType.EVENT_TYPE_TIMER_FIRED]
        if not self._state.outcome:
            self._apply(timer[-1] if timer else completed, TimePassed(self._task_started))
            if self._state.outcome and self._unread:
                raise self._unread  # it may have moved the deadline

    def _meanings(self, event: HistoryEvent, input: DecisionInput) -> Iterator[Event]:
        match event.event_type:
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
                yield self._meaning(event, input)
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
                if self._state and not self._state.outcome:
                    yield Withdrawn(self._task_started, Origin.OPERATOR)
            case EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                self._note_sent(event)
            case kind if kind in FAILED_ACTIVITY:
                sending, reason = self._note_failed(event)
                if sending and sending.message in QUESTIONS:
                    yield DeliveryFailed(
                        self._task_started, sending.approver, sending.channel, reason
                    )
            case _:
                pass

    def _meaning(self, event: HistoryEvent, input: DecisionInput) -> Event:
        """Interpret a signal. A key that was taken back counts for nothing, whatever the workflow
        made of it. Raises `UnknownKeyError` for one that the decision knows, and this process does
        not."""
        signal = event.workflow_execution_signaled_event_attributes
        payloads = signal.input.payloads

        def heard(keyring: proof.Keyring) -> Event:
            ours = input.model_copy(update={"keyring": keyring})
            listener = signals.Listener(ours, self._run_id)
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
        """Apply the event, and return what it added to the record."""
        if self._state is None:
            return ()
        before = len(self._state.log)
        self._state = lifecycle.apply(self._state, event)
        added = self._state.log[before:]
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
                self._lost.setdefault(event.failed.provider_message_id, event.failed.reason)
            case _:
                return
        refusals = [entry for entry in added if entry.type == "response.refused"]
        self._heard[signature.value] = refusals[0] if refusals else None

    def _note_sent(self, event: HistoryEvent) -> None:
        attributes = event.activity_task_completed_event_attributes
        if attributes.scheduled_event_id in self._callbacks:
            delivered = _told(CallbackDelivered, attributes.result.payloads)
            self._record(event, "callback.delivered", delivered)
        sent = self._sent.get(attributes.scheduled_event_id)
        if sent is None:
            return
        result = _told(NotificationSent, attributes.result.payloads)
        outcome = {"result": "sent", "provider_message_id": result.get("message_id")}
        sent.note(**outcome)
        provider = {"provider": result.get("provider")}
        self._record(event, "notification.sent", sent.about | outcome | provider)
        self._note_told_late(event)

    def _note_told_late(self, cause: HistoryEvent) -> None:
        """Note, once, that somebody was reached when less than half of the time was left."""
        first = first_to_reach(self._entries, self._lost)
        if first is None or self._was_told_late or self._annulled or not self._state:
            return
        rules, outcome = self._state.rules, self._state.outcome
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
        sent = self._sent.get(attributes.scheduled_event_id)
        if sent is None:
            return None, reason
        sent.note(result="failed", reason=reason)
        self._record(event, "notification.failed", sent.about | {"reason": reason})
        return sent.input, reason

    def _compare(self, event: HistoryEvent) -> None:
        fields = event.upsert_workflow_search_attributes_event_attributes.search_attributes
        recorded = fields.indexed_fields.get(STATUS_ATTRIBUTE)
        if recorded and self._state and _status(recorded) != self._state.status:
            why = "the workflow's own record contradicts the proven responses"
            self._contradict(event, why, self._unread)

    def _close(self, event: HistoryEvent, how: str) -> None:
        self._closed = True
        self._failing = None
        if not self._settled:
            self._contradict(event, how, self._unread if event.event_type == COMPLETED else None)
        elif event.event_type != COMPLETED:
            self._record(event, "workflow.ended", {"message": how})

    @property
    def _settled(self) -> bool:
        return self._annulled is not None or (
            self._state is not None and self._state.outcome is not None
        )

    def _contradict(self, event: HistoryEvent, why: str, unread: UnknownKeyError | None) -> None:
        """Annul the run, as its history does not fit what was read of it; or raise `unread`, if
        that is because of a key that is not known here."""
        if unread and self._annulled is None:
            raise unread
        self._annul(event, why)

    def _annul(self, event: HistoryEvent, why: str) -> None:
        if self._annulled is None:
            self._annulled = why
            self._record(event, "decision.cancelled", {"origin": Origin.OPERATOR, "message": why})

    def _record_log(self, cause: HistoryEvent, log: tuple[Entry, ...]) -> None:
        for entry in log:
            self._record(cause, entry.type, entry.details)

    def _record(self, cause: HistoryEvent, type: str, details: dict[str, Any]) -> None:
        self._entries.append(AuditEntry(cause.event_id, type, time_of(cause.event_time), details))


def _status(recorded: Payload) -> object:
    """Return the status; None for what is no JSON: then no worker of ours has written it."""
    try:
        return json.loads(recorded.data)
    except (ValueError, RecursionError):
        return None


def _told(type: type[BaseModel], result: Sequence[Payload]) -> dict[str, Any]:
    """Return an activity's result; nothing if that is not what ours return, because somebody has
    ended it by hand."""
    try:
        told = type.model_validate_json(result[0].data)
    except (ValueError, IndexError):
        return {}
    return told.model_dump(mode="json", include=set(type.model_fields))


def innermost(failure: Failure) -> str:
    """Return the message of the error that everything began with."""
    while failure.HasField("cause"):
        failure = failure.cause
    return failure.message
