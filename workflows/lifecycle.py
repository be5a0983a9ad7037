"""The life of a decision: the one transition function, pure.

`apply(state, event) -> state` knows nothing of Temporal, clocks or I/O. The workflow adds time,
order and activities; the API reads a decision by folding its history through the same function; the
page asks `objections` before it signals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from handover.models import Choice, Origin, Status
from workflows import answers
from workflows.events import (
    Attached,
    CallbackNews,
    CodeRequested,
    DeliveryFailed,
    Event,
    Extended,
    FailureReported,
    OperatorDecided,
    Refused,
    Responded,
    TimePassed,
    Withdrawn,
)
from workflows.messages import DecisionInput, Outcome
from workflows.objections import (
    NOT_ME,
    Objection,
    objection,
    objection_to_addition,
    objection_to_code,
    objection_to_extension,
    objection_to_failure,
    settled,
)
from workflows.routes import Use, unused
from workflows.state import BOUNDS, PERSONS, Asked, Entry, Rules, State, Step, rules_of
from workflows.statements import Response

RULES_VERSION = BOUNDS
"""The version of these rules, in every decision's input. A change is a new number and an `if`.

1  the first rules
2  one person in every spelling; a step that names nobody new is no escalation (`PERSONS`)
3  the end waits for nothing without a bound; who has used up their codes is told of (`BOUNDS`)
"""

GRACE = timedelta(seconds=2)
"""Time after `expires_at` at which the workflow acts on it: an answer that the API stamped in time
may still be on its way, and it counts."""

MAX_REFUSALS = 100
"""Refusals that one decision records; further ones are counted and not told."""


class UnknownRulesError(Exception):
    """A decision by rules of a later release, which alone can say what becomes of it."""


def begin(input: DecisionInput) -> State:
    """Return a new decision, whose first approvers are asked. Raises `UnknownRulesError`."""
    if not 1 <= input.rules_version <= RULES_VERSION:
        raise UnknownRulesError(
            f"This decision follows version {input.rules_version} of the rules; this release knows"
            f" them up to version {RULES_VERSION}, and leaves it to a newer one."
        )
    state = State(rules_of(input), attachments=tuple(input.attachments))
    return _ask(state, 0, input.created_at)


def apply(state: State, event: Event) -> State:
    """Return the decision after this event. Total: it refuses, and never raises."""
    match event:
        case TimePassed():
            return _advance(state, event.at)
        case Responded():
            return _respond(state, event)
        case DeliveryFailed():
            return _miss(state, event.at, event.approver, event.channel, event.reason)
        case Extended() | Attached() | CodeRequested() | FailureReported():
            return _change(state, event)
        case Withdrawn():
            return _withdraw(state, event)
        case OperatorDecided():
            return _decide_as_operator(state, event)
        case CallbackNews():
            return _note(state, event)
        case Refused():
            return _refuse(state, event)


def next_deadline(state: State) -> datetime | None:
    """Return when time alone changes this decision next; None once it is final."""
    if state.outcome:
        return None
    step, reminder = _next_step(state), _next_reminder(state)
    due = [state.rules.expires_at + GRACE, step.at if step else None, reminder]
    channels = [use.at for use in unused(state) if use.at < state.rules.expires_at]
    return min(moment for moment in (*due, *channels) if moment)


def _advance(state: State, now: datetime) -> State:
    if state.outcome:
        return state
    if now >= state.rules.expires_at + GRACE:
        return _settle(state, Outcome(status=Status.EXPIRED, origin=Origin.TIMEOUT, at=now))
    again: list[str] = []
    while (step := _next_step(state)) and now >= step.at:
        if _asks_nobody(state, state.step + 1):
            again += filter(state.may_answer, step.approvers)
            state = replace(state, step=state.step + 1)
        else:
            state = _escalate(state, state.step + 1, now, "no_answer")
    for use in unused(state):
        if now >= use.at:
            state = _use(state, use, now, "no_answer")
    return _remind(state, now, again)


def _remind(state: State, now: datetime, again: Sequence[str]) -> State:
    """Remind those who were asked last, when it is their time, and those whom a step has named
    again: once, however many reminders an outage has swallowed."""
    whom = list(again)
    while (due := _next_reminder(state)) and now >= due:
        state = replace(state, reminded=state.reminded + 1)
        whom += [asked.approver for asked in _asked_last(state)]
    for approver in dict.fromkeys(whom):
        details = {"approver": approver, "number": _number_of_reminder(state, approver)}
        state = _log(state, "approver.reminded", now, details)
    return state


def _number_of_reminder(state: State, approver: str) -> int:
    """Return the number that tells one reminder of somebody from their others."""
    if state.rules.version < PERSONS:
        return state.reminded
    reminded = [entry for entry in state.log if entry.type == "approver.reminded"]
    return 1 + sum(entry.details["approver"] == approver for entry in reminded)


def _next_reminder(state: State) -> datetime | None:
    """Return when the next reminder is due; None if nobody is to be reminded any more."""
    rules = state.rules.reminders
    if rules is None or state.level_at is None or state.reminded >= rules.most:
        return None
    if not _asked_last(state):
        return None
    minutes = rules.after_minutes + state.reminded * rules.every_minutes
    due = state.level_at + timedelta(minutes=minutes)
    return due if due < state.rules.expires_at else None


def _asked_last(state: State) -> list[Asked]:
    """Return those who are asked at this level and may answer: those before had their reminders."""
    return [a for a in state.asked if a.level == state.level and state.may_answer(a.approver)]


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
    """Return the moment from which a scheduled action is permitted."""
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


def _change(state: State, event: Extended | Attached | CodeRequested | FailureReported) -> State:
    """Apply what the service says about the question, and not in answer to it."""
    match event:
        case Extended():
            return _extend(state, event)
        case Attached():
            return _attach(state, event)
        case CodeRequested():
            return _send_code(state, event)
        case FailureReported():
            return _report(state, event)


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


def _send_code(state: State, event: CodeRequested) -> State:
    request = event.request
    details = {"approver": request.approver, "code_id": request.code_id}
    if why := objection_to_code(state, request):
        return _object(state, event.at, why, details)
    state = replace(state, codes=(*state.codes, (request.approver, request.code_id)))
    number = sum(approver == request.approver for approver, _ in state.codes)
    return _log(state, "code.requested", event.at, details | {"number": number})


def _report(state: State, event: FailureReported) -> State:
    failed = event.failed
    more = {"message": failed.message, "provider_event_id": failed.provider_event_id}
    if why := objection_to_failure(state, failed):
        whose = {"approver": failed.approver, "channel": failed.channel}
        return _object(state, event.at, why, whose | more)
    named = (failed.approver, failed.channel, failed.message)
    state = replace(state, reported=(*state.reported, named))
    return _miss(state, event.at, failed.approver, failed.channel, failed.reason, **more)


def _miss(
    state: State, at: datetime, approver: str, channel: str, reason: str, **more: str
) -> State:
    """Note that a question missed this approver by this channel, and reach them otherwise."""
    state = replace(state, unreached=(*state.unreached, (approver, channel)))
    details = {"approver": approver, "channel": channel, "reason": reason, **more}
    state = _log(state, "delivery.failed", at, details)
    return _reach_otherwise(state, approver, at)


def _reach_otherwise(state: State, approver: str, at: datetime) -> State:
    """Use their next channel, or else ask somebody else; neither waits for its time.

    Not where another of their channels works: one message in sight is enough, and so it makes no
    difference whether a failure or the next channel's time is heard of first.
    """
    if state.outcome or state.working_channels(approver):
        return state
    following = [use for use in unused(state) if use.approver == approver]
    if following:
        return _use(state, following[0], at, "undeliverable")
    return _replace_approver(state, approver, at, "undeliverable")


def _use(state: State, use: Use, at: datetime, reason: str) -> State:
    state = replace(state, used=(*state.used, (use.approver, use.channel)))
    details = {"approver": use.approver, "channel": use.channel, "reason": reason}
    return _log(state, "channel.used", at, details)


def _withdraw(state: State, event: Withdrawn) -> State:
    if state.outcome:
        return _object(state, event.at, settled(state), {"by": event.by})
    outcome = Outcome(
        status=Status.CANCELLED, origin=event.origin, at=event.at, by=event.by, notes=event.notes
    )
    return _settle(state, outcome)


def _decide_as_operator(state: State, event: OperatorDecided) -> State:
    if state.outcome:
        return _object(state, event.at, settled(state), {"by": event.name})
    outcome = Outcome(
        status=event.status,
        origin=Origin.OPERATOR,
        at=event.at,
        by=event.name,
        notes=event.reason,
    )
    return _settle(state, outcome)


def _note(state: State, event: CallbackNews) -> State:
    """Note news of the callback. Anybody who reaches Temporal can send these, so they are bounded
    as refusals are."""
    if state.outcome is None or state.refusals >= MAX_REFUSALS:
        return state
    state = replace(state, refusals=state.refusals + 1)
    return _log(state, event.type, event.at, event.details)


def _replace_approver(state: State, approver: str, at: datetime, reason: str) -> State:
    """Ask the next ones at once, unless somebody was already asked after this approver. A step that
    asks nobody is passed through: who is missing is not replaced by it."""
    levels = [asked.level for asked in state.asked if asked.approver == approver]
    if state.outcome or not levels or max(levels) < state.level:
        return state
    following = next((step for step in state.later_steps if not _asks_nobody(state, step)), None)
    return state if following is None else _escalate(state, following, at, reason)


def _asks_nobody(state: State, step: int) -> bool:
    """Return whether a step names none but those who were asked: by time, it reminds them."""
    return state.rules.version >= PERSONS and not state.new_in(step)


def _escalate(state: State, step: int, at: datetime, reason: str) -> State:
    approvers = list(state.rules.steps[step].approvers)
    details = {"level": step, "reason": reason, "approvers": approvers}
    return _ask(_log(state, "decision.escalated", at, details), step, at)


def _ask(state: State, step: int, at: datetime) -> State:
    new = state.new_in(step)
    asked = (*state.asked, *(Asked(approver, step, at) for approver in new))
    state = replace(state, level=step, step=step, level_at=at, reminded=0, asked=asked)
    at_once = [use for use in unused(state) if use.approver in new and use.at <= at]
    state = replace(state, used=(*state.used, *((use.approver, use.channel) for use in at_once)))
    for approver in new:
        state = _log(state, "approver.asked", at, {"approver": approver, "level": step})
    return state


def _next_step(state: State) -> Step | None:
    return next((state.rules.steps[step] for step in state.later_steps), None)


def _settle(state: State, outcome: Outcome) -> State:
    details: dict[str, Any] = {"origin": outcome.origin, "by": outcome.by, "notes": outcome.notes}
    if outcome.response:
        details |= {"choice": outcome.response.choice, "data": outcome.response.data}
        if outcome.response.stored:
            details["stored"] = outcome.response.stored
        if outcome.response.step_up:
            details["step_up"] = outcome.response.step_up
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
