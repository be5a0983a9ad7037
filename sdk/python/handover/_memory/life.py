"""One decision, by the rules of the service, as far as they show in answers."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.util import find_spec
from typing import Any, Literal, NamedTuple

from ..addresses import one_form
from ..models import (
    Attachment,
    AuditEntry,
    Choice,
    Decision,
    DecisionRequest,
    Notification,
    Origin,
    Status,
    is_permitted,
)
from .answers import complaint, execute_at, normal
from .refusals import Refusal, at_fault
from .requests import NewClaim, NewReport
from .runs import Runs, as_others_read_it, check_permitted

MAX_ATTACHMENTS = 5
MAX_LIFE = timedelta(minutes=525_600)
NOT_ME = "not_me"

PUNCTUAL = timedelta(seconds=10)
"""Time for which the service does not report a message that has not gone out."""
UNREACHED_AFTER = timedelta(minutes=5)
"""Time after which nobody counts as reached, or half of a shorter life."""

ReplyChoice = Literal["approve", "deny", "modify", "not_me"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer: the pressed `choice`, `notes` beside it, and a value for the type of the question:
    `data` as in `response_data`, or `files` by their names.

    `by` is its writer, or None for the first who is asked.
    """

    choice: ReplyChoice
    notes: str | None = None
    data: Mapping[str, Any] | None = None
    files: Mapping[str, bytes] | None = None
    by: str | None = None


class _Step(NamedTuple):
    number: int
    after_minutes: float
    approvers: list[str]


