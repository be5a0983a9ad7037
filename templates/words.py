"""The service's own sentences for one reader, in their language and by their clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from babel.dates import format_skeleton, format_time
from babel.lists import format_list
from babel.numbers import format_decimal
from babel.units import format_unit

from handover.models import Attachment, Choice, ResponseType
from templates.catalogs import translations
from templates.notation import notation_of
from templates.reader import Reader
from templates.text import as_json, visible_line

DAY = "yMMMEd"
"""CLDR's name of the format for a day: `Thu, Mar 12, 2026`."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One part of an answer. `name` is its label: if the agent chose it, it is never displayed as
    ours."""

    name: str
    text: str

    @property
    def line(self) -> str:
        name = visible_line(self.name)
        return f"{name}{'' if name.endswith(('?', ':', '.', '!')) else ':'} {self.text}"


class Words:
    """The sentences for one reader. It takes and returns plain text, which a template escapes for
    HTML."""

    def __init__(self, reader: Reader) -> None:
        self._zone = reader.zone
        self._locale = reader.locale
        self.notation = notation_of(self._locale)
        catalog = translations(reader.language)
        self.gettext = catalog.gettext
        self.ngettext = catalog.ngettext

    def moment(self, moment: datetime) -> str:
        """Write `Thu, Mar 12, 2026, 3:30 PM UTC+1`."""
        there = moment.astimezone(self._zone)
        day = format_skeleton(DAY, there, self._zone, locale=self._locale)
        return _plain(f"{day}, {self.clock(moment)}")

    def clock(self, moment: datetime) -> str:
        """Write `3:30 PM UTC+1`."""
        there = moment.astimezone(self._zone)
        time = format_time(there, "short", self._zone, self._locale)
        return _plain(f"{time} {_offset(there)}")

    def distance(self, moment: datetime, now: datetime) -> str:
        """Write `in 25 minutes`, to the nearest minute; a moment that has passed is `now`."""
        minutes = round((moment - now).total_seconds() / 60)
        if minutes < 1:
            late = moment <= now
            return self.gettext("now") if late else self.gettext("in less than a minute")
        hours, minutes = divmod(minutes, 60)
        days, hours = divmod(hours, 24)
        units = (("day", days), ("hour", hours), ("minute", 0 if days else minutes))
        told = [format_unit(n, unit, "long", locale=self._locale) for unit, n in units if n]
        return self.gettext("in %(span)s") % {"span": format_list(told, "unit", self._locale)}

    def listed(self, words: list[str]) -> str:
        """Write `a, b and c`."""
        return format_list(words, "standard", self._locale)

    def any_of(self, words: list[str]) -> str:
        """Write `a, b or c`."""
        return format_list(words, "or", self._locale)

    def number(self, value: float) -> str:
        """Write a number that nobody reads otherwise: see `Notation.number`."""
        return self.notation.number(value)

    def bounds(self, type: ResponseType) -> str:
        """Write `From 1 to 20.` for a number within bounds."""
        told = {"least": type.min, "most": type.max}
        values = {name: self.number(each) for name, each in told.items() if each is not None}
        match type.min, type.max:
            case None, None:
                return ""
            case _, None:
                return self.gettext("At least %(least)s.") % values
            case None, _:
                return self.gettext("At most %(most)s.") % values
            case _:
                return self.gettext("From %(least)s to %(most)s.") % values

    def typeable(self, shown: datetime) -> str:
        """Write `2026-03-12 14:30 (Thu, Mar 12, 2026)`: the time of a clock in a form that can be
        typed, and its day."""
        day = _plain(format_skeleton(DAY, shown, locale=self._locale))
        offset = f" {_offset(shown)}" if shown.tzinfo else ""
        return f"{shown:%Y-%m-%d %H:%M}{offset} ({day})"

    def size(self, count: int) -> str:
        """Write `812 bytes`, `12 KB`, `3.4 MB`."""
        if count < 1000:
            return self.ngettext("%(n)s byte", "%(n)s bytes", count) % {"n": count}
        if count < 999_500:
            return self.gettext("%(n)s KB") % {"n": f"{count / 1000:.0f}"}
        millions = format_decimal(round(count / 1_000_000, 1), "0.0", self._locale)
        return self.gettext("%(n)s MB") % {"n": millions}

    def answered(self, data: Mapping[str, Any], type: ResponseType) -> list[Answered]:
        """Return the answer to this type of question; JSON for an unknown type."""
        match type.type, data:
            case "choose", {"chosen": str(chosen)}:
                return [Answered(type.label or self.gettext("Chosen"), chosen)]
            case "text_input", _ if type.fields:
                labels = {field.name: field.label or field.name for field in type.fields}
                return [Answered(labels.get(name, name), str(text)) for name, text in data.items()]
            case "number_input", {"value": int() | float() as value}:
                return [Answered(type.label or self.gettext("Value"), self.number(value))]
            case "schedule", {"execute_at": str(moment)}:
                return [Answered(type.label or self.gettext("To be done"), self._told(moment))]
            case "file_upload", {"uploaded_files": [*files]}:
                told = (self._file(Attachment.model_validate(file)) for file in files)
                return [Answered(self.gettext("File"), file) for file in told]
            case _:
                return [Answered(self.gettext("What was answered"), as_json(data))]

    def asked(self, type: ResponseType) -> str:
        """Return in a sentence what is asked for beyond yes or no, or an empty text."""
        match type.type:
            case "choose":
                return self.gettext("You are asked to choose one of several.")
            case "text_input":
                fields = len(type.fields or ())
                return self.ngettext(
                    "You are asked to fill in %(n)s field.",
                    "You are asked to fill in %(n)s fields.",
                    fields,
                ) % {"n": fields}
            case "number_input":
                return self.gettext("You are asked for a number.")
            case "schedule":
                return self.gettext("You are asked when it may be done.")
            case "file_upload":
                return self.gettext("You are asked for files.")
            case _:
                return ""

    def button(self, choice: str, type: ResponseType) -> str:
        """Return the label of a button that opens the page."""
        match type.type, choice:
            case "confirm", Choice.APPROVE:
                return self.gettext("Confirm")
            case "confirm", Choice.DENY:
                return self.gettext("Decline")
            case _, Choice.APPROVE if self.asked(type):
                return self.gettext("Answer")
            case _, Choice.APPROVE:
                return self.gettext("Approve")
            case _, Choice.DENY:
                return self.gettext("Deny")
            case _, Choice.MODIFY:
                return self.gettext("Modify")
            case _:
                return choice.capitalize()

    def verdict(self, outcome: Mapping[str, Any]) -> str:
        """Return how a decision ended; takes `status`, `origin`, `by` and `data`."""
        by = visible_line(outcome.get("by") or "")
        match outcome["status"], outcome["origin"]:
            case "scheduled", _:
                return self._scheduled(by, (outcome.get("data") or {}).get("execute_at"))
            case "expired", _:
                return self.gettext("Expired: nobody answered in time, so it was denied")
            case "cancelled", "agent":
                return self.gettext("Withdrawn by the agent")
            case "cancelled", _:
                return self.gettext("Cancelled by an operator")
            case status, _:
                return self._settled(status or "", by)

    def _settled(self, status: str, by: str) -> str:
        told = {
            "approved": (self.gettext("Approved"), self.gettext("Approved by %(who)s")),
            "denied": (self.gettext("Denied"), self.gettext("Denied by %(who)s")),
            "modified": (
                self.gettext("Approved with changes"),
                self.gettext("Approved with changes by %(who)s"),
            ),
        }
        known = visible_line(status).capitalize()
        alone, with_whom = told.get(status, (known, f"{known} (%(who)s)"))
        return with_whom % {"who": by} if by else alone

    def _scheduled(self, by: str, moment: object) -> str:
        if not moment:
            return self._settled("approved", by)
        names = {"who": by, "moment": self._told(str(moment))}
        if by:
            return self.gettext("Approved by %(who)s, for %(moment)s") % names
        return self.gettext("Approved, for %(moment)s") % names

    def _told(self, moment: str) -> str:
        try:
            return self.moment(datetime.fromisoformat(moment))
        except (ValueError, OverflowError):
            return visible_line(moment, 60)

    def _file(self, file: Attachment) -> str:
        return f"{file.name} ({file.type}, {self.size(file.size)})"


@lru_cache(maxsize=256)
def words(reader: Reader) -> Words:
    return Words(reader)


def _offset(there: datetime) -> str:
    """Write `UTC+5:30`: many names of zones are known to nobody else, and some to two."""
    offset = there.utcoffset() or timedelta()
    hours, minutes = divmod(round(abs(offset).total_seconds() / 60), 60)
    if not offset:
        return "UTC"
    sign = "-" if offset < timedelta() else "+"
    return f"UTC{sign}{hours}{f':{minutes:02}' if minutes else ''}"


def _plain(told: str) -> str:
    """Replace CLDR's narrow spaces, which break a line of mail and look like tricks."""
    return told.replace("\u202f", " ").replace("\xa0", " ")
