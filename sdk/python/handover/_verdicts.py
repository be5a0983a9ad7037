"""The command line's words about a decision, and its exit codes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

from ._memory.text import visible_json, visible_line
from ._permission import permits
from ._untold import untold
from .exceptions import denial
from .models import Decision, Status


class ExitCode(IntEnum):
    """Exit codes of a command. `ask` and `watch` end with 0 only for a permission."""

    APPROVED = 0
    DENIED = 1
    EXPIRED = 2
    FAILED = 3
    OPEN = 4
    USAGE = 64
    INTERRUPTED = 130


class Finished(Exception):  # noqa: N818 - not an error
    """The command has ended."""

    def __init__(self, code: ExitCode) -> None:
        super().__init__(code)
        self.code = code


def exit_code(decision: Decision) -> ExitCode:
    """Return the exit code that tells a script what became of the decision."""
    if is_permission(decision):
        return ExitCode.APPROVED
    if decision.status == Status.PENDING or _is_for_later(decision):
        return ExitCode.OPEN
    return ExitCode.EXPIRED if decision.status == Status.EXPIRED else ExitCode.DENIED


def is_permission(decision: Decision) -> bool:
    """Return whether the decision permits. Without `enforce` the service does not say; then
    `approved` decides."""
    plain = not decision.enforce and decision.approved and decision.status == Status.APPROVED
    return plain or permits(decision)


def sentence(decision: Decision) -> str:
    """Describe the decision's status, for people."""
    if not is_permission(decision):
        return visible_line(str(denial(decision)))
    notes = f": {decision.response_notes}" if decision.response_notes else ""
    return visible_line(f"{decision.status} by {decision.resolved_by or decision.origin}{notes}")


def result(decision: Decision) -> str | None:
    """Return the text for a script: the payload that may run, or else the value of the answer."""
    data = decision.response_data or {}
    if decision.payload is not None:
        changed = decision.status == Status.MODIFIED
        return as_json(data.get("payload") if changed else decision.payload)
    match decision.response_type.type:
        case "choose":
            return visible_line(str(data["chosen"])) if "chosen" in data else None
        case "number_input":
            return str(data["value"]) if "value" in data else None
        case _:
            return as_json(data) if data else None


def details(decision: Decision) -> dict[str, str]:
    """Describe a decision for people, line by line."""
    asked = [decision.approver] if isinstance(decision.approver, str) else decision.approver
    lines = {
        "id": decision.id,
        "status": str(decision.status),
        "action": decision.action,
        "context": decision.context or "",
        "payload": json.dumps(decision.payload) if decision.payload else "",
        "urgency": str(decision.urgency),
        "asked": ", ".join(asked),
        "untold": untold(decision),
        "created": at(decision.created_at),
        "expires": "" if decision.settled else at(decision.expires_at),
        "resolved": at(decision.resolved_at) if decision.resolved_at else "",
        "by": decision.resolved_by or "",
        "notes": decision.response_notes or "",
        "answer": json.dumps(decision.response_data) if decision.response_data else "",
    }
    return {name: visible_line(line) for name, line in lines.items() if line}


def at(time: datetime) -> str:
    """Write a time by this machine's clock and zone."""
    return f"{time.astimezone():%Y-%m-%d %H:%M:%S %Z}"


def as_json(value: Any) -> str:
    return visible_json(json.dumps(value, indent=2, ensure_ascii=False))


def _is_for_later(decision: Decision) -> bool:
    later = decision.execute_at is not None and decision.execute_at > datetime.now(UTC)
    return decision.status == Status.SCHEDULED and later
