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
    began = time.monotonic()
    while not (answer := await _ask(condition)):  # noqa: ASYNC110 - of anything, also elsewhere
        await asyncio.sleep(_pause(began, timeout, answer))
    return answer


async def _ask(condition: Callable[[], object]) -> object:
    answer = condition()
    return await answer if inspect.isawaitable(answer) else answer


def wait_until(condition: Callable[[], T | None], timeout: float = 30) -> T:
    """The twin of `eventually` for tests that aren't asynchronous."""
    began = time.monotonic()
    while not (answer := condition()):
        time.sleep(_pause(began, timeout, answer))
    return answer


def _pause(began: float, timeout: float, answer: object) -> float:
    """Seconds until it is asked again: the longer it has taken the more, since asking is work, too.

    Raises `TimeoutError` where it has taken too long.
    """
    waited = time.monotonic() - began
    if waited > timeout:
        raise TimeoutError(f"not within {timeout} seconds; the last answer was {answer!r}")
    return min(max(0.05, waited / 10), 0.5)
