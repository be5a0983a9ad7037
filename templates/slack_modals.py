"""Forms that a button in Slack opens, for an answer with more than a choice.

A form opens only if it can ask for everything, as it is; the rest is left to the page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from handover.models import Choice, DecisionRequest, ResponseType
from templates import blocks, payload, text
from templates.blocks import Block
from templates.reader import Reader
from templates.words import Words, words

NOTE = "note"
"""The button for a further note; its form asks for the answer, too."""

NOT_ME = "not_me"
OPEN = "open"
"""Buttons that only open a page."""

ANSWERS = (Choice.APPROVE, Choice.DENY, Choice.MODIFY)

TEXT = "field."
PAYLOAD = "payload."
"""Prefix of the number of a field, since its name is the agent's."""

MAX_VALUES = 10
"""Values of a payload that a form can change."""

MAX_ACTION = 2_000

MAX_NUMBER = 100
"""Characters of a number."""

NOW, THEN = "now", "then"
TRUE, FALSE = "true", "false"

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Typed:
    """A form that was sent, to be shown again: the content of its fields, and their reading as the
    data of an answer."""

    fields: Mapping[str, str] = field(default_factory=dict[str, str])
    data: Mapping[str, Any] | None = None


def opens_here(request: DecisionRequest, choice: str) -> bool:
    """Return whether this answer can be given in Slack, with all its parts."""
    if choice == Choice.MODIFY:
        return request.payload is None or _is_small(request.payload)
    return choice != Choice.APPROVE or _can_be_asked(request.response_type)


def takes_note(request: DecisionRequest, *, whole: bool) -> bool:
    """Return whether there is an answer that lacks only a note."""
    return bool(noted(request, whole=whole))


def noted(request: DecisionRequest, *, whole: bool) -> list[str]:
    """Return the answers that a form for a note offers."""
    is_plain = request.response_type.type in ("approve_deny", "confirm")
    offered = [*([Choice.APPROVE] if is_plain and whole else []), Choice.DENY]
    return [choice for choice in offered if choice in request.options]


def answer_modal(
    request: DecisionRequest,
    choice: str,
    reader: Reader,
    metadata: str,
    *,
    whole: bool,
    typed: Typed = Typed(),
) -> Block:
    """Return the form for this choice, or for a note; `metadata` comes back with the entries."""
    said = words(reader)
    say, given = said.gettext, typed.fields
    match choice:
        case "note":
            title, fields = say("Your answer"), _choice(request, said, whole=whole)
        case Choice.MODIFY:
            title = said.button(choice, request.response_type)
            fields = _instead(request, said, given)
        case _:
            title = said.button(choice, request.response_type)
            fields = _asked(request.response_type, said, given)
    notes = blocks.field(
        "notes",
        say("Note for the agent"),
        blocks.typed(lines=True, initial=given.get("notes", "")),
        optional=True,
    )
    summary = blocks.quote(text.visible_line(request.action, 500))
    made = [summary, *_read(request, said, typed.data), *fields, notes]
    return blocks.modal("answer", title, say("Send"), say("Back"), made, metadata)


def _read(request: DecisionRequest, said: Words, data: Mapping[str, Any] | None) -> Iterator[Block]:
    """Return the reading of the entry, with the original value."""
    say = said.gettext
    match data:
        case {"value": int() | float() as number}:
            yield blocks.section(say("Read as: %(value)s") % {"value": said.number(number)})
        case {"payload": given}:
            yield blocks.section(say("This is what changes; nothing is decided yet"))
            changes = payload.changes(request.payload, given, said.number)
            lines = "\n".join(_change(row, said) for row in changes.rows)
            nothing = say("Nothing is changed: this is what was asked.")
            yield blocks.literal(lines) if lines else blocks.section(nothing)
        case _:
            return
    again = say("See how what you typed is read, and press “%(button)s” again.")
    yield blocks.section(again % {"button": say("Send")})


def _change(row: payload.Change, said: Words) -> str:
    now, was = (each.text if each else "" for each in (row.now, row.was))
    asked = said.gettext("asked:")
    return f"{row.name}: {now}  ({asked} {was})"


def values_of(payload: dict[str, Any]) -> list[tuple[str, Value]]:
    """Return the fields of a form for a payload, in its order."""
    return list(payload.items())


