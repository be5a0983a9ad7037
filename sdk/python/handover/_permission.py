"""What a decision permits: only what is certain, everything else is a no."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from .exceptions import denial
from .models import Decision, Status, is_permitted


def permits(decision: Decision) -> bool:
    """Only what the service permits and this version of the client understands to be permitted.

    The service says so of decisions that were created with `enforce=True`, and of no others.
    """
    changed = (decision.response_data or {}).get("payload")
    return decision.action_permitted is True and is_permitted(
        decision.status,
        has_payload=decision.payload is not None and isinstance(changed, dict),
        execute_at=decision.execute_at,
        now=datetime.now(UTC),
    )


def permitted_payload(decision: Decision) -> dict[str, Any] | None:
    """The payload that may run: as it was asked, or as the approver changed it. None where the
    decision had none.

    Raises `ActionDenied` unless the decision was created with `enforce=True` and permits.
    """
    if not permits(decision):
        raise denial(decision)
    if decision.status == Status.MODIFIED:
        return (decision.response_data or {})["payload"]
    return decision.payload
