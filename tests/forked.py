"""Worker and API as processes that are forked, off one that has imported all that they import.

A start costs seconds of processor time, nearly all of it for imports. What runs is the same, in a
process of its own with its own environment; that the commands themselves start is shown by those
tests that run them.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    [__name__, "worker", "api.main", "uvicorn.main", "api.protocol", "tests.preloaded"]
)


class Forked:
    """`python` with these arguments, `-m` and a module's name or a script's path first."""

    def __init__(self, arguments: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        self._process = CONTEXT.Process(
            target=_become, args=(list(arguments), dict(env), log), daemon=True
        )
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid
        return self._process.pid

    def end(self, how: signal.Signals) -> int:
        """The exit status. Raises `TimeoutError`."""
        if self._process.exitcode is None:
            os.kill(self.pid, how)
        self._process.join(30)
        if self._process.exitcode is None:
            raise TimeoutError(f"process {self.pid} goes on after {how.name}")
        return self._process.exitcode


def _become(arguments: list[str], env: dict[str, str], log: Path) -> None:
    os.environ.clear()
    os.environ.update(env)
    os.chdir(ROOT)
    with log.open("ab") as told:
        os.dup2(told.fileno(), sys.stdout.fileno())
        os.dup2(told.fileno(), sys.stderr.fileno())
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        runpy.run_path(arguments[0], run_name="__main__")
