"""Entries of a form in Slack, as an answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

from api.decisions.schemas import MAX_NOTES, MAX_PAYLOAD
from api.http.json_checks import UnfitJsonError, check_json
from api.people.payload_changes import A_NUMBER
from api.people.typed import NOW_OR_THEN, WHEN, UnclearError, read_number, repair
from api.slack.interactions import ViewState, moment_of
from handover.models import Choice, DecisionRequest, ResponseType
from templates.slack_modals import NOTE, NOW, PAYLOAD, TEXT, THEN, TRUE, Value, initial_of
from templates.words import Words
from workflows.answers import A_DATE_AND_TIME
from workflows.canonical import digest
from workflows.sentences import Sentence


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer of a form. `wrong` keeps it from being understood; its field is that of the form.
    `asks_back` says that it has several readings, which is no attempt at an answer."""

    choice: str
    notes: str | None
    data: dict[str, Any] | None
    wrong: Sentence | None = None
    asks_back: bool = False

    @property
    def mark(self) -> str | None:
        """Return the mark of an entry whose reading has to be shown before it counts."""
        is_read = not self.wrong and self.data and ("payload" in self.data or "value" in self.data)
        return digest(self.data) if is_read else None


class SlackForm:
    """A form of `slack_modals.answer_modal`, filled in by a reader of these words. `blocks` are the
    names of its fields."""

    def __init__(self, state: ViewState, said: Words) -> None:
        self._values = state.values
        self._said = said

    @property
    def blocks(self) -> list[str]:
        return list(self._values)

    def answer(self, request: DecisionRequest, choice: str) -> Answered:
        """Return the answer to this request, for the button that opened the form."""
        notes = self._typed("notes").strip()[:MAX_NOTES] or None
        if choice == NOTE:
            return Answered(self._chosen("choice"), notes, None)
        try:
            return Answered(choice, notes, self._data(request, choice))
        except _WrongError as error:
            return Answered(choice, notes, None, error.sentence, error.asks_back)

    @property
    def typed(self) -> dict[str, str]:
        """Return the content of its fields."""
        return {block: self._typed(block) or self._chosen(block) for block in self._values}

    def block_of(self, name: str | None, type: ResponseType) -> str:
        """Return the field of the form at fault, if an answer's field is known; else the first."""
        fields = [field.name for field in type.fields or ()]
        candidates = [name, f"{TEXT}{fields.index(name)}" if name in fields else None]
        found = (each for each in candidates if each in self._values)
        return next((each for each in found if each), self.blocks[0] if self.blocks else "notes")

    def _data(self, request: DecisionRequest, choice: str) -> dict[str, Any] | None:
        match choice:
            case Choice.APPROVE:
                return self._asked(request.response_type)
            case Choice.MODIFY if request.payload is not None:
                return {"payload": self._payload(request.payload)}
            case Choice.MODIFY:
                return {"action": self._typed("action").strip()}
            case _:
                return None

    def _asked(self, type: ResponseType) -> dict[str, Any] | None:
        match type.type:
            case "choose":
                index, choices = self._chosen("chosen"), type.choices or []
                is_one = index.isascii() and index.isdigit() and int(index) < len(choices)
                return {"chosen": choices[int(index)]} if is_one else {}
            case "text_input":
                named = enumerate(type.fields or ())
                return {each.name: self._typed(f"{TEXT}{i}").strip() for i, each in named}
            case "number_input":
                typed = self._typed("value").strip()
                number = self._number(typed, "value")
                return {"value": typed if number is None else number}
            case "schedule":
                return self._schedule(offers_now=type.allow_immediate is not False)
            case _:
                return None

    def _schedule(self, *, offers_now: bool) -> dict[str, Any] | None:
        when, moment = self._chosen("when"), self._moment("execute_at")
        if offers_now and when == NOW:
            if moment:
                raise _WrongError(NOW_OR_THEN)
            return None
        if not moment or (offers_now and when != THEN):
            raise _WrongError(WHEN if offers_now else Sentence(A_DATE_AND_TIME, field="execute_at"))
        return {"execute_at": moment}

    def _payload(self, asked: dict[str, Any]) -> dict[str, Any]:
        given = {
            name: self._changed(f"{PAYLOAD}{index}", value)
            for index, (name, value) in enumerate(asked.items())
        }
        try:
            return check_json(given, MAX_PAYLOAD)
        except UnfitJsonError as error:
            raise _WrongError(error.sentence) from error

    def _changed(self, block: str, value: Value) -> Value:
        match value:
            case bool():
                return self._chosen(block) == TRUE
            case str():
                return self._typed(block)
            case _:
                return self._changed_number(block, value)

    def _changed_number(self, block: str, value: float) -> float:
        typed = self._typed(block).strip()
        if typed == initial_of(value, self._said):
            return value
        number = self._number(typed, block)
        if number is None:
            raise _WrongError(Sentence(A_NUMBER, field=block))
        return number

    def _number(self, typed: str, block: str) -> float | None:
        try:
            return read_number(typed, self._said.notation)
        except UnclearError as error:
            sentence = replace(error.sentence, field=block)
            raise _WrongError(sentence, asks_back=True) from error

    def _typed(self, block: str) -> str:
        value = self._value(block).get("value")
        return repair(value) if isinstance(value, str) else ""

    def _chosen(self, block: str) -> str:
        option: object = self._value(block).get("selected_option")
        value = cast(dict[str, object], option).get("value") if isinstance(option, dict) else None
        return value if isinstance(value, str) else ""

    def _moment(self, block: str) -> str | None:
        seconds = self._value(block).get("selected_date_time")
        if not isinstance(seconds, int):
            return None
        try:
            return moment_of(seconds)
        except ValueError as error:
            raise _WrongError(Sentence(A_DATE_AND_TIME, field=block)) from error

    def _value(self, block: str) -> dict[str, Any]:
        """Return the value of a field's one element."""
        return self._values.get(block, {}).get(block, {})


class _WrongError(Exception):
    def __init__(self, sentence: Sentence, *, asks_back: bool = False) -> None:
        super().__init__(str(sentence))
        self.sentence = sentence
        self.asks_back = asks_back
