"""Examples in a document: a command, what it is answered, and who does something meanwhile.

A block of `sh` may be followed by `→ STATUS` and a block with the answer, and preceded by a
comment, which the rendered document does not show:

    <!-- approver: CHOICE {"field": "what is typed"} -->             presses a button before it
    <!-- approver, meanwhile: CHOICE {"field": "what is typed"} -->  presses it while it runs
    <!-- lists lag -->                                               it is asked until it fits

In an answer `"…"` is any value but null, and inside a longer text any text; the member `"…": "…"`
of an object is any further members; the entry `"…"` of a list is any further entries, between the
others too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

BLOCK = re.compile(
    r"(?:<!-- (?P<comment>[^\n]*) -->\n\n)?"
    r"```sh\n(?P<command>.*?)```\n"
    r"(?:\n→ (?P<status>\d+)\n\n```(?P<language>\w+)\n(?P<answer>.*?)```\n)?",
    re.DOTALL,
)
PRESSED = re.compile(r"approver(?P<meanwhile>, meanwhile)?: (?P<choice>\w+)(?: (?P<typed>\{.*\}))?")
ANY = "…"


@dataclass(frozen=True, slots=True)
class Press:
    """What the approver does: `typed` by the names of the form's fields."""

    choice: str
    typed: dict[str, Any] = field(default_factory=dict[str, Any])
    meanwhile: bool = False


@dataclass(frozen=True, slots=True)
class Example:
    """`status` and `answer` are None for a command that is no request."""

    line: int
    command: str
    status: int | None
    answer: str | None
    is_json: bool
    press: Press | None
    lags: bool


def examples(document: str) -> list[Example]:
    """All of them. Raises `AssertionError` for a block or comment that is part of none."""
    found = [_example(document, match) for match in BLOCK.finditer(document)]
    answered = [example for example in found if example.answer is not None]
    assert document.count("```sh\n") == len(found)
    assert document.count("\n→ ") == len(answered)
    assert document.count("```\n") == len(found) + len(answered)
    assert document.count("<!--") == sum(bool(each.press or each.lags) for each in found)
    return found


def _example(document: str, match: re.Match[str]) -> Example:
    comment = match["comment"] or ""
    status = match["status"]
    return Example(
        line=document.count("\n", 0, match.start("command")) + 1,
        command=match["command"],
        status=int(status) if status else None,
        answer=match["answer"],
        is_json=match["language"] == "json",
        press=_press(comment),
        lags=comment == "lists lag",
    )


def _press(comment: str) -> Press | None:
    match = PRESSED.fullmatch(comment)
    if match is None:
        return None
    return Press(match["choice"], json.loads(match["typed"] or "{}"), bool(match["meanwhile"]))


def differences(written: object, answered: object, path: str = "answer") -> Iterator[str]:
    """Where an answer is not what is written, in words; nothing where it is."""
    match written, answered:
        case str(), _ if written == ANY:
            if answered is None:
                yield f"{path} is null"
        case str(), str():
            if not re.fullmatch(re.escape(written).replace(ANY, ".*"), answered, re.DOTALL):
                yield f"{path} is {answered!r}, not {written!r}"
        case dict(), dict():
            yield from _of_members(cast(Any, written), cast(Any, answered), path)
        case list(), list() if ANY in written and written != [ANY]:
            yield from _of_some(cast(Any, written), cast(Any, answered), path)
        case list(), list() if len(cast(Any, written)) == len(cast(Any, answered)):
            pairs = zip(cast(list[Any], written), cast(list[Any], answered), strict=True)
            for index, (one, other) in enumerate(pairs):
                yield from differences(one, other, f"{path}.{index}")
        case _:
            if written != answered or isinstance(written, bool) != isinstance(answered, bool):
                yield f"{path} is {answered!r}, not {written!r}"


def _of_members(written: dict[str, Any], answered: dict[str, Any], path: str) -> Iterator[str]:
    for name in written.keys() - {ANY}:
        if name in answered:
            yield from differences(written[name], answered[name], f"{path}.{name}")
        else:
            yield f"{path} has no {name!r}"
    if ANY not in written and (more := answered.keys() - written.keys()):
        yield f"{path} also has {sorted(more)}"


def _of_some(written: list[Any], answered: list[Any], path: str) -> Iterator[str]:
    further = iter(answered)
    for entry in written:
        if entry != ANY and all(any(differences(entry, other)) for other in further):
            yield f"{path} lacks, in this order, {entry!r}"


def tables(document: str) -> dict[str, list[list[str]]]:
    """The rows of each table, by the words at the head of its first column and its second."""
    found: dict[str, list[list[str]]] = {}
    for table in re.findall(r"(?:^\|.*\|\n)+", document, re.MULTILINE):
        head, _, *rows = [_cells(line) for line in table.splitlines()]
        found[" / ".join(head[:2])] = rows
    return found


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def names(cell: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)
