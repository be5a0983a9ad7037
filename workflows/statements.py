"""The statements that the API makes, and signs, about one run of one decision.

A kind of statement is a purpose, under which it is signed, and its fields; its signed twin is what
travels, by a signal of its own or into the store. What is signed is the same for all of them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from pydantic import AwareDatetime, Field

import handover.proof as said
from handover.models import Attachment, Origin, Signature, Wire

RESPOND = "respond"
CANCEL = "cancel"
EXTEND = "extend"
ATTACH = "attach"
STEP_UP = "step_up"
DELIVERY_FAILED = "delivery_failed"


class Statement(Wire):
    """One statement, not signed yet."""

    purpose: ClassVar[str]
    """The purpose of the signature: one of one kind does not hold for another."""
    decision_id: str
    run_id: str
    """The run of the workflow. Without it, what was said in one run could be said again in another
    that somebody started under the same id."""
    request_digest: str
    """The digest of the decision's request. A response has `State.shown_digest`: that of all that
    was shown."""
    received_at: AwareDatetime
    """The time when the API had it. This instant alone decides whether a response was in time."""

    def to_sign(self) -> bytes:
        """Return the bytes that are signed."""
        return said.statement(self.purpose, self._content())

    def _content(self) -> dict[str, Any]:
        fields = self.model_dump(include=set(type(self).model_fields) - {"signature"})
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in fields.items()
        }


class Signed(Statement):
    """A statement with the signature of a key of the service."""

    signal: ClassVar[str]
    """The name of the signal that carries it, where one does."""
    signature: Signature


class Response(Statement):
    """An approver's answer. `choice` is `approve`, `deny`, `modify` or `not_me`.

    With the origin `operator` it is the word of a key that may resolve, and `approver` its name.
    """

    approver: str
    choice: str
    notes: str | None = None
    data: dict[str, Any] | None = None
    stored: dict[str, str] = Field(default_factory=dict[str, str])
    """Parts, `notes` or `data`, that are too large for a history (see `stored.py`)."""
    origin: Origin = Origin.HUMAN
    step_up: str | None = None
    """The name of the code that came with it."""

    @property
    def data_digest(self) -> str:
        """The digest of what it brings: so a proof stays checkable after that was erased."""
        return said.data_digest(self.notes, self.data, self.stored)

    def to_sign(self) -> bytes:
        """Return the bytes as agents and auditors verify them. Raises `ValueError` for an origin
        that is nobody who answers."""
        return said.response_statement(self, self.data_digest)


class SignedResponse(Response, Signed):
    signal = RESPOND


class Withdrawal(Statement):
    """The agent takes its question back."""

    purpose = "withdrawal"
    agent: str
    notes: str | None = None


class SignedWithdrawal(Withdrawal, Signed):
    signal = CANCEL


class Extension(Statement):
    """The agent gives its approvers more time."""

    purpose = "extension"
    agent: str
    expires_at: AwareDatetime


class SignedExtension(Extension, Signed):
    signal = EXTEND


class Addition(Statement):
    """The agent shows one more file."""

    purpose = "addition"
    agent: str
    attachment: Attachment


class SignedAddition(Addition, Signed):
    signal = ATTACH


class CodeRequest(Statement):
    """An approver needs a code before their answer counts. `code_id` names it; what it is stands
    nowhere: it follows from its name and a key that Temporal does not have (`links.codes`)."""

    purpose = "code"
    approver: str
    code_id: str


class SignedCodeRequest(CodeRequest, Signed):
    signal = STEP_UP


class FailedDelivery(Statement):
    """A message that was sent did not arrive, as its provider told the API later.

    `provider_event_id` names what the provider told, `provider_message_id` the message.
    """

    purpose = "delivery-failure"
    approver: str
    channel: str
    message: str
    reason: str
    provider_message_id: str
    provider_event_id: str


class SignedFailedDelivery(FailedDelivery, Signed):
    signal = DELIVERY_FAILED


class Claim(Statement):
    """The agent takes the one run that the decision permits. It is kept in the store, since the
    workflow may be over by then, and so is a `Report`.

    `number` counts the claims of a decision: there is another after one that was given back, or
    whose place is taken.
    """

    purpose = "claim"
    number: int
    agent: str
    claim_id: str
    worker: str | None = None


class SignedClaim(Claim, Signed):
    pass


class Report(Statement):
    """The agent says how the run of this claim ended: `succeeded`, `failed`, or `not_run`."""

    purpose = "report"
    number: int
    agent: str
    claim_id: str
    status: str
    result: str | None = None

    def _content(self) -> dict[str, Any]:
        """Return the fields, the result as a digest: that stays checkable after it was erased."""
        content = super()._content()
        return content | {"result_digest": said.digest(content.pop("result"))}


class SignedReport(Report, Signed):
    pass
