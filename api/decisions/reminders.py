"""Reminders that suit a decision if the agent leaves them open."""

from __future__ import annotations

from handover.models import DecisionRequest, Urgency
from workflows.messages import Reminders

SUITABLE = {
    Urgency.CRITICAL: Reminders(after_minutes=5, every_minutes=10, most=3),
    Urgency.HIGH: Reminders(after_minutes=15, every_minutes=60, most=3),
    Urgency.MEDIUM: Reminders(after_minutes=60, every_minutes=1440, most=2),
    Urgency.LOW: Reminders(after_minutes=1440, every_minutes=1440, most=1),
}
"""Reminders by urgency; the first one comes when half of the time is over at the latest."""

SOONEST = 1.0
"""Minutes. Somebody who is given less than twice this is not reminded unless the agent says so."""


def reminders_of(request: DecisionRequest) -> Reminders | None:
    """Return the reminders that this request asks for, or that suit it; None for no reminder."""
    suitable = SUITABLE[Urgency(request.urgency)]
    after, every, most = (
        request.remind_after_minutes,
        request.remind_every_minutes,
        request.max_reminders,
    )
    if after is None:
        after = min(suitable.after_minutes, request.timeout_minutes / 2)
        if after < SOONEST:
            return None
    most = suitable.most if most is None else most
    if most == 0:
        return None
    return Reminders(after_minutes=after, every_minutes=every or suitable.every_minutes, most=most)
