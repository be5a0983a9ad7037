"""What counts as an answer to each type of question: pure, and total whatever an answer holds.

A complaint is a sentence that begins with the field's name and says what to do. What `normal` makes
of an answer has a complaint exactly where the answer itself had one.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from pydantic import ValidationError

from handover.models import Attachment, ResponseType, TextField

MAX_TEXT = 10_000
"""Characters in one text field."""

MAX_NUMBER = 2**53 - 1
"""Beyond it JSON's numbers are no longer exact, and have no canonical form."""

MAX_DELAY = timedelta(days=3653)
"""How far ahead an action may be scheduled: ten years."""

MAX_FILES = 10
DEFAULT_FILES = 5

NOW = "now"

RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?"
    r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)

Data = dict[str, Any] | None
Check = Callable[[ResponseType, dict[str, Any], datetime], str | None]


def complaint(type: ResponseType, data: Data, received_at: datetime) -> str | None:
    """Why these data are no answer to this type, or None. For the choice `approve`."""
    known = CHECKS.get(type.type)
    if known is None:
        return "response_type: this version does not know it and takes no answer to it; deny it."
    names, check = known
    data = data or {}
    expected = [field.name for field in type.fields or ()] if names is None else names
    return _unexpected(data, expected) or check(type, data, received_at)


def normal(type: ResponseType, data: Data) -> Data:
    """The one form in which an answer is signed. What is no answer stays as it is."""
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
    """The moment (UTC) for which this answer schedules the action; None for now."""
    return _moment((data or {}).get("execute_at")) if type.type == "schedule" else None


def most_files(type: ResponseType) -> int:
    """How many files a `file_upload` takes."""
    return min(type.max_files or DEFAULT_FILES, MAX_FILES)


def accepts(accept: Iterable[str] | None, type: str, name: str) -> bool:
    """Whether a file of this media type and name is asked for; without `accept` every file is.

    An entry is a media type (`image/*`, `application/pdf`) or an ending of the name (`.pdf`).
    """
    entries = [entry.strip().lower() for entry in accept or ()]
    return not entries or any(_matches(entry, type.lower(), name.lower()) for entry in entries)


def _matches(entry: str, type: str, name: str) -> bool:
    if entry.startswith("."):
        return name.endswith(entry)
    return entry in ("*/*", type) or (entry.endswith("/*") and type.startswith(entry[:-1]))


def _unexpected(data: dict[str, Any], expected: Iterable[str]) -> str | None:
    unknown = next((name for name in data if name not in expected), None)
    if unknown is None:
        return None
    shown = unknown.encode(errors="backslashreplace").decode()[:64]
    return f"{shown}: this is not asked for; leave it out."


def _nothing(type: ResponseType, data: dict[str, Any], received_at: datetime) -> str | None:
    return None


def _chosen(type: ResponseType, data: dict[str, Any], received_at: datetime) -> str | None:
    choices = type.choices or []
    if data.get("chosen") in choices:
        return None
    return f"chosen: choose one of: {_listed(choices)}."


def _texts(type: ResponseType, data: dict[str, Any], received_at: datetime) -> str | None:
    complaints = (_text(field, data.get(field.name, "")) for field in type.fields or ())
    return next((each for each in complaints if each), None)


def _text(field: TextField, value: object) -> str | None:
    if not isinstance(value, str):
        return f"{field.name}: send a string."
    if len(value) > MAX_TEXT:
        return f"{field.name}: write at most {MAX_TEXT:,} characters; this has {len(value):,}."
    if not _is_whole(value):
        return f"{field.name}: send whole characters; this has half of one (a lone surrogate)."
    if field.required and _is_blank(value):
        return f"{field.name}: fill this in; it is required."
    return None


def _number(type: ResponseType, data: dict[str, Any], received_at: datetime) -> str | None:
    value = data.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"value: give a number{_range(type)}."
    if not abs(value) <= MAX_NUMBER:  # also true of NaN
        return f"value: give a number of at most {MAX_NUMBER:,}, positive or negative."
    too_small = type.min is not None and value < type.min
    if too_small or (type.max is not None and value > type.max):
        return f"value: give a number{_range(type)}."
    return None


def _range(type: ResponseType) -> str:
    least, most = (_plain(bound) for bound in (type.min, type.max))
    if least and most:
        return f" from {least} to {most}"
    if least:
        return f" of at least {least}"
    return f" of at most {most}" if most else ""


def _plain(number: float | None) -> str:
    return "" if number is None else repr(number).removesuffix(".0")


def _schedule(type: ResponseType, data: dict[str, Any], received_at: datetime) -> str | None:
    given = data.get("execute_at")
    if given in (None, NOW):
        is_offered = type.allow_immediate is not False
        return None if is_offered else "execute_at: give a date and time; now is not offered."
    moment = _moment(given)
    if moment is None:
        return "execute_at: give a date and time with its offset, such as 2026-03-12T14:30:00Z."
    if moment <= received_at:
        return "execute_at: this time has passed; give a later one."
    if moment - received_at > MAX_DELAY:
        return "execute_at: give a time within the next ten years."
    return None


def _files(type: ResponseType, data: dict[str, Any], received_at: datetime) -> str | None:
    entries: object = data.get("uploaded_files")
    most = most_files(type)
    if not isinstance(entries, list) or not 1 <= len(cast(list[Any], entries)) <= most:
        return f"uploaded_files: send {f'1 to {most} files' if most > 1 else 'one file'}."
    numbered = enumerate(cast(list[Any], entries))
    complaints = (_file(type, f"uploaded_files.{index}", entry) for index, entry in numbered)
    return next((each for each in complaints if each), None)


def _file(type: ResponseType, name: str, entry: object) -> str | None:
    file = _attachment(entry)
    if file is None:
        return f"{name}: send id, name, url, type, size and sha256, as the upload answered them."
    if not accepts(type.accept, file.type, file.name):
        return f"{name}: this file is of another type; taken are: {_listed(type.accept or ())}."
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
    """Fields that a file does not have are left out."""
    entries: object = (data or {}).get("uploaded_files")
    if not data or not isinstance(entries, list):
        return data
    return data | {"uploaded_files": [_normal_file(entry) for entry in cast(list[Any], entries)]}


def _normal_file(entry: object) -> object:
    file = _attachment(entry)
    return file.model_dump(mode="json", include=set(Attachment.model_fields)) if file else entry


def _moment(value: object) -> datetime | None:
    """The instant that an RFC 3339 time names, in UTC."""
    if not isinstance(value, str) or not RFC_3339.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _is_whole(text: str) -> bool:
    """Without lone surrogates, which have no canonical form."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _is_blank(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT and not value.strip()


def _listed(words: Iterable[str]) -> str:
    """Short enough for the record, however many there are."""
    return textwrap.shorten(", ".join(words), 300, placeholder=" …")


CHECKS: dict[str, tuple[tuple[str, ...] | None, Check]] = {
    "approve_deny": ((), _nothing),
    "confirm": ((), _nothing),
    "choose": (("chosen",), _chosen),
    "text_input": (None, _texts),
    "number_input": (("value",), _number),
    "schedule": (("execute_at",), _schedule),
    "file_upload": (("uploaded_files",), _files),
}
"""For each type the names that its data may have (None: those of its fields), and what is asked of
them."""
