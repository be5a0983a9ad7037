"""Small tools of many tests: ports, and waiting for something to become true."""

from __future__ import annotations

import asyncio
import inspect
import os
import random
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar, overload

T = TypeVar("T")


PORTS = 12_000
"""From 20,000 on: below those that systems give to outgoing connections, of which one may be taken
between `free_port` and the server that is to listen on it."""
WORKERS = 12


def free_port() -> int:
    """A port on 127.0.0.1 that nothing listens on, and that no other test process will choose."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
    first = 20_000 + worker * PORTS // WORKERS
    while True:
        port = random.randrange(first, first + PORTS // WORKERS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@overload
async def eventually(
    condition: Callable[[], Awaitable[T | None]],
    timeout: float = ...,  # noqa: ASYNC109 - a deadline for the test, not a cancellation
) -> T: ...


@overload
async def eventually(
    condition: Callable[[], T | None],
    timeout: float = ...,  # noqa: ASYNC109 - as above
) -> T: ...


async def eventually(condition: Callable[[], object], timeout: float = 30) -> object:  # noqa: ASYNC109 - as above
    """Ask until `condition` answers with something true, and return that.

    Raises `TimeoutError`, with the last answer, after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while not (answer := await _ask(condition)):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout} seconds; the last answer was {answer!r}")
        await asyncio.sleep(0.05)
    return answer


async def _ask(condition: Callable[[], object]) -> object:
    answer = condition()
    return await answer if inspect.isawaitable(answer) else answer


def wait_until(condition: Callable[[], T | None], timeout: float = 30) -> T:
    """The twin of `eventually` for tests that aren't asynchronous."""
    deadline = time.monotonic() + timeout
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout} seconds; the last answer was {answer!r}")
        time.sleep(0.05)
    return answer
