"""Default clients, made from the environment when one is needed and none is given."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import lru_cache
from weakref import WeakKeyDictionary

from .client import AsyncHandoverClient, HandoverClient

Environment = tuple[str | None, str | None]


def blocking_client() -> HandoverClient:
    """Return the one client for all calls. Raises `ConfigurationError`."""
    return _blocking(_environment())


@asynccontextmanager
async def asynchronous_client() -> AsyncGenerator[AsyncHandoverClient, None]:
    """Return the one client for all calls that an event loop has under way. It is closed after the
    last of them, since the loop may end then. Raises `ConfigurationError`."""
    lent = _lent.setdefault(asyncio.get_running_loop(), {})
    environment = _environment()
    shared = lent.get(environment) or _Shared()
    lent[environment] = shared
    shared.users += 1
    try:
        yield shared.client
    finally:
        shared.users -= 1
        if not shared.users:
            del lent[environment]
            await shared.client.close()


class _Shared:
    def __init__(self) -> None:
        self.client = AsyncHandoverClient()
        self.users = 0


_lent: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Environment, _Shared]] = (
    WeakKeyDictionary()
)


@lru_cache(maxsize=8)
def _blocking(environment: Environment) -> HandoverClient:
    return HandoverClient()


def _environment() -> Environment:
    return os.environ.get("HANDOVER_API_KEY"), os.environ.get("HANDOVER_BASE_URL")
