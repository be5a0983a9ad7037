"""Reports that people have not heard of a decision yet, and why, for logs and for the command
line."""

from __future__ import annotations

import logging

from ._memory.text import visible_line
from .models import Decision

logger = logging.getLogger("handover")

MOST_SAID = 10_000

_said: dict[str, str] = {}
"""The last log line of each decision, which may be waited for again and again."""


def untold(decision: Decision) -> str:
    """Describe its messages that have not gone out; return an empty text if there is none."""
    why = "; ".join(
        f"{each.channel} to {each.approver} since {each.since or each.at:%Y-%m-%d %H:%M:%S} UTC:"
        f" {each.reason}"
        for each in decision.undelivered
    )
    if decision.unreachable:
        return visible_line(f"nobody was reached. {why}".rstrip())
    return visible_line(f"not sent yet: {why}") if why else ""


def log_untold(decision: Decision) -> None:
    """Log them, once for as long as they do not change."""
    now = untold(decision)
    if now and now != _said.get(decision.id):
        logger.warning("%s waits, and %s", decision.id, now)
    _said.pop(decision.id, None)
    if now:
        _said[decision.id] = now
    if len(_said) > MOST_SAID:
        _said.pop(next(iter(_said)), None)
