"""What a message is about, from the only place that can be believed: the decision's history.

Whoever can reach Temporal can start an activity with any input. Nobody's mail server is to carry
what this service did not ask, or a result that no approver gave, so both are proven first.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from temporalio.client import Client

from encryption import decoded
from workflows import proof
from workflows.messages import CODE, TO_THE_OPERATOR, SendNotificationInput
from workflows.reading import Fold
from workflows.state import State
from workflows.stored import MissingContentError


class ContentStore(Protocol):
    """What is too large for histories, by digest."""

    async def get(self, digests: Collection[str]) -> dict[str, str]: ...


class Requests:
    """Reads decisions that a key of `keyring` sealed; `revoked` are ids of keys that count no
    more."""

    def __init__(
        self,
        client: Client,
        keyring: proof.Keyring,
        contents: ContentStore,
        revoked: Collection[str] = (),
    ) -> None:
        self._client = client
        self._keyring = keyring
        self._revoked = revoked
        self._contents = contents

    async def load(self, decision_id: str) -> Fold:
        """The decision of this id, with what the store keeps of it.

        Raises `proof.UnprovenError`, `MissingContentError`, `UnknownRulesError`, `UnknownKeyError`,
        and `RPCError` of Temporal.
        """
        fold = Fold(decision_id, self._keyring, self._revoked)
        codec = self._client.data_converter.payload_codec
        async for event in self._client.get_workflow_handle(decision_id).fetch_history_events():
            fold.feed(await decoded(event, codec))
        if fold.state is None or fold.void:
            raise proof.UnprovenError(fold.void or "the history is empty")
        fold.bodies |= await self._contents.get(fold.stored)
        if fold.stored:
            raise MissingContentError(f"the store lacks a part of {decision_id}")
        return fold


def verify(sending: SendNotificationInput, fold: Fold) -> None:
    """Raise `UnprovenError` unless this message to this person belongs to the decision."""
    assert fold.state  # noqa: S101 - `load` looked
    if not _is_recipient(sending, fold, fold.state):
        raise proof.UnprovenError("the decision does not name this approver")
    if sending.message == CODE and (sending.approver, sending.code_id) not in fold.state.codes:
        raise proof.UnprovenError("nobody has asked for this code")
    if sending.outcome and sending.outcome != fold.state.outcome:
        raise proof.UnprovenError("the decision has another outcome, or none")


def _is_recipient(sending: SendNotificationInput, fold: Fold, state: State) -> bool:
    if sending.message in TO_THE_OPERATOR:
        return fold.input is not None and sending.approver == fold.input.operator
    return any(sending.approver in step.approvers for step in state.rules.steps)
