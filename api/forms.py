"""What a person sent with the form of a page: read within bounds, and turned into an answer."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request
from starlette.datastructures import UploadFile

from api.errors import Invalid, TooLarge
from api.json_checks import UnfitJsonError, check_json
from api.local_times import NoSuchTimeError, read_local_time
from api.schemas import MAX_NOTES, MAX_PAYLOAD
from api.uploads import clean, read_form
from handover.models import Choice, ResponseType
from workflows.answers import MAX_NUMBER, NOW, RFC_3339
from workflows.sentences import N_, Sentence

MAX_FORM = 4 * 1024 * 1024
"""Bytes of a form without files: 20 texts of 10,000 letters, each of them written as `%F0%9F…`."""

MAX_FIELDS = 100

TEXT = "field."
"""Before the name of a `text_input` field: an agent chooses it, and may choose `choice`."""

FILES = "uploaded_files"

NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")

A_TIME = Sentence(N_("Give a date and a time, such as 2026-03-12 14:30."), field="execute_at")
WHEN = Sentence(
    N_("Say when: choose “As soon as it is approved”, or give a date and time."), field="execute_at"
)
NOW_OR_THEN = Sentence(
    N_("You chose “As soon as it is approved”, and gave a time as well: take one of them back."),
    field="execute_at",
)


@dataclass(frozen=True, slots=True)
class Filled:
    """A form as it was sent. `fields` can be signed, kept and shown, whatever was in them."""

    fields: dict[str, str]
    uploads: list[UploadFile] = field(default_factory=list[UploadFile])

    @property
    def choice(self) -> str:
        """The button that was pressed, or for which another code is asked."""
        return self.fields.get("choice", "") or self.fields.get("another_code", "")

    @property
    def notes(self) -> str | None:
        return self.fields.get("notes", "").strip()[:MAX_NOTES] or None

    @property
    def code(self) -> str:
        """What was typed as the code of a step up."""
        return self.fields.get("code", "")[:40]

    @property
    def form(self) -> str:
        """How the form is named that asks for codes and brings them."""
        return self.fields.get("form", "")

    @property
    def wants_code(self) -> bool:
        """Whether another code is asked for, rather than an answer given."""
        return bool(self.fields.get("another_code"))

    @property
    def digest(self) -> str:
        """Of what the page showed."""
        return self.fields.get("digest", "")

    def data(
        self, type: ResponseType, *, has_payload: bool
    ) -> tuple[dict[str, Any] | None, Sentence | None]:
        """What goes with the choice, and what keeps it from being understood, if anything does.

        Then it is as it was typed. Files are named only: they are not kept yet.
        """
        match self.choice:
            case Choice.APPROVE if type.type == "schedule":
                return self._schedule(offers_now=type.allow_immediate is not False)
            case Choice.APPROVE:
                return self._answer(type), None
            case Choice.MODIFY if has_payload:
                return self.payload()
            case Choice.MODIFY:
                return {"action": self.fields.get("action", "").strip()}, None
            case _:
                return None, None

    def _answer(self, type: ResponseType) -> dict[str, Any] | None:
        match type.type:
            case "choose":
                return _given(chosen=self.fields.get("chosen"))
            case "text_input":
                typed = {each.name: self.fields.get(TEXT + each.name) for each in type.fields or ()}
                return {name: text.strip() for name, text in typed.items() if text is not None}
            case "number_input":
                return _given(value=number_of(self.fields.get("value", "").strip()))
            case "file_upload":
                return {FILES: [{"name": clean(each.filename or "")} for each in self.uploads]}
            case _:
                return None

    def _schedule(self, *, offers_now: bool) -> tuple[dict[str, Any] | None, Sentence | None]:
        when, text, zone = (self._stripped(name) for name in ("when", "execute_at", "time_zone"))
        # As it was typed this is no answer, whatever comes of it.
        typed = {"execute_at": " ".join((when, text, zone))}
        if offers_now and when == NOW:
            return (typed, NOW_OR_THEN) if text else (None, None)
        if not text:
            return (typed, WHEN) if offers_now else (None, None)
        try:
            time = read_local_time(text, zone)
        except NoSuchTimeError as error:
            return typed, error.sentence
        if time:
            return {"execute_at": time.moment.isoformat()}, None
        return ({"execute_at": text}, None) if RFC_3339.fullmatch(text) else (typed, A_TIME)

    def remark(self, type: ResponseType) -> Sentence | None:
        """What a person should know of an answer that was taken."""
        if self.choice != Choice.APPROVE or type.type != "schedule":
            return None
        time = read_local_time(self._stripped("execute_at"), self._stripped("time_zone"))
        return time and time.remark

    def _stripped(self, name: str) -> str:
        return self.fields.get(name, "").strip()

    @property
    def wants_preview(self) -> bool:
        """Whether it was sent to see what it would change, and not as an answer."""
        return "preview" in self.fields and not self.choice

    def payload(self) -> tuple[dict[str, Any], Sentence | None]:
        """What would be run instead; as it was typed where that cannot be run, and why."""
        text = self.fields.get("payload", "")
        try:
            return {"payload": check_json(json.loads(text), MAX_PAYLOAD)}, None
        except (ValueError, RecursionError) as error:
            return {"payload": text}, replace(_why_not_json(error), field="payload")


@asynccontextmanager
async def read(request: Request) -> AsyncGenerator[Filled]:
    """The form in the body of this request. Its files are gone afterwards.

    Raises `Invalid` for what is no form, and `TooLarge`.
    """
    if request.headers.get("Content-Type", "").lower().startswith("multipart/"):
        async with read_form(request) as form:
            parts = form.multi_items()
            texts = {name: repair(part) for name, part in parts if isinstance(part, str)}
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
    return {name: repair(value) for name, value in pairs}


def repair(text: str) -> str:
    """Some charsets make half characters, which can neither be signed nor shown; PostgreSQL takes
    no NUL; and forms end a line with CR LF."""
    text = text.encode(errors="replace").decode()
    return text.replace("\x00", "\ufffd").replace("\r\n", "\n")


def _why_not_json(error: Exception) -> Sentence:
    match error:
        case json.JSONDecodeError():
            text = N_("This is not JSON: look at line %(line)s, column %(column)s.")
            return Sentence(text, {"line": error.lineno, "column": error.colno})
        case UnfitJsonError():
            return error.sentence
        case _:
            return Sentence(N_("This is not JSON that can be read here."))


def _given(**values: object) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "")}


def number_of(text: str) -> int | float | str:
    if not NUMBER.fullmatch(text):
        return text
    number = float(text)
    if abs(number) > MAX_NUMBER:
        return text
    return int(number) if number.is_integer() else number
