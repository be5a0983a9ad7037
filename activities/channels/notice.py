"""The notice that a channel carries, and the protocol of a channel."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from activities.channels.errors import UndeliverableError
from handover.addresses import Address
from handover.models import Decision
from templates import Reader
from workflows.messages import DecisionInput, Outcome
from workflows.state import rules_of


@dataclass(frozen=True, slots=True)
class Unreached:
    """An approver whom a message could not reach."""

    approver: str
    channel: str
    reason: str


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to one person, who is an approver or the operator.

    `link`, `inbox` and `respond_url` are this person's alone: whoever has one can answer; the
    operator gets none. `code` is that of a step up. `number` distinguishes several of one kind.
    `escalated_because` is `no_answer`, `not_me` or `undeliverable`; `unreached` has the last
    failure first, and `without_codes` the people who get no further code. `told` is the decision as
    its agent reads it, and `digest` that of what is shown, for an approver who is asked in JSON.
    `happened_at` is the time of the reported event.
    """

    decision: DecisionInput
    message: str
    approver: str
    link: str
    now: datetime
    outcome: Outcome | None = None
    reader: Reader = field(default_factory=Reader)
    inbox: str = ""
    number: int = 0
    escalated_because: str | None = None
    asked_now: list[str] = field(default_factory=list[str])
    code: str | None = None
    unreached: list[Unreached] = field(default_factory=list[Unreached])
    without_codes: list[str] = field(default_factory=list[str])
    told: Decision | None = None
    respond_url: str = ""
    digest: str = ""
    happened_at: datetime | None = None
    together: list[Notice] = field(default_factory=list["Notice"])
    """The notices that this message contains, if it has several."""

    @property
    def address(self) -> Address:
        """Return the approver's address. Raises `UndeliverableError` if it is none."""
        try:
            return Address.parse(self.approver)
        except ValueError as error:
            raise UndeliverableError(f"{self.approver!r} is not an e-mail address.") from error

    @property
    def asked_before(self) -> list[str]:
        """Return the people who were asked before this approver, in order."""
        rules = rules_of(self.decision)
        before: list[str] = []
        for step in rules.steps:
            if self.approver in step.approvers:
                break
            before += step.approvers
        return list(dict.fromkeys(before))


class Channel(Protocol):
    """A way to reach people. `provider` names its carrier, for the audit trail."""

    @property
    def provider(self) -> str: ...

    async def send(self, notice: Notice) -> str:
        """Hand the message over and return the provider's id for it. Raises `DeliveryError`."""
        ...
