"""Where a paused graph stands: what it asks, what came of that, and what it can go on with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .._permission import permits
from ..exceptions import denial
from ..models import Decision
from ._questions import (
    Interrupt,
    Question,
    ToRequest,
    ToValue,
    questions,
    value_for,
    value_instead,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a runner asks and goes on; `defaults` are fields of every decision."""

    defaults: Mapping[str, Any]
    to_request: ToRequest | None
    to_value: ToValue
    raises: bool
    together: bool


@dataclass(slots=True)
class Board:
    settings: Settings
    thread_id: str
    _pending: dict[str, tuple[Interrupt, list[Question]]] = field(
        init=False, default_factory=dict[str, tuple[Interrupt, list[Question]]]
    )
    _decisions: dict[str, Decision] = field(init=False, default_factory=dict[str, Decision])
    _unfit: dict[str, Exception] = field(init=False, default_factory=dict[str, Exception])

    def update(self, interrupts: Iterable[Interrupt]) -> list[Question]:
        """These are what the graph waits for now; returns what of it nobody has been asked."""
        self._pending = {each.id: (each, self._questions(each)) for each in interrupts}
        return [
            question
            for _, asked in self._pending.values()
            for question in asked
            if question.key not in self._decisions
        ]

    def _questions(self, interrupt: Interrupt) -> list[Question]:
        settings = self.settings
        return questions(interrupt, self.thread_id, settings.defaults, settings.to_request)

    def asked(self, question: Question, decision: Decision) -> None:
        self._decisions[question.key] = decision

    def settled(self, decision: Decision) -> None:
        for key, known in self._decisions.items():
            if known.id == decision.id:
                self._decisions[key] = decision

    def open(self) -> set[str]:
        """The ids of the decisions that are waited for."""
        return {each.id for _, asked in self._pending.values() for each in self._of(asked)} - {
            each.id for each in self._decisions.values() if each.settled
        }

    def resume(self) -> dict[str, Any]:
        """What the graph can go on with now: the answer of each interrupt that has one.

        Raises `ActionDenied` where denials are to be raised.
        """
        if self.settings.raises:
            self._raise_denials()
        ready = [each for each, asked in self._pending.values() if self._has_answers(asked)]
        if self.settings.together and len(ready) < len(self._pending):
            return {}
        return {each.id: self._value(each) for each in _at_once(ready)}

    def _has_answers(self, asked: list[Question]) -> bool:
        return all(decision.settled for decision in self._of(asked))

    def _of(self, asked: list[Question]) -> list[Decision]:
        return [self._decisions[question.key] for question in asked]

    def _raise_denials(self) -> None:
        for _, asked in self._pending.values():
            for decision in self._of(asked):
                if decision.settled and not permits(decision):
                    raise denial(decision)

    def _value(self, interrupt: Interrupt) -> Any:
        decisions = self._of(self._pending[interrupt.id][1])
        if why := self._unfit.get(interrupt.id):
            return value_instead(interrupt, decisions[0], why)
        return value_for(interrupt, decisions, self.settings.to_value)

    def refused(self, resume: Mapping[str, Any], why: Exception) -> None:
        """The graph did not take this answer. Raises `why` where there is no other to give."""
        (interrupt_id,) = resume
        if interrupt_id in self._unfit:
            raise why
        self._unfit[interrupt_id] = why


def _at_once(ready: list[Interrupt]) -> list[Interrupt]:
    """All, or one that the graph checks: where it refuses one of several answers, the actions of
    the others may have run without a trace, and would run again."""
    checked = [each for each in ready if each.response_schema is not None]
    return checked[:1] or ready
