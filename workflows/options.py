"""Options by which the workflow runs its activities, and texts about them for operators."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from temporalio.common import Priority, RetryPolicy, SearchAttributeKey, SearchAttributeUpdate

from handover.models import BY_URGENCY, Channel, DecisionRequest, Urgency
from workflows import lifecycle
from workflows.messages import (
    AGENT_ATTRIBUTE,
    APPROVER_ATTRIBUTE,
    ASKING,
    CODE,
    CODES_USED_UP,
    DELIVERY_FAILURE,
    EXPIRES_AT_ATTRIBUTE,
    REMINDER,
    STATUS_ATTRIBUTE,
    URGENCY_ATTRIBUTE,
    DecisionInput,
    Outcome,
    SendNotificationInput,
)
from workflows.objections import MAX_CODES
from workflows.routes import unused
from workflows.state import BOUNDS, Entry, State

STATUS_KEY = SearchAttributeKey.for_keyword(STATUS_ATTRIBUTE)
URGENCY_KEY = SearchAttributeKey.for_keyword(URGENCY_ATTRIBUTE)
AGENT_KEY = SearchAttributeKey.for_keyword(AGENT_ATTRIBUTE)
APPROVER_KEY = SearchAttributeKey.for_keyword_list(APPROVER_ATTRIBUTE)
EXPIRES_AT_KEY = SearchAttributeKey.for_datetime(EXPIRES_AT_ATTRIBUTE)
SEARCH_ATTRIBUTES = (STATUS_KEY, URGENCY_KEY, AGENT_KEY, APPROVER_KEY, EXPIRES_AT_KEY)

ATTEMPT_TIMEOUT = timedelta(seconds=30)
"""Time for one attempt at one message, after which a killed worker's is taken up again. Each
transport has a shorter limit of its own."""

CLOSING_TIMEOUT = timedelta(hours=24)
"""Time for which messages about a settled decision are tried."""

CANCELLING = timedelta(minutes=1)
"""Time for which a message that is to end is waited for: an attempt under way is over by then. If
an operator has paused it nobody says so, and none of its timeouts fires."""

CALLBACK_TIMEOUT = timedelta(days=5)
"""Time for the callback, longer than the schedule of Standard Webhooks, after which the activity
itself gives up."""

RETRIES = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2,
    maximum_interval=timedelta(minutes=5),
)

PRIORITIES: Mapping[str, int] = {each: number for number, each in enumerate(BY_URGENCY, start=1)}
"""Priorities of messages in one queue, if the server knows them: the lowest goes first."""

HASTE = timedelta(minutes=5)
"""Time left below which a question goes before others of its urgency."""

FAIRNESS_KEY_BYTES = 64
"""Bytes of a fairness key; the server refuses longer ones."""

DETAILS_CONTEXT = 2000
"""Characters of the context that operators are shown beside a decision."""

SUMMARY_BYTES = 200
"""Bytes of a summary that Temporal's UI shows; the server refuses more than 400."""


def final_status(outcome: Outcome) -> Sequence[SearchAttributeUpdate[Any]]:
    """Return the one change of search attributes in a decision's life."""
    return [STATUS_KEY.value_set(outcome.status)]


def channel_queue(task_queue: str, channel: str) -> str:
    """Return the task queue of this channel's messages, beside that of the decisions."""
    return f"{task_queue}-{channel}"


def priority(input: DecisionInput, message: str, left: timedelta) -> Priority:
    """Return the priority of a message if many wait: the urgent ones go first, and of these each
    agent's in turn.

    `left` is the time until the decision expires: a question that has little of it is more urgent
    than its agent said. Somebody sits in front of a page and waits for a code.
    """
    urgent = urgency_key(input.request.urgency, left if message in ASKING else HASTE)
    return Priority(
        priority_key=PRIORITIES[Urgency.CRITICAL] if message == CODE else urgent,
        fairness_key=fairness_key(input.agent),
    )


def urgency_key(urgency: str, left: timedelta) -> int:
    """Return the priority of a question that has so much time left."""
    key = PRIORITIES.get(urgency, PRIORITIES[Urgency.MEDIUM])
    return max(key - (left < HASTE), PRIORITIES[Urgency.CRITICAL])


def fairness_key(agent: str) -> str:
    """Return the agent's name, or a digest of one that is too long for a key."""
    name = agent.encode()
    return agent if len(name) <= FAIRNESS_KEY_BYTES else hashlib.sha256(name).hexdigest()


