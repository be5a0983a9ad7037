"""The terminal of the command line: results go to stdout, and messages to stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ._memory.text import visible_line
from ._verdicts import at
from .models import Decision, DecisionSummary

COLUMNS = ("id", "status", "urgency", "created", "action")
LONGEST_ACTION = 100


def say(text: str) -> None:
    """Print a message to the person, so that a script can use stdout alone."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def put(text: str) -> None:
    """Print the result."""
    print(text, flush=True)  # noqa: T201


def waiting(decision: Decision) -> AbstractContextManager[Any]:
    """Say who is waited for, with a spinner on a terminal."""
    asked = [decision.approver] if isinstance(decision.approver, str) else decision.approver
    line = visible_line(
        f"Waiting for {', '.join(asked)} until {at(decision.expires_at)} ({decision.id})"
    )
    if not sys.stderr.isatty():
        say(line)
        return nullcontext()
    return Console(stderr=True).status(Text(line))


def put_list(decisions: Iterable[DecisionSummary]) -> None:
    """Print a table on a terminal, and elsewhere a line with tabs for each row."""
    if not sys.stdout.isatty():
        for decision in decisions:
            put("\t".join(_row(decision)))
        return
    table = Table(*COLUMNS, box=None)
    for decision in decisions:
        table.add_row(*map(Text, _row(decision)))
    Console().print(table)


def _row(decision: DecisionSummary) -> tuple[str, ...]:
    return tuple(
        visible_line(cell, LONGEST_ACTION)
        for cell in (
            decision.id,
            str(decision.status),
            str(decision.urgency),
            at(decision.created_at),
            decision.action,
        )
    )