def _can_be_asked(type: ResponseType) -> bool:
    match type.type:
        case "approve_deny" | "confirm" | "number_input" | "schedule":
            return True
        case "choose":
            # What is cut could pass for another.
            shown = [text.visible_line(choice) for choice in type.choices or []]
            fits = all(len(line) <= blocks.MAX_OPTION for line in shown)
            return fits and 0 < len(shown) == len(set(shown)) <= blocks.MAX_SELECT
        case "text_input":
            return bool(type.fields)
        case _:
            return False


def _is_small(payload: dict[str, Any]) -> bool:
    """Return whether every value can be typed, and comes back as it was if nobody changes it."""
    names = [text.visible_line(name) for name in payload]
    if not 0 < len(names) == len(set(names)) <= MAX_VALUES:
        return False
    return all(map(_can_be_typed, payload.values())) and all(names)


def _can_be_typed(value: object) -> bool:
    match value:
        case str():
            is_plain = text.visible(value) == value and value == value.strip()
            return is_plain and len(value) <= blocks.MAX_TEXT and "\t" not in value
        case bool() | int() | float():
            return True
        case _:
            return False


def _choice(request: DecisionRequest, said: Words, *, whole: bool) -> Iterator[Block]:
    choices = noted(request, whole=whole)
    offered = [(c, said.button(c, request.response_type)) for c in choices]
    yield blocks.field("choice", said.gettext("Your answer"), blocks.one_of(offered))


def _asked(type: ResponseType, said: Words, given: Mapping[str, str]) -> Iterator[Block]:
    say = said.gettext
    if type.label or type.fields:
        yield blocks.small(say("The agent asks for these, in its own words:"))
    match type.type:
        case "choose":
            offered = [(str(index), choice) for index, choice in enumerate(type.choices or [])]
            yield blocks.field("chosen", type.label or say("Choose one"), blocks.one_of(offered))
        case "text_input":
            yield from _texts(type)
        case "number_input":
            # Slack's own field for numbers reads them by rules of its own.
            asked = blocks.typed(
                initial=given.get("value", ""), placeholder=type.placeholder or "", most=MAX_NUMBER
            )
            yield blocks.field("value", type.label or say("A number"), asked)
            if bounds := said.bounds(type):
                yield blocks.small(bounds)
        case "schedule":
            yield from _schedule(type, said)
        case _:
            pass


def _texts(type: ResponseType) -> Iterator[Block]:
    for index, each in enumerate(type.fields or ()):
        element = blocks.typed(placeholder=each.placeholder or "", lines=True)
        name = f"{TEXT}{index}"
        yield blocks.field(name, each.label or each.name, element, optional=not each.required)


def _schedule(type: ResponseType, said: Words) -> Iterator[Block]:
    say = said.gettext
    label = type.label or say("When may it be done?")
    if type.allow_immediate is False:
        yield blocks.field("execute_at", label, blocks.moment())
        return
    offered = [(NOW, say("As soon as it is approved")), (THEN, say("At this time:"))]
    yield blocks.field("when", label, blocks.one_of(offered))
    yield blocks.field("execute_at", say("Date and time"), blocks.moment(), optional=True)


def _instead(request: DecisionRequest, said: Words, given: Mapping[str, str]) -> Iterator[Block]:
    say = said.gettext
    if request.payload is None:
        yield blocks.small(
            say(
                "Write what the agent should do instead. It has to read this: nothing is run by"
                " itself."
            )
        )
        initial = request.action if _can_be_typed(request.action) else ""
        element = blocks.typed(initial=initial, lines=True, most=MAX_ACTION)
        yield blocks.field("action", say("What to do instead"), element)
        return
    yield blocks.small(say("Change what would be run. What was asked stands above."))
    for index, (name, value) in enumerate(values_of(request.payload)):
        block = f"{PAYLOAD}{index}"
        yield _changed(block, name, value, given.get(block, initial_of(value, said)))


def initial_of(value: Value, said: Words) -> str:
    """Return the first content of this value's field."""
    match value:
        case bool():
            return TRUE if value else FALSE
        case str():
            return value
        case _:
            return said.number(value)


def _changed(block: str, name: str, value: Value, initial: str) -> Block:
    match value:
        case bool():
            offered = [(TRUE, TRUE), (FALSE, FALSE)]
            return blocks.field(block, name, blocks.one_of(offered, initial))
        case str():
            lines = "\n" in value or len(value) > 100
            element = blocks.typed(initial=initial, lines=lines)
            return blocks.field(block, name, element, optional=True)
        case _:
            element = blocks.typed(initial=initial, most=MAX_NUMBER)
            return blocks.field(block, name, element)