class Life:
    """A decision with its record, changed in place."""

    def __init__(
        self,
        decision: Decision,
        request: DecisionRequest,
        *,
        agent: str,
        fingerprint: str,
        asks: bool = True,
    ) -> None:
        self.decision = decision
        self.request = request
        self.agent = agent
        self.fingerprint = fingerprint
        self._entries: list[AuditEntry] = []
        self._asked: list[str] = []
        self._declined: list[str] = []
        self._asks = asks
        self.unsent: str | None = None
        """The reason why no message goes out, if none does."""
        self._runs = Runs()
        later = sorted(request.escalation, key=lambda step: step.after_minutes)
        self._spelled: dict[str, str] = {}
        """The first spelling of each person, by the one form of all spellings."""
        for who in [*request.approvers, *(who for step in later for who in step.approvers)]:
            self._spelled.setdefault(one_form(who), who)
        self._steps = (
            [_Step(n, step.after_minutes, step.approvers) for n, step in enumerate(later, 1)]
            if asks
            else []
        )
        names = [each.model_dump(mode="json") for each in decision.attachments]
        created = {"agent": agent, "action": request.action, "attachments": names}
        self._log("decision.created", decision.created_at, created)
        self._ask(0, request.approvers, decision.created_at)

    @property
    def entries(self) -> list[AuditEntry]:
        """Return the record, in order."""
        return sorted([*self._entries, *self._runs.entries], key=lambda entry: entry.at)

    @property
    def approvers(self) -> set[str]:
        """Return all who are asked, at once or by an escalation, in one form of their addresses."""
        return set(self._spelled)

    @property
    def awaited(self) -> list[str]:
        """Return those who may answer."""
        return [each for each in self._asked if each not in self._declined]

    def told(self, now: datetime, *, to_others: bool = False) -> dict[str, Any]:
        """Return the decision as the service does: to its agent, or without that agent's own
        fields."""
        decision = self.decision
        if decision.enforce:
            decision.action_permitted = is_permitted(
                decision.status,
                has_payload=decision.payload is not None,
                execute_at=decision.execute_at,
                now=now,
            )
        decision.execution = self._runs.current
        decision.notifications = [] if decision.settled else self._unsent(now)
        decision.unreachable = (
            self._asks and not decision.settled and (self._is_untold(now) or self._nobody_is_left())
        )
        told = decision.model_dump(
            mode="json", exclude=None if decision.enforce else {"action_permitted"}
        )
        return as_others_read_it(told) if to_others else told

    def _nobody_is_left(self) -> bool:
        return not any(map(self._new_in, self._steps)) and not self.awaited

    def _is_untold(self, now: datetime) -> bool:
        asked_at = self.decision.created_at
        patience = min(UNREACHED_AFTER, (self.decision.expires_at - asked_at) / 2)
        return self.unsent is not None and now - asked_at >= patience

    def _unsent(self, now: datetime) -> list[Notification]:
        """Return the messages that are being retried; they appear once they should have gone
        out."""
        if self.unsent is None or now - self.decision.created_at < PUNCTUAL:
            return []
        channel = self.request.channels[0].channel
        asked = [entry for entry in self._entries if entry.type == "approver.asked"]
        return [
            Notification(
                message="escalation" if entry.details["level"] else "decision-request",
                approver=entry.details["approver"],
                channel=channel,
                result="pending",
                at=entry.at,
                reason=self.unsent,
                since=entry.at,
            )
            for entry in asked
        ]

    def advance(self, now: datetime) -> None:
        """Apply the changes of time: escalations, and the expiry."""
        end = self.decision.expires_at
        while not self.decision.settled and self._steps:
            step = self._steps[0]
            at = self.decision.created_at + timedelta(minutes=step.after_minutes)
            if at > min(now, end):
                break
            if self._new_in(step):
                self._escalate(step, at, "no_answer")
            else:  # it reminds, and nobody is reminded here
                self._steps.pop(0)
        if not self.decision.settled and now > end:
            self._settle(Status.EXPIRED, Origin.TIMEOUT, end)

    def respond(self, reply: Reply, origin: Origin, at: datetime) -> None:
        """Take an answer. Raises `Refusal`, and the record has the attempt."""
        by = reply.by or next(iter(self.awaited), None)
        if by and origin == Origin.HUMAN:
            by = self._known_as(by)
        data = normal(self.request, reply.choice, reply.data)
        refusal = self._objection(reply.choice, data or {}, by, origin, at)
        if refusal:
            tried = {"approver": by, "choice": reply.choice, "notes": reply.notes, "data": data}
            type = "response.late" if self.decision.settled else "response.refused"
            self._log(type, at, tried | {"reason": refusal.code, "message": refusal.error})
            raise refusal
        if reply.choice == NOT_ME:
            self._decline(by or "", reply.notes, at)
            return
        moment = execute_at(self.request, reply.choice, data)
        self.decision.response_data = data
        self.decision.execute_at = moment
        status = _status(reply.choice, moment)
        more = {"choice": reply.choice, "data": data}
        self._settle(status, origin, at, by, reply.notes, **more)

    def extend(self, minutes: float, at: datetime) -> None:
        """Extend the deadline. Raises `Refusal`."""
        self.check_pending()
        until, now_until = at + timedelta(minutes=minutes), self.decision.expires_at
        if until <= now_until:
            why = f"it can only become longer; it already runs until {now_until:%Y-%m-%d %H:%M:%S}."
            raise at_fault(("timeout_minutes", why), code="not_longer")
        if until > self.decision.created_at + MAX_LIFE:
            why = "a decision takes at most 525,600 minutes (a year) from its creation."
            raise at_fault(("timeout_minutes", why), code="not_longer")
        self.decision.expires_at = until
        times = {"from": now_until.isoformat(), "to": until.isoformat()}
        self._log("decision.extended", at, {"by": self.agent, **times})

    def cancel(self, notes: str | None, origin: Origin, at: datetime) -> None:
        """Cancel the decision. Raises `Refusal`, unless the agent has already withdrawn it."""
        is_again = self.decision.status == Status.CANCELLED
        if is_again and self.decision.origin == origin == Origin.AGENT:
            return
        self.check_pending()
        by = self.agent if origin == Origin.AGENT else None
        self._settle(Status.CANCELLED, origin, at, by, notes)

    def attach(self, attachment: Attachment, at: datetime) -> None:
        """Add a file. Raises `Refusal`."""
        self.check_pending()
        if len(self.decision.attachments) >= MAX_ATTACHMENTS:
            why = f"a decision has at most {MAX_ATTACHMENTS} attachments."
            raise at_fault(("file", why), code="too_many_attachments")
        self.decision.attachments.append(attachment)
        self._log("attachment.added", at, {"by": self.agent, **attachment.model_dump(mode="json")})

    def claim(self, given: NewClaim, at: datetime) -> bool:
        """Claim, and return whether the claim is a new one. Raises `Refusal`, with the decision as
        it stands."""
        with self._stands_in_the_way(at):
            check_permitted(self.decision, at)
            return self._runs.claim(given, self.agent, at)

    def report(self, given: NewReport, at: datetime) -> None:
        """Report a run. Raises `Refusal`, with the decision as it stands."""
        with self._stands_in_the_way(at):
            self._runs.report(given, at)

    @contextmanager
    def _stands_in_the_way(self, at: datetime) -> Generator[None]:
        try:
            yield
        except Refusal as refusal:
            refusal.more["decision"] = self.told(at)
            raise

    def deny(self, origin: Origin, at: datetime, by: str, notes: str) -> None:
        """Deny without a button."""
        more = {"choice": Choice.DENY.value, "data": None}
        self._settle(Status.DENIED, origin, at, by, notes, **more)

    def check_pending(self, *, to_others: bool = False) -> None:
        """Check that the decision is pending. Raises `Refusal`, with the outcome as its agent reads
        it, or others do."""
        if self.decision.settled:
            at = self.decision.resolved_at or self.decision.created_at
            told = self.told(at, to_others=to_others)
            why = f"The decision is already {self.decision.status}."
            raise Refusal("already_settled", why, decision=told)

    def _objection(
        self, choice: str, data: Mapping[str, Any], by: str | None, origin: Origin, at: datetime
    ) -> Refusal | None:
        try:
            self.check_pending(to_others=True)
        except Refusal as over:
            return over
        if origin == Origin.HUMAN and by not in self.awaited:
            return _no_answer("action", "this person is not being asked.")
        if choice == NOT_ME:
            return None
        if choice not in self.request.options:
            offered = ", ".join(self.request.options)
            return _no_answer("action", f"this was not offered; offered are: {offered}.")
        why = complaint(self.request, choice, data, at)
        return _no_answer(f"response_data.{why[0]}", why[1]) if why else None

    def _decline(self, approver: str, notes: str | None, at: datetime) -> None:
        self._declined.append(approver)
        self._log("approver.declined", at, {"approver": approver, "notes": notes})
        following = next(filter(self._new_in, self._steps), None)
        if following and approver in self._asked_last:
            self._escalate(following, at, NOT_ME)

    def _escalate(self, step: _Step, at: datetime, reason: str) -> None:
        """Ask the people of this step; earlier steps that name nobody new are passed."""
        self._steps = [each for each in self._steps if each.number > step.number]
        self.decision.escalation_level = step.number
        approvers = [*map(self._known_as, step.approvers)]
        details = {"level": step.number, "reason": reason, "approvers": approvers}
        self._log("decision.escalated", at, details)
        self._ask(step.number, approvers, at)

    def _ask(self, level: int, approvers: list[str], at: datetime) -> None:
        new = self._new(approvers)
        self._asked_last = new
        for approver in new if self._asks else ():
            self.decision.notified_at = self.decision.notified_at or at
            self._asked.append(approver)
            self._log("approver.asked", at, {"approver": approver, "level": level})

    def _new_in(self, step: _Step) -> list[str]:
        return self._new(step.approvers)

    def _new(self, approvers: list[str]) -> list[str]:
        """Return those whom nobody has asked yet."""
        named = dict.fromkeys(map(self._known_as, approvers))
        return [each for each in named if each not in self._asked]

    def _known_as(self, person: str) -> str:
        return self._spelled.get(one_form(person), person)

    def _settle(
        self,
        status: Status,
        origin: Origin,
        at: datetime,
        by: str | None = None,
        notes: str | None = None,
        **more: object,
    ) -> None:
        decision = self.decision
        decision.status, decision.approved = status, status == Status.APPROVED
        decision.origin, decision.resolved_at = origin, at
        decision.resolved_by, decision.response_notes = by, notes
        decision.payload_digest = payload_digest(decision)
        details = {"origin": origin.value, "by": by, "notes": notes, **more}
        self._log(f"decision.{status}", at, details)

    def _log(self, type: str, at: datetime, details: dict[str, Any]) -> None:
        self._entries.append(AuditEntry(type=type, at=at, details=details))


def payload_digest(decision: Decision) -> str | None:
    """Return the service's digest; None without `handover-sdk[verify]`, whose library it needs."""
    if not _has_digests():
        return None
    from ..proof import payload_digest

    return payload_digest(decision)


def request_digest(request: DecisionRequest) -> str | None:
    """Return the service's digest; None without `handover-sdk[verify]`, whose library it needs."""
    if not _has_digests():
        return None
    from ..proof import request_digest

    return request_digest(request)


def _has_digests() -> bool:
    return find_spec("rfc8785") is not None and find_spec("cryptography") is not None


def _status(choice: str, moment: datetime | None) -> Status:
    match choice:
        case Choice.DENY:
            return Status.DENIED
        case Choice.MODIFY:
            return Status.MODIFIED
        case _:
            return Status.SCHEDULED if moment else Status.APPROVED


def _no_answer(field: str, message: str) -> Refusal:
    return at_fault((field, message), code="invalid_answer")
