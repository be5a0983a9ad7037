"""What can become of a decision: the one transition function, pure.

`apply(state, event) -> state` knows nothing of Temporal, clocks or I/O. The workflow adds time,
order and activities; the API reads a decision by folding its history through the same function; the
page asks `objection` before it signals.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from handover.models import Attachment, Choice, Origin, ResponseType, Status
from handover.proof import shown_digest
from workflows import answers
from workflows.messages import (
    DecisionInput,
    Extension,
    Outcome,
    Response,
    SignedAddition,
    SignedExtension,
    SignedResponse,
)

RULES_VERSION = 1
"""Part of every decision's input. A change to these rules is a new number and an `if`."""

GRACE = timedelta(seconds=2)
"""How long after `expires_at` the workflow acts on it: an answer that the API stamped in time may
still be on its way, and it counts."""

MAX_REFUSALS = 100
"""How many refusals one decision records; further ones are counted and not told."""

MAX_ACTION = 2000
"""Characters of an action, as the agent wrote it or as an approver rewrote it."""

MAX_ATTACHMENTS = 5
"""Files that an agent may show with one decision."""

MAX_TIMEOUT = timedelta(minutes=525_600)
"""How long a decision may take from its creation, extensions included."""

NOT_ME = "not_me"


@dataclass(frozen=True, slots=True)
class Step:
    """Approvers and the moment from which they are asked."""

    at: datetime
    approvers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """What a decision's request fixes for the whole of its life. `steps` is in order of time."""

    steps: tuple[Step, ...]
    created_at: datetime
    expires_at: datetime
    options: tuple[str, ...]
    has_payload: bool
    response_type: ResponseType
    request_digest: str


@dataclass(frozen=True, slots=True)
class Asked:
    """An approver who was asked at a level of escalation (0: at once)."""

    approver: str
    level: int


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happened, for the record. `type` is dotted and past."""

    type: str
    at: datetime
    details: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class State:
    rules: Rules
    attachments: tuple[Attachment, ...] = ()
    asked: tuple[Asked, ...] = ()
    declined: tuple[str, ...] = ()
    level: int = -1
    outcome: Outcome | None = None
    refusals: int = 0
    log: tuple[Entry, ...] = ()

    @property
    def status(self) -> Status:
        return self.outcome.status if self.outcome else Status.PENDING

    @property
    def shown(self) -> str:
        """The digest of all that an approver is shown, which an answer is an answer to."""
        return shown_digest(self.rules.request_digest, self.attachments)

    def may_answer(self, approver: str) -> bool:
        """Whether this approver was asked and has not said that they are the wrong person."""
        return approver not in self.declined and any(a.approver == approver for a in self.asked)


@dataclass(frozen=True, slots=True)
class TimePassed:
    at: datetime


@dataclass(frozen=True, slots=True)
class Responded:
    """A response whose signature was found good."""

    at: datetime
    response: SignedResponse


@dataclass(frozen=True, slots=True)
class DeliveryFailed:
    """A message that asks an approver can't reach them."""

    at: datetime
    approver: str
    channel: str
    reason: str


@dataclass(frozen=True, slots=True)
class Extended:
    """The agent gives more time; its signature was found good."""

    at: datetime
    extension: SignedExtension


