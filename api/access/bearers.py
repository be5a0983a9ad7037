"""Identifies the sender behind a bearer token, and confirms them again when a held request is
answered."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from api.access.oidc import Issuer
from api.problems.errors import Unauthorized
from store import Store, StoreError
from store.keys import NOT_A_KEY, PREFIX, ApiKey, is_well_formed

RECHECK = 2.0
"""Seconds between two checks of the keys of all held requests."""
LONG = 0.2
"""Seconds after which a request counts as held: its key is checked again before the answer."""
NOTED = 60.0
"""Seconds for which a process does not note the use of a key again."""

log = logging.getLogger(__name__)


class Bearers:
    """The bearers of this process. `release` ends the wait of a request's task."""

    def __init__(
        self, store: Store, issuer: Issuer | None, release: Callable[[asyncio.Task[Any]], None]
    ) -> None:
        self._store = store
        self._issuer = issuer
        self._release = release
        self._held: dict[asyncio.Task[Any], ApiKey] = {}
        self._noted: dict[str, float] = {}
        self._notes: set[asyncio.Task[None]] = set()

    async def identify(self, bearer: str | None) -> ApiKey:
        """Return the sender of this request. Raises `Unauthorized`, and `Unavailable` for a token
        whose issuer cannot be asked."""
        if bearer is None:
            raise Unauthorized("Send your API key: `Authorization: Bearer ho_…`.")
        if self._issuer and not bearer.startswith(PREFIX):
            return await self._issuer.verify(bearer)
        if not is_well_formed(bearer):
            raise Unauthorized(
                "This is no API key: one has `ho_` and 49 letters and digits, of which the last six"
                " tell a typing error. Copy it whole.",
                code="malformed_key",
            )
        key = await self._store.keys.find(bearer)
        if key is None:
            raise Unauthorized("This API key is not known here, or it was revoked or has expired.")
        self._note_use(key)
        return key

    @contextmanager
    def held(self, key: ApiKey) -> Generator[None]:
        """Register a request of this key while it is under way: its waits end when the key does."""
        task = asyncio.current_task()
        assert task  # noqa: S101 - there is one around every coroutine
        self._held[task] = key
        try:
            yield
        finally:
            del self._held[task]

    async def confirm(self, key: ApiKey) -> None:
        """Confirm that a key still holds when its request is answered. Raises `Unauthorized`."""
        if key.id not in await self._live([key]):
            raise Unauthorized("This API key was revoked, or has expired, while it was waiting.")

    async def watch(self) -> None:
        """End the waits of keys that have ended, for as long as this process runs."""
        while True:
            await asyncio.sleep(RECHECK)
            held = dict(self._held)
            keys = {key.id: key for key in held.values()}  # of a thousand requests perhaps one
            try:
                live = await self._live(keys.values())
            except (StoreError, OSError) as error:
                # The waits go on; none is answered before its key was looked at again.
                log.warning("the keys of held requests cannot be looked at: %s", error)
                continue
            for task, key in held.items():
                if key.id not in live:
                    self._release(task)

    async def _live(self, keys: Collection[ApiKey]) -> set[str]:
        now = datetime.now(UTC)
        ours = {key.id for key in keys if not key.name.startswith(NOT_A_KEY)}
        live = {key.id for key in keys if key.id not in ours and not key.is_over(now)}
        return live | await self._store.keys.live(ours) if ours else live

    def _note_use(self, key: ApiKey) -> None:
        """Note the use beside the request, which neither waits for the write nor fails with it."""
        now = time.monotonic()
        if now - self._noted.get(key.id, float("-inf")) < NOTED:
            return
        self._noted[key.id] = now
        note = asyncio.create_task(self._write_use(key.id))
        self._notes.add(note)
        note.add_done_callback(self._notes.discard)

    async def _write_use(self, key_id: str) -> None:
        try:
            await self._store.keys.used(key_id, datetime.now(UTC))
        except (StoreError, OSError) as error:
            log.warning("the use of %s could not be noted: %s", key_id, error)
