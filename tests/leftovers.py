"""What an interrupted run leaves behind: servers whose test process is gone."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

NAME = "TESTS_OF_PROCESS"


def mark_children() -> None:
    """Let all that this process and its children start be known as this run's."""
    os.environ.setdefault(NAME, str(os.getpid()))


def end_leftovers() -> None:
    """Kill what still runs of the run that this process began; where there is a /proc."""
    if os.environ[NAME] != str(os.getpid()):
        return
    mark = f"{NAME}={os.getpid()}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if int(folder.name) != os.getpid() and mark in _environment(folder):
                os.kill(int(folder.name), signal.SIGKILL)


def _environment(folder: Path) -> list[bytes]:
    return (folder / "environ").read_bytes().split(b"\0")
