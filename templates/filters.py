"""How an agent's text, a time and an amount of JSON become something that a person can trust.

An agent's text is hostile until shown otherwise: it may hold characters that reorder, hide or
imitate the words around it. What these filters return is what the person would be agreeing to.
"""

from __future__ import annotations

import json
import re
import textwrap
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from handover.models import Attachment, Choice, ResponseType

HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories without a glyph: control, format (bidi among them), unassigned, separators."""

BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols, by category, that are drawn as nothing."""

JOINERS = frozenset("\u200c\u200d")
"""Needed inside emoji and in the scripts of Persia and India."""

QUOTE_WIDTH = 76
"""Columns. A longer line is wrapped here, as a mail client would wrap it without its mark."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The beginning of a text, and whether there is more of it."""

    text: str
    cut: bool


def visible(text: str) -> str:
    """The text with hidden characters written out (`⟨U+202E⟩`), but for newlines and tabs."""
    text = re.sub(r"\r\n?", "\n", text)
    return "".join(
        character if _is_plain(text, index) else f"⟨U+{ord(character):04X}⟩"
        for index, character in enumerate(text)
    )


def visible_line(text: str, limit: int | None = None) -> str:
    """The same as one line, cut with an ellipsis to `limit` characters."""
    line = visible(" ".join(text.split()))
    return line if limit is None or len(line) <= limit else line[: limit - 1].rstrip() + "…"


def excerpt(text: str, characters: int, lines: int) -> Excerpt:
    """The beginning of a text, bounded in both directions."""
    text = text.strip("\n")
    beginning = "\n".join(text[:characters].split("\n")[:lines])
    return Excerpt(beginning.rstrip() or beginning, cut=len(beginning) < len(text))


def quoted(text: str) -> str:
    """The text with every line marked, wrapped ones too: none of it can pass for ours."""
    lines = [
        part
        for line in text.expandtabs(4).split("\n")
        for part in textwrap.wrap(line, QUOTE_WIDTH - 2, break_on_hyphens=False) or [""]
    ]
    return "\n".join(f"> {line}".rstrip() for line in lines)


def as_json(value: object) -> str:
    """JSON for people."""
    return visible(json.dumps(value, indent=2, ensure_ascii=False))


def utc(moment: datetime) -> str:
    """`Thu 12 March 2026, 14:30 UTC`."""
    moment = moment.astimezone(UTC)
    return f"{moment:%a} {moment.day} {moment:%B %Y, %H:%M} UTC"


def distance(moment: datetime, now: datetime) -> str:
    """`in 25 minutes`, to the nearest minute; a moment that has passed is `now`."""
    minutes = round((moment - now).total_seconds() / 60)
    if minutes < 1:
        return "in less than a minute" if moment > now else "now"
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = (("day", days), ("hour", hours), ("minute", 0 if days else minutes))
    return "in " + " ".join(f"{n} {unit}{'s' if n > 1 else ''}" for unit, n in units if n)


def is_web_link(text: str) -> bool:
    """Whether this may become a link: nothing but http and https, in plain ASCII."""
    return re.fullmatch(r"https?://[!-~]+", text) is not None


def number(value: float) -> str:
    """Without the end that a whole number has as a float."""
    return repr(value).removesuffix(".0")


def size(count: int) -> str:
    """`812 bytes`, `12 KB`, `3.4 MB`."""
    if count < 1000:
        return _counted(count, "byte")
    return f"{count / 1000:.0f} KB" if count < 999_500 else f"{count / 1_000_000:.1f} MB"


@dataclass(frozen=True, slots=True)
class Answered:
    """One part of an answer. `name` is the word for it: the agent's, where it chose one, so it is
    never shown as ours."""

    name: str
    text: str

    @property
    def line(self) -> str:
        name = visible_line(self.name)
        return f"{name}{'' if name.endswith(('?', ':', '.', '!')) else ':'} {self.text}"


def answered(data: Mapping[str, Any], type: ResponseType) -> list[Answered]:
    """What was answered to this type of question, for people; JSON where it is none we know."""
    match type.type, data:
        case "choose", {"chosen": str(chosen)}:
            return [Answered(type.label or "Chosen", chosen)]
        case "text_input", _ if type.fields:
            labels = {field.name: field.label or field.name for field in type.fields}
            return [Answered(labels.get(name, name), str(text)) for name, text in data.items()]
        case "number_input", {"value": int() | float() as value}:
            return [Answered(type.label or "Value", number(value))]
        case "schedule", {"execute_at": str(moment)}:
            return [Answered(type.label or "To be done", _told(moment))]
        case "file_upload", {"uploaded_files": [*files]}:
            return [Answered("File", _file(Attachment.model_validate(file))) for file in files]
        case _:
            return [Answered("Answer", as_json(data))]


def asked(type: ResponseType) -> str:
    """What an approver is asked for beyond yes or no, in a sentence; empty where for nothing."""
    match type.type:
        case "choose":
            return "You are asked to choose one of several."
        case "text_input":
            return f"You are asked to fill in {_counted(len(type.fields or ()), 'field')}."
        case "number_input":
            return "You are asked for a number."
        case "schedule":
            return "You are asked when it may be done."
        case "file_upload":
            return "You are asked for files."
        case _:
            return ""


def button(choice: str, type: ResponseType) -> str:
    """The word on a button that opens the page."""
    match type.type, choice:
        case "confirm", Choice.APPROVE:
            return "Confirm"
        case "confirm", Choice.DENY:
            return "Decline"
        case _, Choice.APPROVE if asked(type):
            return "Answer"
        case _:
            return choice.capitalize()


def verdict(outcome: Mapping[str, Any]) -> str:
    """What a decision ended with, in words; takes `status`, `origin`, `by` and `data`."""
    status, by = outcome["status"], visible_line(outcome.get("by") or "")
    match status, outcome["origin"]:
        case "scheduled", _:
            moment = (outcome.get("data") or {}).get("execute_at")
            said = f"Approved by {by}" if by else "Approved"
            return f"{said}, for {_told(str(moment))}" if moment else said
        case "modified", _:
            said = "Approved with changes"
        case "expired", _:
            return "Expired: nobody answered in time, so it was denied"
        case "cancelled", "agent":
            return "Withdrawn by the agent"
        case "cancelled", _:
            return "Cancelled by an operator"
        case _:
            said = visible_line(status or "").capitalize()
    return f"{said} by {by}" if by else said


def _told(moment: str) -> str:
    try:
        return utc(datetime.fromisoformat(moment))
    except (ValueError, OverflowError):
        return visible_line(moment, 60)


def _file(file: Attachment) -> str:
    return f"{file.name} ({file.type}, {size(file.size)})"


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _is_plain(text: str, index: int) -> bool:
    character = text[index]
    if character in "\n\t":
        return True
    if character in JOINERS:
        around = (text[index - 1 : index], text[index + 1 : index + 2])
        return all(not neighbour.isascii() for neighbour in around)
    return character not in BLANK and unicodedata.category(character) not in HIDDEN
