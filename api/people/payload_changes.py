"""A payload as a person changed it: as JSON, or with a field for each value."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from api.decisions.schemas import MAX_PAYLOAD
from api.http.json_checks import UnfitJsonError, check_answer, check_json, read_json
from api.people.typed import UnclearError, read_number
from templates.notation import Notation
from templates.payload import Field, fields
from workflows.canonical import dumps
from workflows.sentences import N_, Sentence

A_NUMBER = N_("This has to be a number.")
FLAGS = {"true": True, "false": False}


class UnreadableError(ValueError):
    """The entry cannot be read. `sentence` names the field, and says what to do; `asks_back` says
    that it has several readings."""

    def __init__(self, sentence: Sentence, *, asks_back: bool = False) -> None:
        super().__init__(str(sentence))
        self.sentence = sentence
        self.asks_back = asks_back


def change_by_json(text: str) -> Any:
    """Return the value of this JSON. Raises `UnreadableError`."""
    try:
        return check_answer(read_json(text), MAX_PAYLOAD)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(replace(_why_not_json(error), field="payload")) from error


@dataclass(frozen=True, slots=True)
class FieldChange:
    """The result of the fields: the payload with their values, and the reading of each changed
    value."""

    asked: dict[str, Any]
    payload: dict[str, Any]
    marks: Mapping[str, str]

    @classmethod
    def of(cls, asked: dict[str, Any], typed: Mapping[str, str], notation: Notation) -> FieldChange:
        """Read the fields. Those that were not sent, or are as they were shown, change nothing.

        Raises `UnreadableError`.
        """
        payload, marks = copy.deepcopy(asked), dict[str, str]()
        for each in fields(asked, notation.number):
            text = typed.get(each.name, each.text)
            if each.kind != "fixed" and text != each.text:
                value = read_value(each, text, notation)
                _put(payload, each, value)
                marks[each.name] = dumps(value).decode()
        return cls(asked, _checked(payload, "payload"), marks)

    def joined(self, by_json: Any) -> tuple[Any, bool]:
        """Return the one meaning; if both were changed, they have to agree."""
        asked, ours, theirs = map(dumps, (self.asked, self.payload, by_json))
        given = self.payload if theirs == asked else by_json
        return given, asked in (ours, theirs) or ours == theirs


def read_value(field: Field, text: str, notation: Notation) -> Any:
    """Read a value of the original's kind. Raises `UnreadableError`."""
    match field.kind:
        case "number":
            return _number(field, text, notation)
        case "flag":
            return FLAGS.get(text, field.value)
        case _:
            return _checked(text, field.name)


def _number(field: Field, text: str, notation: Notation) -> float:
    try:
        number = read_number(text, notation)
    except UnclearError as error:
        sentence = replace(error.sentence, field=field.name)
        raise UnreadableError(sentence, asks_back=True) from error
    if number is None:
        raise UnreadableError(Sentence(A_NUMBER, field=field.name))
    return number


def _checked(value: Any, name: str) -> Any:
    try:
        return check_json(value, MAX_PAYLOAD)
    except UnfitJsonError as error:
        raise UnreadableError(replace(error.sentence, field=name)) from error


def _put(payload: Any, field: Field, value: Any) -> None:
    holder = payload
    for name in field.path[:-1]:
        holder = holder[name]
    holder[field.path[-1]] = value


def _why_not_json(error: Exception) -> Sentence:
    match error:
        case json.JSONDecodeError():
            text = N_("This is not JSON: look at line %(line)s, column %(column)s.")
            return Sentence(text, {"line": error.lineno, "column": error.colno})
        case UnfitJsonError():
            return error.sentence
        case _:
            return Sentence(N_("This is not JSON that can be read here."))
