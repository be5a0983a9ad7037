"""That people were not told of a decision yet, and why: for logs and for the command line."""

from __future__ import annotations

import logging

from ._memory.text import visible_line
from .models import Decision

logger = logging.getLogger("handover")


def untold(decision: Decision) -> str:
    """Which of its messages have not gone out; empty where that is none."""
    why = "; ".join(
        f"{each.channel} to {each.approver} since {each.since or each.at:%Y-%m-%d %H:%M:%S} UTC:"
        f" {each.reason}"
        for each in decision.undelivered
    )
    if decision.unreachable:
        return visible_line(f"nobody was reached. {why}".rstrip())
    return visible_line(f"not sent yet: {why}") if why else ""


def log_untold(decision: Decision, said: str = "") -> str:
    """Log it, unless that is what was `said` before; what is said now."""
    now = untold(decision)
    if now and now != said:
        logger.warning("%s waits, and %s", decision.id, now)
    return now
