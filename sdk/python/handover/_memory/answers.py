"""Valid answers to each type of question, by the rules of the service.

A complaint is the field at fault, and what to do about it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from ..models import Choice, DecisionRequest, ResponseType
from .json_limits import MAX_INTEGER, MAX_PAYLOAD, UnfitJsonError, check_json, is_whole

MAX_ACTION = 2_000
MAX_TEXT = 10_000
MAX_DELAY = timedelta(days=3653)
MAX_FILES = 5
NOW = "now"
RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?"
    r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)

Data = Mapping[str, Any]
Complaint = tuple[str, str]


def complaint(
    request: DecisionRequest, choice: str, data: Data, received_at: datetime
) -> Complaint | None:
    """Return why these data do not go with this choice, or None."""
    match choice:
        case Choice.APPROVE:
            return _about_value(request.response_type, data, received_at)
        case Choice.MODIFY:
            return _about_change(request, data)
        case _:
            return _unexpected(data, ())


def normal(request: DecisionRequest, choice: str, data: Data | None) -> dict[str, Any] | None:
    """Return the data in the one form in which decisions have them."""
    told = None if data is None else dict(data)
    if choice != Choice.APPROVE:
        return told
    match request.response_type.type:
        case "approve_deny" | "confirm":
            return told or None
        case "text_input":
            optional = [
                each.name for each in request.response_type.fields or () if not each.required
            ]
            return {k: v for k, v in (told or {}).items() if k not in optional or not _is_blank(v)}
        case "schedule":
            return _normal_schedule(told)
        case _:
            return told


def execute_at(request: DecisionRequest, choice: str, data: Data | None) -> datetime | None:
    """Return when this answer schedules the action; None for now."""
    if choice != Choice.APPROVE or request.response_type.type != "schedule":
        return None
    return _moment((data or {}).get("execute_at"))


def accepts(accept: Iterable[str] | None, type: str, name: str) -> bool:
    """Return whether a file of this media type and name is wanted; without `accept` every file
    is."""
    entries = [entry.strip().lower() for entry in accept or ()]
    return not entries or any(_matches(entry, type.lower(), name.lower()) for entry in entries)


def _matches(entry: str, type: str, name: str) -> bool:
    if entry.startswith("."):
        return name.endswith(entry)
    return entry in ("*/*", type) or (entry.endswith("/*") and type.startswith(entry[:-1]))


def _about_change(request: DecisionRequest, data: Data) -> Complaint | None:
    if request.payload is not None:
        changed = data.get("payload")
        if not isinstance(changed, dict):
            return "payload", "send the changed payload (an object)."
        return _about_json(cast(Any, changed)) or _unexpected(data, ("payload",))
    action = data.get("action")
    if not isinstance(action, str) or not action.strip() or len(action) > MAX_ACTION:
        return "action", f"write what to do instead, in 1 to {MAX_ACTION} characters."
    return _unexpected(data, ("action",))


def _about_json(changed: Any) -> Complaint | None:
    try:
        check_json(changed, MAX_PAYLOAD)
    except UnfitJsonError as error:
        return ".".join(["payload", *map(str, error.path)]), str(error)
    return None


def _about_value(asked: ResponseType, data: Data, received_at: datetime) -> Complaint | None:
    match asked.type:
        case "choose":
            return _unexpected(data, ("chosen",)) or _about_choice(asked, data)
        case "text_input":
            names = [each.name for each in asked.fields or ()]
            return _unexpected(data, names) or _about_texts(asked, data)
        case "number_input":
            return _unexpected(data, ("value",)) or _about_number(asked, data)
        case "schedule":
            return _unexpected(data, ("execute_at",)) or _about_time(asked, data, received_at)
        case "file_upload":
            return _unexpected(data, ("uploaded_files",)) or _about_files(asked, data)
        case _:
            return _unexpected(data, ())


def _unexpected(data: Data, expected: Iterable[str]) -> Complaint | None:
    unknown = next((name for name in data if name not in expected), None)
    return None if unknown is None else (unknown, "this is not asked for; leave it out.")


def _about_choice(asked: ResponseType, data: Data) -> Complaint | None:
    if data.get("chosen") in (asked.choices or ()):
        return None
    return "chosen", f"choose one of: {', '.join(asked.choices or ())}."


def _about_texts(asked: ResponseType, data: Data) -> Complaint | None:
    for field in asked.fields or ():
        value = data.get(field.name, "")
        if not isinstance(value, str) or not is_whole(value):
            return field.name, "send a string."
        if len(value) > MAX_TEXT:
            return field.name, f"write at most {MAX_TEXT} characters; this has {len(value)}."
        if field.required and not value.strip():
            return field.name, "fill this in; it is required."
    return None


def _about_number(asked: ResponseType, data: Data) -> Complaint | None:
    value = data.get("value")
    least = -MAX_INTEGER if asked.min is None else asked.min
    most = MAX_INTEGER if asked.max is None else asked.max
    if isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most:
        return None
    return "value", f"give a number from {least:g} to {most:g}."


def _about_time(asked: ResponseType, data: Data, received_at: datetime) -> Complaint | None:
    given = data.get("execute_at")
    if given in (None, NOW):
        is_offered = asked.allow_immediate is not False
        return None if is_offered else ("execute_at", "give a date and time; now is not offered.")
    moment = _moment(given)
    if moment is None:
        why = "give a date and time with its offset, such as 2026-03-12T14:30:00Z."
    elif moment <= received_at:
        why = "this time has passed; give a later one."
    elif moment - received_at > MAX_DELAY:
        why = "give a time within the next ten years."
    else:
        return None
    return "execute_at", why


def _about_files(asked: ResponseType, data: Data) -> Complaint | None:
    given: object = data.get("uploaded_files")
    files = cast(list[dict[str, Any]], given) if isinstance(given, list) else []
    most = asked.max_files or MAX_FILES
    if not 1 <= len(files) <= most:
        return "uploaded_files", f"send 1 to {most} files."
    for index, file in enumerate(files):
        if not accepts(asked.accept, file["type"], file["name"]):
            types = ", ".join(asked.accept or ())
            why = f"this file is of another type; taken are: {types}."
            return f"uploaded_files.{index}", why
    return None


def _normal_schedule(data: dict[str, Any] | None) -> dict[str, Any] | None:
    if not data or data in ({"execute_at": None}, {"execute_at": NOW}):
        return None
    moment = _moment(data.get("execute_at"))
    told = {} if moment is None else {"execute_at": moment.isoformat().replace("+00:00", "Z")}
    return data | told


def _moment(value: object) -> datetime | None:
    if not isinstance(value, str) or not RFC_3339.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _is_blank(value: object) -> bool:
    return isinstance(value, str) and not value.strip()
