"""The reading of a run's history: `Live` if a key of ours began the run, and `Void` otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from handover.models import DecisionRequest, Execution, Notification
from histories.entries import AuditEntry, first_to_reach
from workflows.messages import DecisionInput, Outcome
from workflows.state import Entry, State
from workflows.statements import Response, SignedResponse
from workflows.stored import whole_request, whole_response

UNREACHED_AFTER = timedelta(minutes=5)
"""Time for which a message may be tried again before its decision counts as unreachable."""

STALLED_AFTER = timedelta(seconds=30)
"""Time after a failed task until its workflow is stalled: a fault that passes is over by then."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message as the history has it, and the id of the activity that sends it."""

    activity_id: str
    notification: Notification


@dataclass(frozen=True, slots=True)
class Delay:
    """The reason why a message is still under way; `is_held` for its reader's sake."""

    reason: str
    is_held: bool = False


@dataclass(frozen=True, slots=True)
class Failing:
    """The workflow's task fails, which Temporal tries again and again."""

    since: datetime
    why: str


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a workflow, whoever began it, as far as its events were read."""

    decision_id: str
    run_id: str
    annulled: str | None
    """The reason why nothing that this run says counts; None if it counts."""
    entries: Sequence[AuditEntry] = ()
    received: Sequence[AuditEntry] = ()
    """Signals that are in the history and that no worker has looked at yet."""
    messages: Sequence[Message] = ()
    lost: Mapping[str, str] = field(default_factory=dict[str, str])
    """Messages that were sent and did not arrive, by the provider's id, and why."""
    execution: Execution | None = None
    """The claim of what was permitted, if whoever read this run knows of one."""
    delays: Mapping[str, Delay] | None = None
    """The delays of messages under way, by the activity's id, if whoever read this run has asked:
    no event tells of an attempt that is followed by another."""

    @property
    def notified_at(self) -> datetime | None:
        """The time when somebody was first reached with the question, as far as is known."""
        first = first_to_reach(self.entries, self.lost)
        return first.at if first else None

    @property
    def notifications(self) -> list[Notification]:
        """The state of each message, as far as is known."""
        return [self._as_it_went(each.notification, each.activity_id) for each in self.messages]

    def _as_it_went(self, message: Notification, activity_id: str) -> Notification:
        reason = self.lost.get(message.provider_message_id or "")
        if reason is not None:
            return message.model_copy(update={"result": "failed", "reason": reason})
        delay = (self.delays or {}).get(activity_id)
        if delay and message.result == "pending":
            return message.model_copy(update={"reason": delay.reason, "since": message.at})
        return message


@dataclass(frozen=True, kw_only=True)
class Void(Run):
    """A run that was not started with a decision which this service sealed."""

    annulled: str
    claimed: DecisionInput | None
    """The input that the run claims, proven or not: whose it claims to be is told, and nothing else
    of it counts."""

    @property
    def settled(self) -> bool:
        """True: nothing that comes later changes it."""
        return True

    @property
    def agent(self) -> str | None:
        """The name of the agent whose decision it claims to be."""
        return self.claimed.agent if self.claimed else None


@dataclass(frozen=True, kw_only=True)
class Live(Run):
    """A run of a decision that this service sealed. Its answers are proven; what the run says may
    be annulled by what came later."""

    input: DecisionInput
    state: State
    annulled: str | None = None
    closed: bool = False
    """True if the run has ended."""
    failing: Failing | None = None
    heard: Mapping[str, Entry | None] = field(default_factory=dict[str, Entry | None])
    """Signed statements that the workflow has worked on, by their signature: None, or the entry
    that refuses them."""
    bodies: dict[str, str] = field(default_factory=dict[str, str])
    """Contents that the store keeps of this decision, by digest, as far as they were fetched;
    shared by the readings of one fold."""

    @property
    def agent(self) -> str:
        """The name of the agent that asked."""
        return self.input.agent

    @property
    def stored(self) -> set[str]:
        """Digests of what the store keeps of this decision and was not fetched yet."""
        response = self.response
        digests = {*self.input.stored.values(), *(response.stored.values() if response else ())}
        return digests - self.bodies.keys()

    @property
    def request(self) -> DecisionRequest:
        """The whole request. Raises `MissingContentError` unless `stored` was fetched."""
        return whole_request(self.input, self.bodies)

    def decision_input(self) -> DecisionInput:
        """Return the input with the whole request, and with its deadline and files as of now."""
        now = {
            "request": self.request,
            "expires_at": self.state.rules.expires_at,
            "attachments": list(self.state.attachments),
        }
        return self.input.model_copy(update=now)

    def outcome(self) -> Outcome | None:
        """Return the outcome, with the response whole."""
        settled = self.state.outcome if not self.annulled else None
        if settled is None or settled.response is None:
            return settled
        response = whole_response(settled.response, self.bodies)
        return settled.model_copy(update={"response": response, "notes": response.notes})

    @property
    def response(self) -> SignedResponse | None:
        """The response that settled this decision, as the history has it."""
        settled = self.state.outcome if not self.annulled else None
        return settled.response if settled else None

    def is_settled_by(self, response: Response) -> bool:
        """Return whether just this answer has settled the decision."""
        given = self.response
        return given is not None and (given.approver, given.choice, given.received_at) == (
            response.approver,
            response.choice,
            response.received_at,
        )

    @property
    def settled(self) -> bool:
        """True if the decision has its final status: nothing that comes later changes it."""
        return self.annulled is not None or self.state.outcome is not None

    def escalated_because(self) -> str | None:
        """Return the reason of the last escalation: `no_answer`, `not_me` or `undeliverable`."""
        reasons = [e.details["reason"] for e in self.state.log if e.type == "decision.escalated"]
        return reasons[-1] if reasons else None

    def is_untold(self, now: datetime) -> bool:
        """Return whether nobody was reached for as long as `UNREACHED_AFTER`, or half of the time
        that there was, and no message is held back for its reader's sake."""
        if self.delays is None or self.settled:
            return False
        asked_at = self.input.created_at
        patience = min(UNREACHED_AFTER, (self.state.rules.expires_at - asked_at) / 2)
        is_held = any(delay.is_held for delay in self.delays.values())
        was_reached = any(each.result == "sent" for each in self.notifications)
        return now - asked_at >= patience and not (is_held or was_reached)

    def has_declined(self, approver: str) -> bool:
        """Return whether this approver said that they are the wrong person."""
        return approver in self.state.declined

    def stalled(self, now: datetime) -> str | None:
        """Return why the workflow does not go on, and what to do; None if it does."""
        if self.failing is None or now - self.failing.since < STALLED_AFTER:
            return None
        return (
            f"Since {self.failing.since:%Y-%m-%d %H:%M:%S} UTC its workflow's task fails again and"
            f" again ({self.failing.why}). What comes meanwhile is kept. An operator has to run a"
            " worker that can go on with it."
        )


Reading = Void | Live
