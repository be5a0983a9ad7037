"""Run the long steps of a start, so that whoever waits sees that something is going on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import IO

LINES_SHOWN = 15
SECONDS_BETWEEN_LINES = 10.0
"""Seconds between lines in a log; on a terminal the seconds count on one line."""


class StepError(Exception):
    """A step failed; the message says why, with its program's last words."""


def say(text: str, end: str = "\n") -> None:
    """Print at once, also into a pipe.

    A closed terminal must not keep the processes behind it from being stopped.
    """
    with contextlib.suppress(OSError):
        print(text, end=end, flush=True)


async def run_step(
    what: str,
    command: Sequence[str],
    *,
    seconds: float,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run `command` to its end, in `seconds` at most, and display the elapsed time.

    `env` is added to this process's environment. Raises `StepError`. However it ends, also by
    cancellation, no process of the command stays behind.
    """
    say(f"{what} ...")
    with tempfile.TemporaryFile("w+b") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            env={**os.environ, **(env or {})},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        showing = asyncio.create_task(_show_time())
        try:
            async with asyncio.timeout(seconds):
                await process.wait()
        except TimeoutError:
            raise StepError(f"it was not done within {seconds:.0f} seconds.") from None
        finally:
            showing.cancel()
            _kill_session(process)
        if process.returncode:
            raise StepError(f"it ended with status {process.returncode}:\n{_last_lines(output)}")


async def _show_time() -> None:
    started = time.monotonic()
    on_terminal = sys.stdout.isatty()
    while True:
        await asyncio.sleep(1 if on_terminal else SECONDS_BETWEEN_LINES)
        say(f"  {time.monotonic() - started:.0f} s", end="\r" if on_terminal else "\n")


def _kill_session(process: asyncio.subprocess.Process) -> None:
    """Kill a compiler's or a downloader's own children too: they share its session."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _last_lines(output: IO[bytes]) -> str:
    output.seek(0)
    lines = output.read().decode(errors="replace").splitlines()[-LINES_SHOWN:]
    return "\n".join(f"    {line}" for line in lines) or "    (it said nothing)"
