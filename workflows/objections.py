"""Reasons why something would not count: for the API before it signs, and for the rules again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from handover.models import Choice, Origin
from workflows import answers
from workflows.messages import ASKING
from workflows.sentences import N_, Sentence
from workflows.state import Rules, State
from workflows.statements import CodeRequest, Extension, FailedDelivery, Response

MAX_ACTION = 2000
"""Characters of an action, as the agent wrote it or as an approver rewrote it."""

MAX_ATTACHMENTS = 5
"""Files that an agent may show with one decision."""

MAX_TIMEOUT = timedelta(minutes=525_600)
"""Longest time of a decision from its creation, extensions included."""

MAX_CODES = 10
"""Codes for one approver of a decision. With five tries each, one guess in 20,000 gets through."""

NOT_ME = "not_me"

NOT_ASKED = Sentence(N_("This person is not being asked."))
LATE = Sentence(N_("The time to answer is over."))
CHANGED = Sentence(N_("What is asked has changed since it was shown."))
AN_OBJECT = Sentence(N_("Send the changed payload (an object)."), field="payload")
NEEDS_CODE = Sentence(N_("This answer counts only with the code that was mailed."))


@dataclass(frozen=True, slots=True)
class Objection:
    """The reason why something does not count: a stable word, and a sentence for people."""

    reason: str
    sentence: Sentence

    @property
    def message(self) -> str:
        """The sentence in English, as it stands in the record."""
        return str(self.sentence)


def objection(state: State, response: Response) -> Objection | None:
    """Return why this response would not count now, or None."""
    if state.outcome:
        return settled(state)
    if response.origin == Origin.HUMAN and not state.may_answer(response.approver):
        return Objection("not_asked", NOT_ASKED)
    if response.received_at > state.rules.expires_at:
        return Objection("late", LATE)
    if response.choice == NOT_ME and response.origin == Origin.HUMAN:
        return _objection_to_step(state, response)
    if response.choice not in state.rules.options:
        text = N_("This answer was not offered; offered are: %(offered)s.")
        return Objection("not_offered", Sentence(text, {"offered": state.rules.options}))
    if response.request_digest != state.shown_digest:
        return Objection("changed", CHANGED)
    return _objection_to_data(state.rules, response) or _objection_to_step(state, response)


def objection_to_extension(state: State, extension: Extension) -> Objection | None:
    """Return why the deadline would not move, or None."""
    if state.outcome:
        return settled(state)
    if extension.received_at > state.rules.expires_at:
        return Objection("late", LATE)
    if extension.expires_at <= state.rules.expires_at:
        until = f"{state.rules.expires_at:%Y-%m-%d %H:%M:%S} UTC"
        text = "It can only become longer; it already runs until %(until)s."
        return Objection("not_longer", Sentence(text, {"until": until}))
    if extension.expires_at > state.rules.created_at + MAX_TIMEOUT:
        text = "A decision takes at most 525,600 minutes (a year) from its creation."
        return Objection("too_long", Sentence(text))
    return None


def objection_to_addition(state: State) -> Objection | None:
    """Return why no further file would be shown, or None."""
    if state.outcome:
        return settled(state)
    if len(state.attachments) >= MAX_ATTACHMENTS:
        text = "A decision has at most %(most)s attachments."
        return Objection("too_many_attachments", Sentence(text, {"most": MAX_ATTACHMENTS}))
    return None


def objection_to_code(state: State, request: CodeRequest) -> Objection | None:
    """Return why no code would be sent, or None."""
    if state.outcome:
        return settled(state)
    if not state.may_answer(request.approver):
        return Objection("not_asked", NOT_ASKED)
    if len([who for who, _ in state.codes if who == request.approver]) >= MAX_CODES:
        text = N_("At most %(most)s codes are sent to one person.")
        return Objection("too_many_codes", Sentence(text, {"most": MAX_CODES}))
    return None


def objection_to_failure(state: State, failed: FailedDelivery) -> Objection | None:
    """Return why it would change nothing that this message did not arrive, or None."""
    if state.outcome:
        return settled(state)
    was_asked = (failed.approver, failed.channel) in state.used
    if not was_asked or failed.message not in ASKING:
        return Objection("not_asked", NOT_ASKED)
    if (failed.approver, failed.channel, failed.message) in state.reported:
        return Objection("known", Sentence("It is known already that this did not arrive."))
    return None


def settled(state: State) -> Objection:
    text = N_("The decision is already %(status)s.")
    return Objection("already_settled", Sentence(text, {"status": state.status}))


def _objection_to_step(state: State, response: Response) -> Objection | None:
    if not state.rules.step_up or response.origin != Origin.HUMAN:
        return None
    if (response.approver, response.step_up) in state.codes:
        return None
    return Objection("needs_code", NEEDS_CODE)


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


def _complaint_about_modification(rules: Rules, data: dict[str, Any]) -> Sentence | None:
    if rules.has_payload and not isinstance(data.get("payload"), dict):
        return AN_OBJECT
    if not rules.has_payload and not _is_action(data.get("action")):
        text = N_("Write what to do instead, in 1 to %(most)s characters.")
        return Sentence(text, {"most": MAX_ACTION}, "action")
    return _complaint_about_more(data, "payload" if rules.has_payload else "action")


def _complaint_about_more(data: dict[str, Any], *expected: str) -> Sentence | None:
    more = next((name for name in data if name not in expected), None)
    return None if more is None else Sentence(answers.NOT_ASKED_FOR, field=more[:100])


def _is_action(value: object) -> bool:
    return isinstance(value, str) and len(value.strip()) > 0 and len(value) <= MAX_ACTION
