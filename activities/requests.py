"""The decision that a message is about, from the only place that can be believed: its history.

Whoever can reach Temporal can start an activity with any input. Nobody's mail server is to carry
what this service did not ask, or a result that no approver gave, so both are proven first.
"""

from __future__ import annotations

from histories.loading import Contents, Histories, complete
from histories.reading import Live, Void
from workflows import proof
from workflows.messages import CODE, TO_THE_OPERATOR, SendNotificationInput


class Requests:
    """Loads what messages and callbacks are about."""

    def __init__(self, histories: Histories, contents: Contents) -> None:
        self._histories = histories
        self._contents = contents

    async def load(self, decision_id: str) -> Live:
        """Return the decision of this id, with what the store keeps of it.

        Raises `proof.UnprovenError`, `MissingContentError`, `UnknownRulesError`, `UnknownKeyError`,
        and `RPCError` of Temporal.
        """
        reading = await self._histories.read(decision_id)
        if isinstance(reading, Void) or reading.annulled:
            raise proof.UnprovenError(reading.annulled)
        await complete(reading, self._contents)
        return reading


def verify(sending: SendNotificationInput, reading: Live) -> None:
    """Raise `UnprovenError` unless this message to this person belongs to the decision."""
    if not _is_recipient(sending, reading):
        raise proof.UnprovenError("the decision does not name this approver")
    if sending.message == CODE and (sending.approver, sending.code_id) not in reading.state.codes:
        raise proof.UnprovenError("nobody has asked for this code")
    if sending.outcome and sending.outcome != reading.state.outcome:
        raise proof.UnprovenError("the decision has another outcome, or none")


def _is_recipient(sending: SendNotificationInput, reading: Live) -> bool:
    if sending.message in TO_THE_OPERATOR:
        return sending.approver == reading.input.operator
    return any(sending.approver in step.approvers for step in reading.state.rules.steps)
