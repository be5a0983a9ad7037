"""The programs of one benchmark: none outlives it, and it doesn't outlive any of them."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from embedded import tied
from embedded.errors import ChildDiedError
from embedded.plan import ROOT

STOP_SECONDS = 10.0


class Processes:
    """The processes. Each writes to `<name>.log` in `logs`. Leaving the context stops them, the
    last one first."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: list[asyncio.subprocess.Process] = []
        self._watch = asyncio.TaskGroup()
        self._stopping = False

    async def __aenter__(self) -> Self:
        await self._watch.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping = True
        for process in reversed(self._running):
            await _stop(process)
        await self._watch.__aexit__(kind, error, trace)

    async def start(
        self, name: str, command: Sequence[str], env: Mapping[str, str], cwd: Path = ROOT
    ) -> int:
        """Start a process and return its id."""
        log = self._logs / f"{name}.log"
        tie = [sys.executable, "-I", tied.__file__, str(os.getpid())]
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *tie, *command, env=self._environment(env), cwd=cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        self._running.append(process)
        self._watch.create_task(self._notice_end(name, process, log))
        return process.pid

    async def kill(self, pid: int) -> None:
        """Kill a process, as a crash does."""
        [process] = [each for each in self._running if each.pid == pid]
        self._running.remove(process)
        process.kill()
        await process.wait()

    def _environment(self, env: Mapping[str, str]) -> dict[str, str]:
        """Return the environment, in which compiled modules are kept even if the machine's own
        forbids it.

        The Temporal SDK's sandbox loads modules anew for each workflow; most of the time measured
        would be their compilation.
        """
        kept = {key: value for key, value in env.items() if key != "PYTHONDONTWRITEBYTECODE"}
        return {**kept, "PYTHONPYCACHEPREFIX": str(self._logs / "bytecode")}

    async def _notice_end(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        status = await process.wait()
        if process in self._running and not self._stopping:
            raise ChildDiedError(f"{name} ended with status {status}:\n{_last_words(log)}")


def _last_words(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
