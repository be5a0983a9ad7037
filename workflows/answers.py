"""Checks of the answer to each type of question: pure, and total whatever an answer holds.

A complaint names the field at fault and says what to do. What `normal` makes of an answer has a
complaint exactly where the answer itself had one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from pydantic import ValidationError

from handover.models import Attachment, ResponseType, TextField
from workflows.sentences import N_, Sentence

MAX_TEXT = 10_000
"""Characters in one text field."""

MAX_NUMBER = 2**53 - 1
"""Largest number, beyond which JSON's are no longer exact, and have no canonical form."""

MAX_DELAY = timedelta(days=3653)
"""Longest time ahead for which an action may be scheduled: ten years."""

MAX_FILES = 10
DEFAULT_FILES = 5

NOW = "now"

RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?"
    r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)

NOT_ASKED_FOR = N_("This is not asked for; leave it out.")
A_DATE_AND_TIME = N_("Give a date and time with its offset, such as 2026-03-12T14:30:00Z.")
A_FILE = N_("Send id, name, url, type, size and sha256, as the upload answered them.")

Data = dict[str, Any] | None
Check = Callable[[ResponseType, dict[str, Any], datetime], Sentence | None]


def complaint(type: ResponseType, data: Data, received_at: datetime) -> Sentence | None:
    """Return why these data are no answer to this type, or None. For the choice `approve`."""
    known = CHECKS.get(type.type)
    if known is None:
        text = N_("This version does not know it and takes no answer to it; deny it.")
        return Sentence(text, field="response_type")
    names, check = known
    data = data or {}
    expected = [field.name for field in type.fields or ()] if names is None else names
    return _unexpected(data, expected) or check(type, data, received_at)


def normal(type: ResponseType, data: Data) -> Data:
    """Bring an answer into the one form in which it is signed. What is no answer stays as it is."""
    match type.type:
        case "approve_deny" | "confirm":
            return data or None
        case "text_input":
            optional = {field.name for field in type.fields or () if not field.required}
            return {k: v for k, v in (data or {}).items() if k not in optional or not _is_blank(v)}
        case "schedule":
            return _normal_schedule(data)
        case "file_upload":
            return _normal_files(data)
        case _:
            return data


def execute_at(type: ResponseType, data: Data) -> datetime | None:
    """Return the moment (UTC) for which this answer schedules the action; None for now."""
    return _moment((data or {}).get("execute_at")) if type.type == "schedule" else None


def most_files(type: ResponseType) -> int:
    """Return how many files a `file_upload` takes."""
    return min(type.max_files or DEFAULT_FILES, MAX_FILES)


def accepts(accept: Iterable[str] | None, type: str, name: str) -> bool:
    """Return whether a file of this type and name is asked for; without `accept` every file is.

    An entry is a media type (`image/*`, `application/pdf`) or an ending of the name (`.pdf`).
    """
    entries = [entry.strip().lower() for entry in accept or ()]
    return not entries or any(_matches(entry, type.lower(), name.lower()) for entry in entries)


def _matches(entry: str, type: str, name: str) -> bool:
    if entry.startswith("."):
        return name.endswith(entry)
    return entry in ("*/*", type) or (entry.endswith("/*") and type.startswith(entry[:-1]))


def _unexpected(data: dict[str, Any], expected: Iterable[str]) -> Sentence | None:
    unknown = next((name for name in data if name not in expected), None)
    if unknown is None:
        return None
    shown = unknown.encode(errors="backslashreplace").decode()[:64]
    return Sentence(NOT_ASKED_FOR, field=shown)


def _nothing(type: ResponseType, data: dict[str, Any], received_at: datetime) -> Sentence | None:
    return None


def _chosen(type: ResponseType, data: dict[str, Any], received_at: datetime) -> Sentence | None:
    choices = type.choices or []
    if data.get("chosen") in choices:
        return None
    return Sentence(N_("Choose one of: %(choices)s."), {"choices": choices}, "chosen")


def _texts(type: ResponseType, data: dict[str, Any], received_at: datetime) -> Sentence | None:
    complaints = (_text(field, data.get(field.name, "")) for field in type.fields or ())
    return next((each for each in complaints if each), None)


def _text(field: TextField, value: object) -> Sentence | None:
    if not isinstance(value, str):
        return Sentence(N_("Send a string."), field=field.name)
    if len(value) > MAX_TEXT:
        text = N_("Write at most %(most)s characters; this has %(count)s.")
        return Sentence(text, {"most": MAX_TEXT, "count": len(value)}, field.name)
    if not _is_whole(value):
        text = N_("Send whole characters; this has half of one (a lone surrogate).")
        return Sentence(text, field=field.name)
    if field.required and _is_blank(value):
        return Sentence(N_("Fill this in; it is required."), field=field.name)
    return None