@dataclass(frozen=True, slots=True)
class Attached:
    """The agent shows one more file; its signature was found good."""

    at: datetime
    addition: SignedAddition


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The agent or an operator ended the decision."""

    at: datetime
    origin: Origin
    by: str | None = None
    notes: str | None = None


@dataclass(frozen=True, slots=True)
class OperatorDecided:
    """Somebody with access to Temporal denied or cancelled, past the API."""

    at: datetime
    status: Status
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class CallbackNews:
    """What is told of the callback while it is tried. `type` is `callback.failed`, and what an
    operator orders: `callback.retried` or `callback.given_up`."""

    at: datetime
    type: str
    details: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Refused:
    """Something was heard that counts for nothing."""

    at: datetime
    reason: str
    message: str
    details: dict[str, Any] = field(default_factory=dict[str, Any])


Event = (
    TimePassed
    | Responded
    | DeliveryFailed
    | Extended
    | Attached
    | Withdrawn
    | OperatorDecided
    | CallbackNews
    | Refused
)


@dataclass(frozen=True, slots=True)
class Objection:
    """Why something does not count: a stable word, and a sentence for people."""

    reason: str
    message: str


def rules_of(input: DecisionInput) -> Rules:
    request, created_at = input.request, input.created_at
    later = sorted(request.escalation, key=lambda step: step.after_minutes)
    return Rules(
        steps=(
            Step(created_at, tuple(request.approvers)),
            *(
                Step(created_at + timedelta(minutes=step.after_minutes), tuple(step.approvers))
                for step in later
            ),
        ),
        created_at=created_at,
        expires_at=input.expires_at,
        options=tuple(request.options),
        has_payload=request.payload is not None or "payload" in input.stored,
        response_type=request.response_type,
        request_digest=input.request_digest,
    )


def begin(input: DecisionInput) -> State:
    """A new decision, whose first approvers are asked."""
    state = State(rules_of(input), attachments=tuple(input.attachments))
    return _ask_next(state, input.created_at)


def apply(state: State, event: Event) -> State:
    """The decision after this event. Total: it refuses, and never raises."""
    match event:
        case TimePassed():
            return _advance(state, event.at)
        case Responded():
            return _respond(state, event)
        case DeliveryFailed():
            details = {"approver": event.approver, "channel": event.channel, "reason": event.reason}
            state = _log(state, "delivery.failed", event.at, details)
            return _replace_approver(state, event.approver, event.at, "undeliverable")
        case Extended():
            return _extend(state, event)
        case Attached():
            return _attach(state, event)
        case Withdrawn():
            return _withdraw(state, event)
        case OperatorDecided():
            return _decide_as_operator(state, event)
        case CallbackNews():
            return _note(state, event)
        case Refused():
            return _refuse(state, event)


def next_deadline(state: State) -> datetime | None:
    """When time alone changes this decision next; None once it is final."""
    if state.outcome:
        return None
    expiry = state.rules.expires_at + GRACE
    step = _next_step(state)
    return min(step.at, expiry) if step else expiry


def objection(state: State, response: Response) -> Objection | None:
    """Why this response would not count now, or None."""
    if state.outcome:
        return _settled(state)
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
        return _settled(state)
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
        return _settled(state)
    if len(state.attachments) >= MAX_ATTACHMENTS:
        return Objection(
            "too_many_attachments", f"A decision has at most {MAX_ATTACHMENTS} attachments."
        )
    return None


def _settled(state: State) -> Objection:
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


def _advance(state: State, now: datetime) -> State:
    if state.outcome:
        return state
    if now >= state.rules.expires_at + GRACE:
        return _settle(state, Outcome(status=Status.EXPIRED, origin=Origin.TIMEOUT, at=now))
    while (step := _next_step(state)) and now >= step.at:
        state = _escalate(state, now, "no_answer")
    return state


def _respond(state: State, event: Responded) -> State:
    response = event.response
    who = {"approver": response.approver, "choice": response.choice}
    if why := objection(state, response):
        return _object(state, event.at, why, who)
    if response.choice == NOT_ME:
        state = replace(state, declined=(*state.declined, response.approver))
        state = _log(
            state,
            "approver.declined",
            event.at,
            {"approver": response.approver, "notes": response.notes},
        )
        return _replace_approver(state, response.approver, event.at, NOT_ME)
    outcome = Outcome(
        status=_status(state.rules, response),
        origin=response.origin,
        at=response.received_at,
        by=response.approver,
        notes=response.notes,
        response=response,
    )
    return _settle(state, outcome)


def execute_at(rules: Rules, response: Response) -> datetime | None:
    """The moment from which a scheduled action is permitted."""
    if response.choice != Choice.APPROVE or "data" in response.stored:
        return None
    return answers.execute_at(rules.response_type, response.data)


def _status(rules: Rules, response: Response) -> Status:
    match Choice(response.choice):
        case Choice.DENY:
            return Status.DENIED
        case Choice.MODIFY:
            return Status.MODIFIED
        case Choice.APPROVE:
            return Status.SCHEDULED if execute_at(rules, response) else Status.APPROVED


def _extend(state: State, event: Extended) -> State:
    extension = event.extension
    if why := objection_to_extension(state, extension):
        return _object(state, event.at, why, {"by": extension.agent})
    details = {
        "by": extension.agent,
        "from": _rfc_3339(state.rules.expires_at),
        "to": _rfc_3339(extension.expires_at),
    }
    state = replace(state, rules=replace(state.rules, expires_at=extension.expires_at))
    return _log(state, "decision.extended", event.at, details)


def _attach(state: State, event: Attached) -> State:
    attachment = event.addition.attachment
    details = {"by": event.addition.agent, **attachment.model_dump(mode="json")}
    if why := objection_to_addition(state):
        return _object(state, event.at, why, details)
    state = replace(state, attachments=(*state.attachments, attachment))
    return _log(state, "attachment.added", event.at, details)


def _withdraw(state: State, event: Withdrawn) -> State:
    if state.outcome:
        return _object(state, event.at, _settled(state), {"by": event.by})
    outcome = Outcome(
        status=Status.CANCELLED, origin=event.origin, at=event.at, by=event.by, notes=event.notes
    )
    return _settle(state, outcome)


def _decide_as_operator(state: State, event: OperatorDecided) -> State:
    if state.outcome:
        return _object(state, event.at, _settled(state), {"by": event.name})
    outcome = Outcome(
        status=event.status,
        origin=Origin.OPERATOR,
        at=event.at,
        by=event.name,
        notes=event.reason,
    )
    return _settle(state, outcome)


def _note(state: State, event: CallbackNews) -> State:
    """Anybody who reaches Temporal can send these, so they are bounded as refusals are."""
    if state.outcome is None or state.refusals >= MAX_REFUSALS:
        return state
    state = replace(state, refusals=state.refusals + 1)
    return _log(state, event.type, event.at, event.details)


def _replace_approver(state: State, approver: str, at: datetime, reason: str) -> State:
    """Ask the next ones at once, unless somebody was already asked after this approver."""
    levels = [asked.level for asked in state.asked if asked.approver == approver]
    if state.outcome or not levels or max(levels) < state.level:
        return state
    return _escalate(state, at, reason)


def _escalate(state: State, at: datetime, reason: str) -> State:
    step = _next_step(state)
    if step is None:
        return state
    details = {"level": state.level + 1, "reason": reason, "approvers": list(step.approvers)}
    return _ask_next(_log(state, "decision.escalated", at, details), at)


def _ask_next(state: State, at: datetime) -> State:
    level = state.level + 1
    known = {asked.approver for asked in state.asked}
    new = [a for a in dict.fromkeys(state.rules.steps[level].approvers) if a not in known]
    state = replace(state, level=level, asked=(*state.asked, *(Asked(a, level) for a in new)))
    for approver in new:
        state = _log(state, "approver.asked", at, {"approver": approver, "level": level})
    return state


def _next_step(state: State) -> Step | None:
    following = state.level + 1
    return state.rules.steps[following] if following < len(state.rules.steps) else None


def _settle(state: State, outcome: Outcome) -> State:
    details: dict[str, Any] = {"origin": outcome.origin, "by": outcome.by, "notes": outcome.notes}
    if outcome.response:
        details |= {"choice": outcome.response.choice, "data": outcome.response.data}
        if outcome.response.stored:
            details["stored"] = outcome.response.stored
    state = replace(state, outcome=outcome)
    return _log(state, f"decision.{outcome.status}", outcome.at, details)


def _object(state: State, at: datetime, why: Objection, who: dict[str, Any]) -> State:
    return _refuse(state, Refused(at, why.reason, why.message, who))


def _refuse(state: State, event: Refused) -> State:
    state = replace(state, refusals=state.refusals + 1)
    if state.refusals > MAX_REFUSALS:
        return state
    details = event.details | {"reason": event.reason, "message": event.message}
    if state.refusals == MAX_REFUSALS:
        details = {"reason": "too_many", "message": "Further refusals are not recorded."}
    return _log(state, "response.refused", event.at, details)


def _rfc_3339(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _log(state: State, type: str, at: datetime, details: dict[str, Any]) -> State:
    return replace(state, log=(*state.log, Entry(type, at, details)))
