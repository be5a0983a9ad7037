"""Reads lines that are typed at a terminal."""

from __future__ import annotations

import select
import sys

MOMENT = 0.2
"""Seconds within which Ctrl-C is noticed."""


def read_line(prompt: str) -> str:
    """Read a line as `input` does; that one misses a Ctrl-C that comes just before it begins to
    read.

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
