"""The form of a page as a person sent it: read within bounds, and turned into an answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request
from starlette.datastructures import UploadFile

from api.decisions.schemas import MAX_NOTES
from api.files.uploads import clean
from api.http.multipart import read_form
from api.people.local_times import LocalTime, NoSuchTimeError, TimeTwiceError
from api.people.payload_changes import FieldChange, UnreadableError, change_by_json
from api.people.typed import (
    NOW_OR_THEN,
    WHEN,
    UnclearError,
    read_number,
    read_time,
    repair,
)
from api.problems.errors import Invalid, TooLarge
from handover.models import Choice, DecisionRequest, ResponseType
from templates.notation import Notation
from workflows.answers import NOW
from workflows.canonical import digest, dumps
from workflows.sentences import N_, Sentence

MAX_FORM = 4 * 1024 * 1024
"""Bytes of a form without files: 20 texts of 10,000 letters, each of them written as `%F0%9F…`."""

MAX_FIELDS = 200
"""Fields of a form. A payload has up to 60, each with its mark."""

TEXT = "field."
"""Prefix of the name of a `text_input` field, because an agent chooses that name, and may choose
`choice`."""

FILES = "uploaded_files"

MARK = "understood."
"""Prefix of the name of a field's mark, which says how the page displayed the entry."""

A_TIME = Sentence(N_("Give a date and a time, such as 2026-03-12 14:30."), field="execute_at")
CONTRADICTION = Sentence(
    N_("The fields and the JSON say different things: change one of them alone."), field="payload"
)


@dataclass(frozen=True, slots=True)
class Understood:
    """The reading of a form. `data` is as it was typed if `wrong` keeps it from being understood.

    `asks_back` says that it has several readings, which is no attempt at an answer. `read` is the
    reading of each entry, by the name of its field, and `marks` is the same in the form once a page
    has shown it; `is_seen` says that it has.
    """

    data: dict[str, Any] | None
    wrong: Sentence | None = None
    asks_back: bool = False
    read: Mapping[str, float | LocalTime] = field(default_factory=dict[str, float | LocalTime])
    marks: Mapping[str, str] = field(default_factory=dict[str, str])
    is_seen: bool = True