def static_details(input: DecisionInput, request: DecisionRequest) -> str:
    """Describe the question for the Temporal UI: the agent's words as a literal block of Markdown.

    `request` is the whole one, also with what `input` leaves to the store.
    """
    words = [request.action, *([request.context[:DETAILS_CONTEXT]] if request.context else [])]
    quoted = "\n\n".join("\n".join(f"    {line}" for line in part.splitlines()) for part in words)
    return (
        f"**{input.agent}** asks **{', '.join(request.approvers)}**"
        f" ({request.urgency}), until {input.expires_at:%Y-%m-%d %H:%M:%S} UTC\n\n{quoted}"
    )


def summary(text: str) -> str:
    """Return one line that fits into a summary."""
    line = " ".join(text.split())
    if len(line.encode()) <= SUMMARY_BYTES:
        return line
    return line.encode()[: SUMMARY_BYTES - 3].decode(errors="ignore") + "…"


def errands(state: State, since: int, input: DecisionInput) -> Iterator[SendNotificationInput]:
    """Yield the messages that follow from what the record has since, besides asking and telling."""
    failures = sum(entry.type == "delivery.failed" for entry in state.log[:since])
    used_up = sum(map(_is_last_code, state.log[:since]))
    for entry in state.log[since:]:
        details = entry.details
        match entry.type:
            case "approver.reminded":
                for channel in state.working_channels(details["approver"]):
                    sending = _sending(input, REMINDER, details["approver"], channel)
                    yield sending.model_copy(update={"number": details["number"]})
            case "code.requested":
                # By e-mail always: it shows that whoever answers reads what is sent there.
                sending = _sending(input, CODE, details["approver"])
                code = {"code_id": details["code_id"], "number": details["number"]}
                yield sending.model_copy(update=code)
                if input.operator and input.rules_version >= BOUNDS and _is_last_code(entry):
                    used_up += 1
                    sending = _sending(input, CODES_USED_UP, input.operator)
                    yield sending.model_copy(update={"number": used_up})
            case "delivery.failed":
                failures += 1
                # Whom another channel reaches needs no operator.
                if input.operator and not state.can_be_reached(details["approver"]):
                    sending = _sending(input, DELIVERY_FAILURE, input.operator)
                    yield sending.model_copy(update={"number": failures})
            case _:
                pass


def _is_last_code(entry: Entry) -> bool:
    """Return whether this person is sent no further code."""
    return entry.type == "code.requested" and entry.details["number"] == MAX_CODES


def _sending(
    input: DecisionInput, message: str, approver: str, channel: str = Channel.EMAIL
) -> SendNotificationInput:
    return SendNotificationInput(
        decision_id=input.id, message=message, approver=approver, channel=channel
    )


def timer_summary(state: State, deadline: datetime) -> str:
    """Describe the timer for this deadline: it may run on for a while after the end."""
    return summary(f"while pending: {what_comes(state, deadline)}")


def what_comes(state: State, deadline: datetime) -> str:
    """Describe what happens when this deadline passes."""
    for step in state.later_steps[:1]:
        if deadline == state.rules.steps[step].at:
            new = state.new_in(step)
            who = ", ".join(new or state.rules.steps[step].approvers)
            return summary(f"asks {who}" if new else f"reminds {who}")
    later = [use for use in unused(state) if use.at == deadline]
    if later:
        return summary(", ".join(f"asks {use.approver} by {use.channel}" for use in later))
    if deadline < state.rules.expires_at:
        return "reminds those who are asked"
    return "expires: denied, because nobody answered"


def current_details(state: State) -> str:
    """Describe in words, for the Temporal UI, what the decision waits for."""
    if state.outcome:
        by = f" by {state.outcome.by}" if state.outcome.by else ""
        return f"**{state.outcome.status.capitalize()}**{by} ({state.outcome.origin})"
    waiting = [asked.approver for asked in state.asked if state.may_answer(asked.approver)]
    lines = [f"Waiting for {', '.join(waiting) or 'nobody: all who were asked declined'}"]
    lines.append(f"until {state.rules.expires_at:%Y-%m-%d %H:%M:%S} UTC")
    deadline = lifecycle.next_deadline(state)
    if deadline and deadline < state.rules.expires_at:
        lines.append(f"then, at {deadline:%Y-%m-%d %H:%M:%S} UTC, {what_comes(state, deadline)}")
    return "\n\n".join(lines)


def callback_details(state: State, url: str) -> str:
    """Describe what the closing phase waits for, while the agent's callback fails."""
    news = [entry for entry in state.log if entry.type == "callback.failed"]
    if not news:
        return current_details(state)
    last = news[-1].details
    further = f"tried again at {last['next_at']}" if last["next_at"] else "not tried again"
    return (
        f"{current_details(state)}\n\nThe agent does not know yet: its callback to"
        f" {urlsplit(url).netloc} failed {last['attempt']} times, and is {further}.\n\n"
        f"    {last['reason']}\n\n"
        "The signal `retry_callback` sends it again at once, `give_up_callback` ends it."
    )
