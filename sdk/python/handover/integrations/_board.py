"""The board of a paused graph: its questions, their answers, and what it can resume with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._permission import answered, is_unfit, permits
from ..exceptions import ConfigurationError, denial
from ..models import Decision
from ._claims import Claim
from ._handed import Handed, handed
from ._questions import INTERRUPT, Question, ToRequest, answers, questions
from ._shapes import Interrupt, ToValue, is_tool_call, joined


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of a runner; `defaults` are fields of every decision."""

    defaults: Mapping[str, Any]
    to_request: ToRequest | None
    to_value: ToValue
    raises: bool
    raises_refused: bool
    together: bool
    once: bool
    look_every: float


@dataclass(slots=True)
class Pending:
    """An interrupt that the graph waits for."""

    interrupt: Interrupt
    asked: list[Question]


@dataclass(slots=True)
class Answer:
    """The answer to a question as it was asked: `payload` are the objects of the question."""

    digest: str
    decision: Decision
    payload: Mapping[str, Any] | None

    @property
    def read(self) -> Decision:
        """Return the decision, with what it permits in those objects."""
        return answered(self.decision, self.payload)


@dataclass(slots=True)
class Board:
    settings: Settings
    thread_id: str
    _pending: dict[str, Pending] = field(init=False, default_factory=dict[str, Pending])
    _answers: dict[str, Answer] = field(init=False, default_factory=dict[str, Answer])
    _left: dict[str, Question] = field(init=False, default_factory=dict[str, Question])
    _handed: set[str] = field(init=False, default_factory=set[str])
    _unfit: dict[str, Exception] = field(init=False, default_factory=dict[str, Exception])
    _told: set[str] = field(init=False, default_factory=set[str])
    _before: dict[str, list[str]] = field(init=False, default_factory=dict[str, list[str]])

    def update(self, interrupts: Iterable[Interrupt]) -> list[Question]:
        """Replace the interrupts that the graph waits for; return those that nobody has been asked
        about."""
        now = {each.id: Pending(each, questions(each, self.thread_id)) for each in interrupts}
        gone = [pending for id, pending in self._pending.items() if id not in now]
        self._left |= {each.key: each for pending in gone for each in pending.asked}
        self._pending = now
        return [each for each in self._questions() if not self._knows(each)]

    def _questions(self) -> Iterable[Question]:
        return (each for pending in self._pending.values() for each in pending.asked)

    def _knows(self, question: Question) -> bool:
        answer = self._answers.get(question.key)
        return answer is not None and answer.digest == question.digest

    def left(self) -> list[Question]:
        """Return the questions that the graph no longer waits for though, as far as is known,
        nobody has answered them; each once."""
        left, self._left = self._left, {}
        return [each for each in left.values() if not self._is_settled(each)]

    def _is_settled(self, question: Question) -> bool:
        answer = self._answers.get(question.key)
        return answer is not None and answer.decision.settled

    def decision(self, question: Question) -> Decision | None:
        """Return the decision about a question, if it is known here."""
        answer = self._answers.get(question.key)
        return answer and answer.decision

    def asked(
        self, question: Question, decision: Decision, payload: Mapping[str, Any] | None
    ) -> None:
        self._answers[question.key] = Answer(question.digest, decision, payload)

    def settled(self, decision: Decision) -> None:
        for known in self._answers.values():
            if known.decision.id == decision.id:
                known.decision = decision

    def open(self) -> set[str]:
        """Return the ids of the decisions that are open."""
        decisions = (self._answers[each.key].decision for each in self._questions())
        return {each.id for each in decisions if not each.settled}

    def resume(self) -> dict[str, Any]:
        """Return what the graph can resume with now: the answer of each interrupt that has one.

        Raises `ActionDenied` if denials are to be raised, and `ConfigurationError` if the graph
        asks again what has been answered.
        """
        if self.settings.raises:
            self._raise_denials()
        ready = [each for each in self._pending.values() if self._has_answers(each)]
        if self.settings.together and len(ready) < len(self._pending):
            return {}
        resume = {each.interrupt.id: self._value(each) for each in _at_once(ready)}
        if self._handed & resume.keys():
            raise ConfigurationError(
                "The graph has taken an answer and asks the same again, and nothing is answered"
                " twice. Does its checkpointer keep what is written?"
            )
        return resume

    def _has_answers(self, pending: Pending) -> bool:
        return all(self._is_settled(each) for each in pending.asked)

    def _raise_denials(self) -> None:
        for each in self._questions():
            decision = self._answers[each.key].read
            if decision.settled and not permits(decision):
                raise denial(decision)

    def _value(self, pending: Pending) -> Any:
        interrupt = pending.interrupt
        decided = [(each, self._answers[each.key].read) for each in pending.asked]
        if why := self._unfit.get(interrupt.id):
            (question, decision), to_value = decided[0], self.settings.to_value
            if not is_tool_call(interrupt.value):
                raise why
            return question.part.refusal(decision, misfit(why), to_value)
        return joined(interrupt, answers(decided, self.settings.to_value))

    def handing(self, resume: Iterable[str], state: Any) -> list[Handed]:
        """Return the answers to report to the record, of those that the graph resumes with now."""
        if not self.settings.once:
            return []
        all = [self._handing(self._pending[id], state) for id in resume]
        return [each for each in all if each.claims or each.before]

    def _handing(self, pending: Pending, state: Any) -> Handed:
        decided = [(each, self._answers[each.key].read) for each in pending.asked]
        fits = pending.interrupt.id not in self._unfit
        claims = [
            Claim.new(decision.id, question.key)
            for question, decision in decided
            if fits and question.part.runs(decision)
        ]
        return handed(state, pending.interrupt, claims, [decision for _, decision in decided])

    def unfit(self) -> list[Decision]:
        """Return the permitted answers that cannot run, each once, if the record is to have them at
        all."""
        decided = (self._answers[each.key].read for each in self._questions())
        unfit = {each.id: each for each in decided if is_unfit(each)}
        new = unfit.keys() - self._told
        self._told |= new
        return [unfit[id] for id in new if self.settings.once]

    def before(self, question: Question) -> Sequence[str]:
        """Return the decisions whose answers the node that asks this has had."""
        return self._before.get(question.found_by[INTERRUPT], ())

    def asks_further(self, before: Mapping[str, list[str]]) -> None:
        self._before |= before

    def handed(self, resume: Iterable[str]) -> None:
        """Note that the graph has taken the answers to these interrupts."""
        self._handed |= set(resume)

    def refused(self, resume: Mapping[str, Any], why: Exception) -> None:
        """Note that the graph refused this answer. Raises `why` if there is no other to give."""
        (interrupt_id,) = resume
        if interrupt_id in self._unfit:
            raise why
        self._unfit[interrupt_id] = why


def misfit(why: Exception) -> str:
    return f"The approver's change does not fit the tool, which has not run: {why}"


def _at_once(ready: list[Pending]) -> list[Pending]:
    """Return all answers, or only one that the graph checks: if it refuses one of several, the
    actions of the others may have run without a trace, and would run again."""
    checked = [each for each in ready if each.interrupt.response_schema is not None]
    return checked[:1] or ready
