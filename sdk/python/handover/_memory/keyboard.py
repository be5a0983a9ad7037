"""Reading what is typed at a terminal."""

from __future__ import annotations

import select
import sys

MOMENT = 0.2
"""Seconds after which Ctrl-C is noticed at the latest."""


def read_line(prompt: str) -> str:
    """As `input` does it; but that misses a Ctrl-C that comes just before it begins to read.

    Raises `EOFError`.
    """
    if sys.platform == "win32":  # where `select` knows sockets alone
        return input(prompt)
    print(prompt, end="", flush=True)  # noqa: T201 - this is a dialog
    while not select.select([sys.stdin], [], [], MOMENT)[0]:
        continue
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.rstrip("\n")
