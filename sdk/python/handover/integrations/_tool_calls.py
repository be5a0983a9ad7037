"""A model's tool call as a question to a person, and the answer in LangChain's four words:
`approve`, `edit`, `reject`, `respond`.

The approver presses a button: Approve, Deny, or a change of the arguments. If `respond` is allowed
there is a further field, and its entry is the tool's result.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from .._permission import permits, permitted_payload
from ..exceptions import denial
from ..models import Decision, Status

ALL = ("approve", "edit", "reject", "respond")
FIXED = ("payload", "options", "response_type")
"""Fields that belong to the tool call, because the approved call is the one that runs."""
RESPONSE = "respond"
"""The name of the field in which an approver answers in the tool's place."""
MAX_ACTION = 2_000
"""Characters that an action may have."""


def ask_about(
    name: str, args: Mapping[str, Any], allowed: Collection[str], description: str | None
) -> dict[str, Any]:
    """Return the fields of the decision about one tool call."""
    buttons = {
        "approve": "approve" in allowed or "respond" in allowed,
        "deny": "reject" in allowed,
        "modify": "edit" in allowed,
    }
    fields: dict[str, Any] = {
        "action": shortened(f"Run the tool {name}"),
        "context": description,
        "payload": dict(args),
        "options": [option for option, is_offered in buttons.items() if is_offered],
    }
    return fields | (_field(required="approve" not in allowed) if "respond" in allowed else {})


def words_in(schema: object) -> tuple[str, ...]:
    """Return the decisions that a response schema has room for."""
    text = json.dumps(schema)
    return tuple(word for word in ALL if f'"const": "{word}"' in text)


def _field(*, required: bool) -> dict[str, Any]:
    ask = "Your answer, in place of the tool's"
    label = ask if required else f"{ask}; leave it empty to let the tool run"
    field = {"name": RESPONSE, "label": label, "required": required}
    return {"response_type": {"type": "text_input", "fields": [field]}}


def shortened(action: str) -> str:
    return action if len(action) <= MAX_ACTION else action[: MAX_ACTION - 1] + "…"


def answer_about(name: str, decision: Decision, allowed: Collection[str]) -> dict[str, Any]:
    """Return the approver's decision as one of LangChain's.

    Raises `ActionDenied` for a decision that does not permit, if `allowed` has no word for it.
    """
    answer = _permitted_answer(name, decision) if permits(decision) else None
    if answer and answer["type"] in allowed:
        return answer
    return rejection(decision, allowed, str(denial(decision)))


def runs(decision: Decision, allowed: Collection[str]) -> bool:
    """Return whether the tool runs with the approver's decision."""
    word = _permitted_answer("", decision)["type"] if permits(decision) else "reject"
    return word in ("approve", "edit") and word in allowed


def _permitted_answer(name: str, decision: Decision) -> dict[str, Any]:
    if decision.status == Status.MODIFIED:
        return {
            "type": "edit",
            "edited_action": {"name": name, "args": permitted_payload(decision)},
        }
    if text := (decision.response_data or {}).get(RESPONSE):
        return {"type": "respond", "message": str(text)}
    return {"type": "approve"}


def rejection(decision: Decision, allowed: Collection[str], message: str) -> dict[str, Any]:
    """Return in an allowed word that the tool does not run."""
    for word in ("reject", "respond"):
        if word in allowed:
            return {"type": word, "message": message}
    raise denial(decision)