def _number(type: ResponseType, data: dict[str, Any], received_at: datetime) -> Sentence | None:
    value = data.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Sentence(*_range(type.min, type.max), field="value")
    if not abs(value) <= MAX_NUMBER:  # also true of NaN
        text = N_("Give a number of at most %(most)s, positive or negative.")
        return Sentence(text, {"most": MAX_NUMBER}, "value")
    too_small = type.min is not None and value < type.min
    if too_small or (type.max is not None and value > type.max):
        return Sentence(*_range(type.min, type.max), field="value")
    return None


def _range(least: float | None, most: float | None) -> tuple[str, dict[str, Any]]:
    bounds = {"least": least, "most": most}
    if least is None and most is None:
        return N_("Give a number."), {}
    if least is None:
        return N_("Give a number of at most %(most)s."), bounds
    if most is None:
        return N_("Give a number of at least %(least)s."), bounds
    return N_("Give a number from %(least)s to %(most)s."), bounds


def _schedule(type: ResponseType, data: dict[str, Any], received_at: datetime) -> Sentence | None:
    given = data.get("execute_at")
    if given in (None, NOW):
        is_offered = type.allow_immediate is not False
        if is_offered:
            return None
        return Sentence(N_("Give a date and time; now is not offered."), field="execute_at")
    moment = _moment(given)
    if moment is None:
        return Sentence(A_DATE_AND_TIME, field="execute_at")
    if moment <= received_at:
        return Sentence(N_("This time has passed; give a later one."), field="execute_at")
    if moment - received_at > MAX_DELAY:
        return Sentence(N_("Give a time within the next ten years."), field="execute_at")
    return None


def _files(type: ResponseType, data: dict[str, Any], received_at: datetime) -> Sentence | None:
    entries: object = data.get("uploaded_files")
    most = most_files(type)
    if not isinstance(entries, list) or not 1 <= len(cast(list[Any], entries)) <= most:
        text = N_("Send 1 to %(most)s files.") if most > 1 else N_("Send one file.")
        return Sentence(text, {"most": most}, "uploaded_files")
    numbered = enumerate(cast(list[Any], entries))
    complaints = (_file(type, f"uploaded_files.{index}", entry) for index, entry in numbered)
    return next((each for each in complaints if each), None)


def _file(type: ResponseType, name: str, entry: object) -> Sentence | None:
    file = _attachment(entry)
    if file is None:
        return Sentence(A_FILE, field=name)
    if not accepts(type.accept, file.type, file.name):
        text = N_("This file is of another type; taken are: %(types)s.")
        return Sentence(text, {"types": type.accept or []}, name)
    return None


def _attachment(entry: object) -> Attachment | None:
    try:
        file = Attachment.model_validate(entry, strict=True)
    except ValidationError:
        return None
    texts = (file.id, file.name, file.url, file.type, file.sha256)
    return file if 0 <= file.size <= MAX_NUMBER and all(map(_is_whole, texts)) else None


def _normal_schedule(data: Data) -> Data:
    if not data or data == {"execute_at": None} or data == {"execute_at": NOW}:
        return None
    moment = _moment(data.get("execute_at"))
    if moment is None:
        return data
    return data | {"execute_at": moment.isoformat().replace("+00:00", "Z")}


def _normal_files(data: Data) -> Data:
    """Leave out the fields that a file does not have."""
    entries: object = (data or {}).get("uploaded_files")
    if not data or not isinstance(entries, list):
        return data
    return data | {"uploaded_files": [_normal_file(entry) for entry in cast(list[Any], entries)]}


def _normal_file(entry: object) -> object:
    file = _attachment(entry)
    return file.model_dump(mode="json", include=set(Attachment.model_fields)) if file else entry


def _moment(value: object) -> datetime | None:
    """Return the instant that an RFC 3339 time names, in UTC."""
    if not isinstance(value, str) or not RFC_3339.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _is_whole(text: str) -> bool:
    """Return whether the text has no lone surrogates, for which there is no canonical form."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _is_blank(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT and not value.strip()


CHECKS: dict[str, tuple[tuple[str, ...] | None, Check]] = {
    "approve_deny": ((), _nothing),
    "confirm": ((), _nothing),
    "choose": (("chosen",), _chosen),
    "text_input": (None, _texts),
    "number_input": (("value",), _number),
    "schedule": (("execute_at",), _schedule),
    "file_upload": (("uploaded_files",), _files),
}
"""Names that the data of each type may have (None: those of its fields), and the check of them."""
