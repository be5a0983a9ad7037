"""Questions at the terminal: prompts, and the entries that are read."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from .._strict_json import RepeatedNameError, read_json
from ..models import Decision, DecisionRequest, ResponseType
from .keyboard import read_line
from .life import Reply, ReplyChoice
from .text import quoted, visible_json, visible_line

NUMBER = re.compile(r"[+-]?[0-9]{1,300}(\.[0-9]{1,300})?")
UNCLEAR = re.compile(r"([+-]?[1-9][0-9]{0,2})[.,]([0-9]{3})")
"""Thousands in one country, and a fraction in another."""


class NotAnAnswer(Exception):  # noqa: N818 - the question is put again
    """The entry is no answer; the message says what to type."""


def show(decision: Decision) -> None:
    """Print the question. The agent's words, and nothing else, are behind a mark."""
    width = shutil.get_terminal_size().columns
    asked = [decision.approver] if isinstance(decision.approver, str) else decision.approver
    who = visible_line(", ".join(asked), 200)
    lines = [f"No API key is set, so that you are asked here, and not {who}.", "Action"]
    lines += quoted(decision.action, width)
    if decision.context:
        lines += ["Context", *quoted(decision.context, width)]
    if decision.payload is not None:
        lines += ["Payload", *quoted(_json(decision.payload), width)]
    for file in decision.attachments:
        lines += ["Attachment", *quoted(f"{file.name} ({file.type}, {file.size} bytes)", width)]
    lines.append(f"Urgency: {decision.urgency}")
    print("\n" + "\n".join(lines))  # noqa: T201 - this is a dialog


def choices_of(request: DecisionRequest) -> dict[str, ReplyChoice]:
    """Return the offered choices, by the letter to type."""
    known: tuple[ReplyChoice, ...] = ("approve", "deny", "modify")
    return {choice[0]: choice for choice in known if choice in request.options}


def ask_notes() -> str | None:
    return read_line("Notes (none: Enter): ").strip() or None


def ask_value(request: DecisionRequest, choice: ReplyChoice) -> Reply:
    """Return the reply, with the value that this choice needs. Raises `NotAnAnswer`."""
    if choice == "modify":
        return Reply(choice=choice, data=_change(request))
    if choice == "approve" and request.response_type.type == "file_upload":
        return Reply(choice=choice, files=_files(request.response_type))
    if choice == "approve":
        return Reply(choice=choice, data=_value(request.response_type))
    return Reply(choice=choice)


def _change(request: DecisionRequest) -> dict[str, Any]:
    if request.payload is not None:
        return {"payload": _changed(request.payload)}
    return {"action": read_line("What to do instead: ").strip()}


def _value(asked: ResponseType) -> dict[str, Any] | None:
    _show_label(asked.label)
    match asked.type:
        case "choose":
            return {"chosen": _choice(asked.choices or [])}
        case "text_input":
            return {field.name: _text(field.label or field.name) for field in asked.fields or ()}
        case "number_input":
            return {"value": _number(read_line("Number: "))}
        case "schedule":
            example = "2026-03-12T14:30:00Z"
            when = read_line(f"When, such as {example} (now: Enter): ").strip()
            return {"execute_at": when} if when else None
        case _:
            return None


def _show_label(label: str | None) -> None:
    """Print the agent's words, behind their mark."""
    if label:
        print("\n".join(quoted(label, shutil.get_terminal_size().columns)))  # noqa: T201


def _choice(choices: list[str]) -> str:
    for number, choice in enumerate(choices, 1):
        print(f"{number}:")  # noqa: T201
        _show_label(choice)
    typed = read_line("Number: ").strip()
    if not typed.isdecimal() or not 1 <= int(typed) <= len(choices):
        raise NotAnAnswer(f"type a number from 1 to {len(choices)}")
    return choices[int(typed) - 1]


def _text(label: str) -> str:
    _show_label(label)
    return read_line("Text: ")


def _number(typed: str) -> float:
    """Read a number of digits and a point, if nobody reads another number in them."""
    typed = typed.strip()
    if unclear := UNCLEAR.fullmatch(typed):
        whole, rest = unclear.groups()
        raise NotAnAnswer(f"{typed} can mean {whole}{rest} or {whole}.{rest}0: type one of them")
    if not NUMBER.fullmatch(typed):
        raise NotAnAnswer("type a number, such as 1500 or 2.5")
    number = float(typed)
    if Decimal(typed) != Decimal(repr(number)):
        raise NotAnAnswer(f"{typed} has more digits than a number keeps: type at most 15")
    return int(number) if number.is_integer() else number


def _files(asked: ResponseType) -> dict[str, bytes]:
    _show_label(asked.label)
    try:
        paths = [Path(each).expanduser() for each in shlex.split(read_line("Paths of files: "))]
        return {path.name: path.read_bytes() for path in paths}
    except (OSError, ValueError) as error:
        raise NotAnAnswer(str(error)) from error


def _changed(payload: dict[str, Any]) -> dict[str, Any]:
    """Return the payload as it is edited, or typed if no editor is set."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    text = _edited(payload, editor) if editor else read_line("The payload, in one line of JSON: ")
    try:
        changed = read_json(text)
    except RepeatedNameError as error:
        raise NotAnAnswer(str(error)) from error
    except ValueError as error:
        raise NotAnAnswer(f"this is no JSON: {error}") from error
    if not isinstance(changed, dict):
        raise NotAnAnswer("the payload is an object: {…}")
    return cast(dict[str, Any], changed)


def _edited(payload: dict[str, Any], editor: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "payload.json")
        file.write_text(_json(payload) + "\n", encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(file)], check=True)  # noqa: S603 - the user's own editor
            return file.read_text(encoding="utf-8")
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            raise NotAnAnswer(f"the editor failed: {error}") from error


def _json(payload: dict[str, Any]) -> str:
    return visible_json(json.dumps(payload, indent=2, ensure_ascii=False))
