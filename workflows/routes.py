"""The channels by which those who are asked are told, and which of them come later."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter

from workflows.state import State


@dataclass(frozen=True, slots=True)
class Use:
    """A channel that is to be used for an approver, from this moment on."""

    at: datetime
    approver: str
    channel: str


def unused(state: State) -> list[Use]:
    """Return the channels by which those who may answer were not asked yet, in order of time."""
    uses = [
        Use(asked.at + timedelta(minutes=step.after_minutes), asked.approver, step.channel)
        for asked in state.asked
        if state.may_answer(asked.approver)
        for step in state.rules.route_of(asked.approver)
        if (asked.approver, step.channel) not in state.used
    ]
    return sorted(uses, key=attrgetter("at"))
