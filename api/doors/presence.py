"""Notices when a client leaves while its request is held."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from starlette.requests import Request

from api.decisions.waiting import Waiting


@asynccontextmanager
async def while_present(request: Request, waiting: Waiting) -> AsyncGenerator[None]:
    """End the waits in this block as if their time were over when the client leaves.

    The code after a wait still runs; its answer goes nowhere. The request's body was read before.
    """
    watcher = asyncio.create_task(_release_when_gone(request, waiting, asyncio.current_task()))
    try:
        yield
    finally:
        watcher.cancel()


async def _release_when_gone(
    request: Request, waiting: Waiting, waiter: asyncio.Task[object] | None
) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass  # the empty body of a GET, which nobody has asked for
    if waiter:
        waiting.release(waiter)