@dataclass(frozen=True, slots=True)
class Filled:
    """A form as it was sent. `fields` can be signed, kept and displayed, whatever was in them."""

    fields: Mapping[str, str]
    uploads: list[UploadFile] = field(default_factory=list[UploadFile])

    @property
    def choice(self) -> str:
        """Return the button that was pressed, or for which another code is asked."""
        return self.fields.get("choice", "") or self.fields.get("another_code", "")

    @property
    def notes(self) -> str | None:
        return self.fields.get("notes", "").strip()[:MAX_NOTES] or None

    @property
    def code(self) -> str:
        """Return the typed code of a step up."""
        return self.fields.get("code", "")

    @property
    def form(self) -> str:
        """Return the name of the form that asks for codes and brings them."""
        return self.fields.get("form", "")

    @property
    def wants_code(self) -> bool:
        """Return whether another code is asked for, rather than an answer given."""
        return bool(self.fields.get("another_code"))

    @property
    def digest(self) -> str:
        """Return the digest of what the page showed."""
        return self.fields.get("digest", "")

    @property
    def wants_preview(self) -> bool:
        """Return whether it was sent to see the changes, and not as an answer."""
        return "preview" in self.fields and not self.choice

    def understood(self, request: DecisionRequest, notation: Notation) -> Understood:
        """Return the data of the choice, as its writer means it.

        Files are named only: they are not kept yet.
        """
        match self.choice:
            case Choice.APPROVE:
                return self._answer(request.response_type, notation)
            case Choice.MODIFY if request.payload is not None:
                return self.changed(request.payload, notation)
            case Choice.MODIFY:
                return Understood({"action": self._stripped("action")})
            case _:
                return Understood(None)

    def changed(self, asked: dict[str, Any], notation: Notation) -> Understood:
        """Return the changed payload: by the fields, or by the JSON, whichever was changed."""
        text = self.fields.get("payload", "")
        try:
            by_json = change_by_json(text)
            fields = FieldChange.of(asked, self.fields, notation)
        except UnreadableError as error:
            return Understood({"payload": text}, error.sentence, error.asks_back)
        given, is_one = fields.joined(by_json)
        if not is_one:
            return Understood({"payload": by_json}, CONTRADICTION)
        mark = digest(given)
        shown = self._has_seen({"payload": mark}) or (
            digest(fields.payload) == mark and self._has_seen(fields.marks)
        )
        return Understood({"payload": given}, marks={"payload": mark}, is_seen=shown)

    def _answer(self, type: ResponseType, notation: Notation) -> Understood:
        match type.type:
            case "choose":
                return Understood(_given(chosen=self.fields.get("chosen")))
            case "text_input":
                typed = {each.name: self.fields.get(TEXT + each.name) for each in type.fields or ()}
                told = {name: text.strip() for name, text in typed.items() if text is not None}
                return Understood(told)
            case "number_input":
                return self._number(notation)
            case "schedule":
                return self._schedule(notation, offers_now=type.allow_immediate is not False)
            case "file_upload":
                files = [{"name": clean(each.filename or "")} for each in self.uploads]
                return Understood({FILES: files})
            case _:
                return Understood(None)

    def _number(self, notation: Notation) -> Understood:
        typed = _given(value=self._stripped("value"))
        try:
            number = read_number(self._stripped("value"), notation)
        except UnclearError as error:
            return Understood(typed, replace(error.sentence, field="value"), asks_back=True)
        if number is None:
            return Understood(typed)  # the rules say what kind of number it is to be
        marks = {"value": dumps(number).decode()}
        return Understood(
            {"value": number}, read={"value": number}, marks=marks, is_seen=self._has_seen(marks)
        )

    def _schedule(self, notation: Notation, *, offers_now: bool) -> Understood:
        when, text, zone = (self._stripped(name) for name in ("when", "execute_at", "time_zone"))
        # As it was typed this is no answer, whatever comes of it.
        typed = {"execute_at": " ".join((when, text, zone))}
        if offers_now and when == NOW:
            return Understood(typed, NOW_OR_THEN) if text else Understood(None)
        if not text:
            return Understood(typed, WHEN) if offers_now else Understood(None)
        try:
            shown = read_time(text, notation)
            time = shown and LocalTime(shown, zone)
            moment = time and time.moment
        except UnclearError as error:
            return Understood(typed, replace(error.sentence, field="execute_at"), asks_back=True)
        except NoSuchTimeError as error:
            return Understood(typed, error.sentence, isinstance(error, TimeTwiceError))
        except OverflowError:
            return Understood(typed, A_TIME)
        if not time or not moment:
            return Understood(typed, A_TIME)
        marks = {"execute_at": f"{time.shown.isoformat()} {zone}"}
        return Understood(
            {"execute_at": moment.isoformat()},
            read={"execute_at": time},
            marks=marks,
            is_seen=self._has_seen(marks),
        )

    def _has_seen(self, marks: Mapping[str, str]) -> bool:
        """Return whether the page that sent this displayed just that reading."""
        return all(self.fields.get(MARK + name) == mark for name, mark in marks.items())

    def _stripped(self, name: str) -> str:
        return self.fields.get(name, "").strip()


@asynccontextmanager
async def read(request: Request) -> AsyncGenerator[Filled]:
    """Read the form in the body of this request. Its files are gone afterwards.

    Raises `Invalid` for a body that is no form, and `TooLarge`.
    """
    if request.headers.get("Content-Type", "").lower().startswith("multipart/"):
        async with read_form(request, texts=MAX_FIELDS, bytes_of_text=MAX_FORM) as form:
            parts = form.multi_items()
            texts = _each_once((name, part) for name, part in parts if isinstance(part, str))
            files = [p for name, p in parts if name == FILES and isinstance(p, UploadFile)]
            # A field for files that was left empty is sent as a file without a name.
            yield Filled(texts, [each for each in files if each.filename])
    else:
        yield Filled(await _read_urlencoded(request))


async def _read_urlencoded(request: Request) -> dict[str, str]:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_FORM:
                raise TooLarge("This form is larger than any that is taken here.")
        pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise Invalid("This form cannot be read.") from error
    return _each_once(pairs)


def _each_once(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return each field once. Raises `Invalid` for a form that says two things with one name."""
    given: dict[str, str] = {}
    for name, value in pairs:
        if name in given:
            raise Invalid(N_("This form has a field twice. Open the link in your message again."))
        given[name] = repair(value)
    return given


def _given(**values: object) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "")}
