"""What was typed into a form in Slack, as an answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, cast

from api.forms import NOW_OR_THEN, WHEN, number_of, repair
from api.json_checks import UnfitJsonError, check_json
from api.schemas import MAX_NOTES, MAX_PAYLOAD
from api.slack import ViewState, moment_of
from handover.models import Choice, DecisionRequest, ResponseType
from templates.slack_modals import NOTE, NOW, PAYLOAD, TEXT, THEN, TRUE, Value
from workflows.answers import A_DATE_AND_TIME
from workflows.sentences import N_, Sentence

A_NUMBER = N_("This has to be a number.")


@dataclass(frozen=True, slots=True)
class Answered:
    """`wrong` is what keeps it from being understood; its field is that of the form."""

    choice: str
    notes: str | None
    data: dict[str, Any] | None
    wrong: Sentence | None = None


class SlackForm:
    """A form of `slack_modals.answer_modal`, filled in. `blocks` are the names of its fields."""

    def __init__(self, state: ViewState) -> None:
        self._values = state.values

    @property
    def blocks(self) -> list[str]:
        return list(self._values)

    def answer(self, request: DecisionRequest, choice: str) -> Answered:
        """The answer to this request, for the button that opened the form."""
        notes = self._typed("notes").strip()[:MAX_NOTES] or None
        if choice == NOTE:
            return Answered(self._chosen("choice"), notes, None)
        try:
            return Answered(choice, notes, self._data(request, choice))
        except _WrongError as error:
            return Answered(choice, notes, None, error.sentence)

    def block_of(self, name: str | None, type: ResponseType) -> str:
        """The field of the form at fault, where an answer's is; else the first."""
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
                return {"value": number_of(self._typed("value").strip())}
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
                typed = self._typed(block).strip()
                return value if typed == repr(value) else _number(typed, block)

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
        """Of the one element that a field has."""
        return self._values.get(block, {}).get(block, {})


class _WrongError(Exception):
    def __init__(self, sentence: Sentence) -> None:
        super().__init__(str(sentence))
        self.sentence = sentence


def _number(typed: str, block: str) -> int | float:
    try:
        number = json.loads(typed)
    except ValueError:
        number = None
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise _WrongError(Sentence(A_NUMBER, field=block))
    return number
