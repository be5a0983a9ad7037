"""Start programs, notice when one of them dies, and stop them all in time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from embedded import tied
from embedded.errors import ChildDiedError
from embedded.steps import say

LINES_SHOWN = 20
STOP_SECONDS = 4.5


@dataclass(frozen=True)
class Child:
    name: str
    process: asyncio.subprocess.Process
    log: Path

    def signal(self, number: signal.Signals) -> None:
        """Signal its whole session: a program's own children are ours to stop too."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)


class Supervisor:
    """Programs that run together: when one ends, or a stop is asked for, all are stopped.

    They are stopped in reverse order of their start. Each runs in a session of its own, so that
    a terminal's Ctrl-C reaches this process alone, and the order holds.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._children: list[Child] = []
        self._watching: set[asyncio.Task[None]] = set()
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def start(
        self, name: str, command: Sequence[str | Path], env: Mapping[str, str], cwd: Path
    ) -> None:
        """Start a program; what it writes goes to `<name>.log`."""
        log = _fresh_log(self._logs / f"{name}.log")
        tie = [sys.executable, "-I", tied.__file__, str(os.getpid())]
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *tie, *command, env=dict(env), cwd=cwd, stdin=asyncio.subprocess.DEVNULL,
                stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
        child = Child(name, process, log)
        self._children.append(child)
        self._watching.add(asyncio.create_task(self._watch(child)))

    async def _watch(self, child: Child) -> None:
        status = await child.process.wait()
        if not self._ended.done():
            self._ended.set_exception(ChildDiedError(_obituary(child, status)))

    def ask_to_stop(self) -> None:
        """End `run`. Asking again changes nothing: a terminal sends Ctrl-C to everybody."""
        if not self._ended.done():
            self._ended.set_result(None)

    async def run(self, bring_up: Coroutine[None, None, None]) -> None:
        """Let `bring_up` start the programs, run until a stop is asked for, then stop them all.

        Raises `ChildDiedError` when a program ends first, and what `bring_up` raises; also then
        everything has been stopped.
        """
        starting = asyncio.create_task(bring_up)
        try:
            await asyncio.wait({starting, self._ended}, return_when=asyncio.FIRST_COMPLETED)
            if not self._ended.done():
                starting.result()
            await self._ended
        finally:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            self._ended.cancel()  # from here on a program that ends does what it should
            await self._stop()

    async def _stop(self) -> None:
        """Send SIGTERM to one after the other; kill a program that is still there after its share
        of the time."""
        if self._children:
            say(f"Stopping {', '.join(child.name for child in reversed(self._children))} ...")
        now = asyncio.get_running_loop().time()
        share = STOP_SECONDS / max(len(self._children), 1)
        for position, child in enumerate(reversed(self._children), start=1):
            child.signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(now + share * position):
                    await child.process.wait()
            child.signal(signal.SIGKILL)
        await asyncio.gather(*self._watching)


def _fresh_log(path: Path) -> Path:
    """Start an empty log; keep the log of the run before beside it, and no older one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        path.replace(path.with_suffix(".log.1"))
    return path


def _obituary(child: Child, status: int) -> str:
    how = f"ended with status {status}"
    if status < 0:
        how = f"was ended by signal {-status} ({signal.strsignal(-status)})"
    return f"{child.name} {how}. Its last words, from {child.log}:\n{_last_lines(child.log)}"


def _last_lines(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-LINES_SHOWN:]
    return "\n".join(f"    {line}" for line in lines) or "    (nothing)"
