"""What a person sent with the form of a page: read within bounds, and turned into an answer."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect

from api.errors import Invalid, TooLarge
from api.schemas import MAX_NOTES, MAX_PAYLOAD, check_json
from api.uploads import clean, read_form
from handover.models import Choice, ResponseType
from workflows.answers import MAX_NUMBER

MAX_FORM = 4 * 1024 * 1024
"""Bytes of a form without files: 20 texts of 10,000 letters, each of them written as `%F0%9F…`."""

MAX_FIELDS = 100

TEXT = "field."
"""Before the name of a `text_input` field: an agent chooses it, and may choose `choice`."""

FILES = "uploaded_files"

NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
LOCAL_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2})(:[0-9]{2}[.0-9]*)?")


@dataclass(frozen=True, slots=True)
class Filled:
    """A form as it was sent. `fields` can be signed, kept and shown, whatever was in them."""

    fields: dict[str, str]
    uploads: list[UploadFile] = field(default_factory=list[UploadFile])

    @property
    def choice(self) -> str:
        """The button that was pressed."""
        return self.fields.get("choice", "")

    @property
    def notes(self) -> str | None:
        return self.fields.get("notes", "").strip()[:MAX_NOTES] or None

    @property
    def digest(self) -> str:
        """Of what the page showed."""
        return self.fields.get("digest", "")

    def data(
        self, type: ResponseType, *, has_payload: bool
    ) -> tuple[dict[str, Any] | None, str | None]:
        """What goes with the choice, and what keeps it from being understood, if anything does.

        Then it is as it was typed. Files are named only: they are not kept yet.
        """
        match self.choice:
            case Choice.APPROVE:
                return self._answer(type), None
            case Choice.MODIFY if has_payload:
                return self._payload()
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
                return _given(value=_number(self.fields.get("value", "").strip()))
            case "schedule":
                return _given(execute_at=_moment(self.fields.get("execute_at", "").strip()))
            case "file_upload":
                return {FILES: [{"name": clean(each.filename or "")} for each in self.uploads]}
            case _:
                return None

    def _payload(self) -> tuple[dict[str, Any], str | None]:
        text = self.fields.get("payload", "")
        try:
            return {"payload": check_json(json.loads(text), MAX_PAYLOAD)}, None
        except (ValueError, RecursionError) as error:
            return {"payload": text}, f"payload: {error}"


@asynccontextmanager
async def read(request: Request) -> AsyncGenerator[Filled]:
    """The form in the body of this request. Its files are gone afterwards.

    Raises `Invalid` for what is no form, and `TooLarge`.
    """
    if request.headers.get("Content-Type", "").lower().startswith("multipart/"):
        async with read_form(request) as form:
            parts = form.multi_items()
            texts = {name: _repair(part) for name, part in parts if isinstance(part, str)}
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
    except ClientDisconnect as error:
        raise Invalid("The connection broke off.") from error  # nobody hears this any more
    return {name: _repair(value) for name, value in pairs}


def _repair(text: str) -> str:
    """Some charsets make half characters, which can neither be signed nor shown; PostgreSQL takes
    no NUL; and forms end a line with CR LF."""
    text = text.encode(errors="replace").decode()
    return text.replace("\x00", "\ufffd").replace("\r\n", "\n")


def _given(**values: object) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "")}


def _number(text: str) -> int | float | str:
    if not NUMBER.fullmatch(text):
        return text
    number = float(text)
    if abs(number) > MAX_NUMBER:
        return text
    return int(number) if number.is_integer() else number


def _moment(text: str) -> str:
    """A time without an offset is in UTC, as the page says."""
    local = LOCAL_TIME.fullmatch(text)
    return f"{local[1]}T{local[2]}{local[3] or ':00'}Z" if local else text
