"""Channels are tried before somebody needs them: at the start, and every few minutes from then on.

Nothing is sent. The findings are in the worker's log, and in the store, where the API reads them:
the worker has a channel's credentials, and operators ask the API.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol

from activities.channels.errors import DeliveryError
from activities.deliveries import STORE_TIMEOUT

logger = logging.getLogger(__name__)

LIMIT = timedelta(seconds=10)
"""Time for one channel, for which the start of a worker waits."""

SOONEST = timedelta(seconds=15)
"""Time after which a failing channel is tried again; then twice as long each time, up to
`EVERY`."""

EVERY = timedelta(minutes=5)


class Checked(Protocol):
    """A channel that can be tried."""

    async def check(self) -> None:
        """Raise the `DeliveryError` that a message would meet, and send nothing."""
        ...


class ChannelBook(Protocol):
    """The store's table of failing channels."""

    async def failed(self, channel: str, reason: str, worker: str) -> None: ...
    async def works(self, channel: str) -> None: ...


class Checking:
    """Tries these channels, by the names that people know."""

    def __init__(self, channels: Mapping[str, Checked], book: ChannelBook) -> None:
        self._channels = channels
        self._book = book
        self._failing: set[str] = set()
        self._worker = socket.gethostname()

    async def all(self) -> None:
        """Try each once. It never fails, and takes no longer than `LIMIT` and the note of it."""
        await asyncio.gather(*map(self._try, self._channels))

    async def go_on(self) -> None:
        """Try each again and again, until cancelled."""
        await asyncio.gather(*map(self._repeat, self._channels))

    async def _repeat(self, name: str) -> None:
        pause = SOONEST
        while True:
            is_failing = name in self._failing
            await asyncio.sleep((pause if is_failing else EVERY).total_seconds())
            pause = min(pause * 2, EVERY) if is_failing else SOONEST
            await self._try(name)

    async def _try(self, name: str) -> None:
        reason = await self._fault_of(self._channels[name])
        if reason:
            logger.error("nothing can be sent by %s: %s", name, reason)
            self._failing.add(name)
        elif name in self._failing:
            logger.info("%s works again", name)
            self._failing.remove(name)
        await self._note(name, reason)

    async def _fault_of(self, channel: Checked) -> str | None:
        try:
            async with asyncio.timeout(LIMIT.total_seconds()):
                await channel.check()
        except DeliveryError as error:
            return str(error)
        except TimeoutError:
            return (
                f"There was no answer within {LIMIT.total_seconds():.0f} seconds. Check the"
                " settings that say where it is, and that the worker may reach it."
            )
        except Exception as error:
            logger.exception("a channel could not be tried")
            return f"It could not be tried ({error!r}); the worker's log has more."
        return None

    async def _note(self, name: str, reason: str | None) -> None:
        try:
            async with asyncio.timeout(STORE_TIMEOUT):
                if reason:
                    await self._book.failed(name, reason, self._worker)
                else:
                    await self._book.works(name)
        except Exception:
            logger.exception("the store did not take what was found of %s", name)
