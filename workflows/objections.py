"""Why something would not count: asked by the API before it signs, and by the rules again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from handover.models import Choice, Origin
from workflows import answers
from workflows.messages import Extension, Response
from workflows.state import Rules, State

MAX_ACTION = 2000
"""Characters of an action, as the agent wrote it or as an approver rewrote it."""

MAX_ATTACHMENTS = 5
"""Files that an agent may show with one decision."""

MAX_TIMEOUT = timedelta(minutes=525_600)
"""How long a decision may take from its creation, extensions included."""

NOT_ME = "not_me"


@dataclass(frozen=True, slots=True)
class Objection:
    """Why something does not count: a stable word, and a sentence for people."""

    reason: str
    message: str


def objection(state: State, response: Response) -> Objection | None:
    """Why this response would not count now, or None."""
    if state.outcome:
        return settled(state)
    if response.origin == Origin.HUMAN and not state.may_answer(response.approver):
        return Objection("not_asked", "This person is not being asked.")
    if response.received_at > state.rules.expires_at:
        return Objection("late", "The time to answer is over.")
    if response.choice == NOT_ME and response.origin == Origin.HUMAN:
        return None
    if response.choice not in state.rules.options:
        offered = ", ".join(state.rules.options)
        return Objection("not_offered", f"This answer was not offered; offered are: {offered}.")
    if response.request_digest != state.shown:
        return Objection("changed", "What is asked has changed since it was shown.")
    return _objection_to_data(state.rules, response)


def objection_to_extension(state: State, extension: Extension) -> Objection | None:
    """Why the deadline would not move, or None."""
    if state.outcome:
        return settled(state)
    if extension.received_at > state.rules.expires_at:
        return Objection("late", "The time to answer is over.")
    if extension.expires_at <= state.rules.expires_at:
        until = f"{state.rules.expires_at:%Y-%m-%d %H:%M:%S} UTC"
        return Objection("not_longer", f"It can only become longer; it already runs until {until}.")
    if extension.expires_at > state.rules.created_at + MAX_TIMEOUT:
        return Objection(
            "too_long", "A decision takes at most 525,600 minutes (a year) from its creation."
        )
    return None


def objection_to_addition(state: State) -> Objection | None:
    """Why no further file would be shown, or None."""
    if state.outcome:
        return settled(state)
    if len(state.attachments) >= MAX_ATTACHMENTS:
        return Objection(
            "too_many_attachments", f"A decision has at most {MAX_ATTACHMENTS} attachments."
        )
    return None


def settled(state: State) -> Objection:
    return Objection("already_settled", f"The decision is already {state.status}.")


def _objection_to_data(rules: Rules, response: Response) -> Objection | None:
    if "data" in response.stored:
        # What stands in the store cannot be seen from here; the API looked at it before it signed.
        return None
    data = response.data or {}
    match response.choice:
        case Choice.MODIFY:
            why = _complaint_about_modification(rules, data)
        case Choice.APPROVE:
            why = answers.complaint(rules.response_type, data, response.received_at)
        case _:
            why = _complaint_about_more(data)
    return Objection("invalid_answer", why) if why else None


def _complaint_about_modification(rules: Rules, data: dict[str, Any]) -> str | None:
    if rules.has_payload and not isinstance(data.get("payload"), dict):
        return "payload: send the changed payload (an object)."
    if not rules.has_payload and not _is_action(data.get("action")):
        return f"action: write what to do instead, in 1 to {MAX_ACTION:,} characters."
    return _complaint_about_more(data, "payload" if rules.has_payload else "action")


def _complaint_about_more(data: dict[str, Any], *expected: str) -> str | None:
    more = next((name for name in data if name not in expected), None)
    return None if more is None else f"{more[:100]}: this is not asked for; leave it out."


def _is_action(value: object) -> bool:
    return isinstance(value, str) and len(value.strip()) > 0 and len(value) <= MAX_ACTION
