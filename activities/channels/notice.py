"""What a channel carries, and what it takes to be one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from workflows.messages import DecisionInput, Outcome
from workflows.state import rules_of


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to one approver. `link` is theirs alone: whoever has it can answer."""

    decision: DecisionInput
    message: str
    approver: str
    link: str
    now: datetime
    outcome: Outcome | None = None

    @property
    def asked_before(self) -> list[str]:
        """Who was asked before this approver, in order."""
        rules = rules_of(self.decision)
        before: list[str] = []
        for step in rules.steps:
            if self.approver in step.approvers:
                break
            before += step.approvers
        return list(dict.fromkeys(before))


class Channel(Protocol):
    """A way to reach people. `provider` names who carries it, for the audit trail."""

    @property
    def provider(self) -> str: ...

    async def send(self, notice: Notice) -> str:
        """Hand the message over and return the provider's id for it. Raises `DeliveryError`."""
        ...
