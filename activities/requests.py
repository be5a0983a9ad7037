"""What a message is about, from the only place that can be believed: the decision's history.

Whoever can reach Temporal can start an activity with any input. Nobody's mail server is to carry
what this service did not ask, or a result that no approver gave, so both are proven first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from datetime import UTC
from functools import reduce
from typing import Protocol

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from handover.models import Origin, Status
from workflows import lifecycle, proof, signals
from workflows.lifecycle import Event, Rules, State
from workflows.messages import DecisionInput, Outcome, SendNotificationInput
from workflows.stored import whole_request, whole_response


@dataclass(frozen=True, slots=True)
class Asked:
    """A decision that this service asked, and what its workflow was sent since."""

    input: DecisionInput
    heard: list[Event]


class ContentStore(Protocol):
    """What is too large for histories, by digest."""

    async def get(self, digests: Collection[str]) -> dict[str, str]: ...


class Requests:
    """Reads decisions that a key of `keyring` sealed."""

    def __init__(self, client: Client, keyring: proof.Keyring, contents: ContentStore) -> None:
        self._client = client
        self._keyring = keyring
        self._contents = contents

    async def load(self, decision_id: str) -> Asked:
        """The decision of this id. Raises `proof.UnprovenError`, and `RPCError` of Temporal."""
        events = self._client.get_workflow_handle(decision_id).fetch_history_events()
        started = (await anext(events)).workflow_execution_started_event_attributes
        if len(started.input.payloads) != 1:
            raise proof.UnprovenError("the workflow was not started with a decision")
        input = proof.sealed_input(started.input.payloads, self._keyring)
        if input.id != decision_id:
            raise proof.UnprovenError(f"the workflow was started with the input of {input.id}")
        listener = signals.Listener(input, started.original_execution_run_id)
        return Asked(input, [heard async for heard in _heard(events, listener)])

    async def whole(self, decision: DecisionInput) -> DecisionInput:
        """The decision with what the store keeps of it. Raises `MissingContentError`."""
        if not decision.stored:
            return decision
        bodies = await self._contents.get(decision.stored.values())
        return decision.model_copy(update={"request": whole_request(decision, bodies)})

    async def whole_outcome(self, outcome: Outcome | None) -> Outcome | None:
        """The outcome with what the store keeps of its response. Raises `MissingContentError`."""
        if outcome is None or outcome.response is None or not outcome.response.stored:
            return outcome
        bodies = await self._contents.get(outcome.response.stored.values())
        response = whole_response(outcome.response, bodies)
        return outcome.model_copy(update={"response": response, "notes": response.notes})

    def verify(self, sending: SendNotificationInput, asked: Asked) -> None:
        """Raise `UnprovenError` unless this message to this person belongs to the decision."""
        rules = lifecycle.rules_of(asked.input)
        if not any(sending.approver in step.approvers for step in rules.steps):
            raise proof.UnprovenError("the decision does not name this approver")
        if sending.outcome and not self._is_proven(sending.outcome, asked, rules):
            raise proof.UnprovenError("the outcome is not proven by a signed response")

    def _is_proven(self, outcome: Outcome, asked: Asked, rules: Rules) -> bool:
        """Whether the rules make this outcome of what the workflow heard."""
        if outcome.response is None:
            return outcome.origin != Origin.HUMAN and outcome.status in (
                Status.EXPIRED,
                Status.CANCELLED,
            )
        state = reduce(lifecycle.apply, asked.heard, _all_asked(rules, asked.input))
        return state.outcome == outcome


async def _heard(
    events: AsyncIterator[HistoryEvent], listener: signals.Listener
) -> AsyncIterator[Event]:
    async for event in events:
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
            signal = event.workflow_execution_signaled_event_attributes
            at = event.event_time.ToDatetime(UTC)
            yield signals.interpret(signal.signal_name, signal.input.payloads, listener, at)


def _all_asked(rules: Rules, input: DecisionInput) -> State:
    asked = (
        lifecycle.Asked(who, level)
        for level, step in enumerate(rules.steps)
        for who in step.approvers
    )
    return State(rules, attachments=tuple(input.attachments), asked=tuple(asked))
