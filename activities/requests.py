"""What a message is about, from the only place that can be believed: the decision's history.

Whoever can reach Temporal can start an activity with any input. Nobody's mail server is to carry
what this service did not ask, or a result that no approver gave, so both are proven first.
"""

from __future__ import annotations

from temporalio.client import Client

from handover.models import Origin, Status
from workflows import lifecycle, proof
from workflows.lifecycle import Asked, Responded, Rules, State
from workflows.messages import DecisionInput, Outcome, SendNotificationInput


class Requests:
    """Reads decisions that a key of `keyring` sealed."""

    def __init__(self, client: Client, keyring: proof.Keyring) -> None:
        self._client = client
        self._keyring = keyring

    async def load(self, decision_id: str) -> DecisionInput:
        """The decision of this id. Raises `proof.UnprovenError`, and `RPCError` of Temporal."""
        events = self._client.get_workflow_handle(decision_id).fetch_history_events(page_size=1)
        started = (await anext(events)).workflow_execution_started_event_attributes
        if len(started.input.payloads) != 1:
            raise proof.UnprovenError("the workflow was not started with a decision")
        decision = proof.sealed_input(started.input.payloads, self._keyring)
        if decision.id != decision_id:
            raise proof.UnprovenError(f"the workflow was started with the input of {decision.id}")
        return decision

    def verify(self, sending: SendNotificationInput, decision: DecisionInput) -> None:
        """Raise `UnprovenError` unless this message to this person belongs to the decision."""
        rules = lifecycle.rules_of(decision.request, decision.created_at, decision.expires_at)
        if not any(sending.approver in step.approvers for step in rules.steps):
            raise proof.UnprovenError("the decision does not name this approver")
        if sending.outcome and not self._is_proven(sending.outcome, decision, rules):
            raise proof.UnprovenError("the outcome is not proven by a signed response")

    def _is_proven(self, outcome: Outcome, decision: DecisionInput, rules: Rules) -> bool:
        """Whether the rules make this outcome of the response that it carries."""
        response = outcome.response
        if response is None:
            return outcome.origin != Origin.HUMAN and outcome.status in (
                Status.EXPIRED,
                Status.CANCELLED,
            )
        statement = proof.response_statement(response)
        return (
            proof.holds(statement, response.signature, self._keyring)
            and response.decision_id == decision.id
            and response.request_digest == decision.request_digest
            and lifecycle.apply(_all_asked(rules), Responded(outcome.at, response)).outcome
            == outcome
        )


def _all_asked(rules: Rules) -> State:
    asked = (Asked(who, level) for level, step in enumerate(rules.steps) for who in step.approvers)
    return State(rules, asked=tuple(asked))
