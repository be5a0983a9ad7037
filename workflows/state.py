"""The state of a decision, and the rules that its request fixed for the whole of its life."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from handover.addresses import one_form
from handover.models import Attachment, ChannelStep, ResponseType, Status
from handover.proof import shown_digest
from workflows.messages import DecisionInput, Outcome, Reminders

PERSONS = 2
"""The version of the rules since which a person is one in every spelling, and since which a step
that names nobody new is no escalation."""

BOUNDS = 3
"""The version of the rules since which the end waits for nothing without a bound, and the operator
is told of who has used up their codes."""


@dataclass(frozen=True, slots=True)
class Step:
    """Approvers and the moment from which they are asked."""

    at: datetime
    approvers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules that a decision's request fixes for the whole of its life. `steps` is in order of
    time, and has each person in one spelling."""

    version: int
    steps: tuple[Step, ...]
    created_at: datetime
    expires_at: datetime
    options: tuple[str, ...]
    has_payload: bool
    response_type: ResponseType
    request_digest: str
    reminders: Reminders | None = None
    step_up: bool = False
    route: tuple[ChannelStep, ...] = ()
    routes: Mapping[str, tuple[ChannelStep, ...]] = field(
        default_factory=dict[str, tuple[ChannelStep, ...]]
    )

    def route_of(self, approver: str) -> tuple[ChannelStep, ...]:
        """Return the channels by which this approver is asked, and when."""
        return self.routes.get(approver, self.route)


@dataclass(frozen=True, slots=True)
class Asked:
    """An approver who was asked at a level of escalation (0: at once)."""

    approver: str
    level: int
    at: datetime


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
    """The last step that asked somebody."""
    step: int = -1
    """The last step whose turn came: the level, or a later one that names nobody new."""
    level_at: datetime | None = None
    """The moment since which those of this level are asked."""
    reminded: int = 0
    """The number of times that they were to be reminded."""
    codes: tuple[tuple[str, str], ...] = ()
    """Approvers, and the ids of codes that were sent to them."""
    used: tuple[tuple[str, str], ...] = ()
    """Approvers, and the channels by which they are asked."""
    unreached: tuple[tuple[str, str], ...] = ()
    """Approvers, and the channels by which a question did not reach them."""
    reported: tuple[tuple[str, str, str], ...] = ()
    """Messages reported not to have arrived: approver, channel and kind of each."""
    outcome: Outcome | None = None
    refusals: int = 0
    log: tuple[Entry, ...] = ()

    @property
    def status(self) -> Status:
        return self.outcome.status if self.outcome else Status.PENDING

    @property
    def shown_digest(self) -> str:
        """The digest of all that an approver is shown, which an answer is an answer to."""
        return shown_digest(self.rules.request_digest, self.attachments)

    def may_answer(self, approver: str) -> bool:
        """Return whether this approver was asked and did not say that they are the wrong person."""
        return approver not in self.declined and any(a.approver == approver for a in self.asked)

    def known_as(self, person: str) -> str:
        """Return how this decision spells this person, who may come in another spelling."""
        asked = [each.approver for each in self.asked]
        if person in asked:
            return person
        same = [each for each in asked if one_form(each) == one_form(person)]
        return next((each for each in same if self.may_answer(each)), [*same, person][0])

    def new_in(self, step: int) -> list[str]:
        """Return those whom this step names and none before it has asked."""
        known = {each.approver for each in self.asked}
        named = dict.fromkeys(self.rules.steps[step].approvers)
        return [each for each in named if each not in known]

    @property
    def later_steps(self) -> range:
        """The steps whose turn is still to come."""
        return range(self.step + 1, len(self.rules.steps))

    def can_be_reached(self, approver: str) -> bool:
        """Return whether there is a channel by which no question to them is known to be lost."""
        route = self.rules.route_of(approver)
        return any((approver, step.channel) not in self.unreached for step in route)

    def working_channels(self, approver: str) -> list[str]:
        """Return the channels by which this approver is asked, without those that failed."""
        used = [channel for who, channel in self.used if who == approver]
        return [channel for channel in used if (approver, channel) not in self.unreached]

    @property
    def awaited(self) -> list[str]:
        """The approvers who may answer and, as far as is known, were reached."""
        asked = (a.approver for a in self.asked)
        return [each for each in asked if self.may_answer(each) and self.can_be_reached(each)]

    @property
    def is_unreachable(self) -> bool:
        """True if it is pending with nobody who was reached, and nobody who will be asked yet."""
        is_last = not any(map(self.new_in, self.later_steps))
        return self.outcome is None and is_last and not self.awaited


def shown_digest_of(input: DecisionInput) -> str:
    """Return `State.shown_digest` of a decision whose files are those of `input`."""
    return shown_digest(input.request_digest, tuple(input.attachments))


def rules_of(input: DecisionInput) -> Rules:
    request, created_at = input.request, input.created_at
    later = sorted(request.escalation, key=lambda step: step.after_minutes)
    steps = [
        Step(created_at, tuple(request.approvers)),
        *(
            Step(created_at + timedelta(minutes=step.after_minutes), tuple(step.approvers))
            for step in later
        ),
    ]
    spelled = _spelling(steps) if input.rules_version >= PERSONS else str
    return Rules(
        version=input.rules_version,
        steps=tuple(Step(step.at, tuple(map(spelled, step.approvers))) for step in steps),
        created_at=created_at,
        expires_at=input.expires_at,
        options=tuple(request.options),
        has_payload=request.payload is not None or "payload" in input.stored,
        response_type=request.response_type,
        request_digest=input.request_digest,
        reminders=input.reminders,
        step_up=input.step_up,
        route=tuple(request.channels),
        routes={spelled(approver): tuple(route) for approver, route in input.routes.items()},
    )


def _spelling(steps: Iterable[Step]) -> Callable[[str], str]:
    """Return a function from any spelling of a person to that in which they are named first.

    The API has read these addresses when it took them, and whatever its tables of letters come to
    be, what they have made of a domain they leave as it is: so a replay compares as the first time.
    """
    first: dict[str, str] = {}
    for step in steps:
        for approver in step.approvers:
            first.setdefault(one_form(approver), approver)
    return lambda approver: first.get(one_form(approver), approver)
