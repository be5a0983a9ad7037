"""HTTP clients to the service: one for each process, and one for each event loop.

A forked process has the connections of its parent, and each would read the other's answers. A
connection of one event loop is of no use in another.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from .exceptions import ConfigurationError


class Closes(Protocol):
    def close(self) -> None: ...


class ClosesInLoop(Protocol):
    async def aclose(self) -> None: ...


T = TypeVar("T")
C = TypeVar("C", bound=Closes)
A = TypeVar("A", bound=ClosesInLoop)


class Lent(Generic[T]):
    """A client that the user has made, and closes. It cannot be made anew here."""

    def __init__(self, client: T) -> None:
        self._client = client
        self._process: int | None = None

    def here(self) -> T:
        """Return the client. Raises `ConfigurationError` in a process that inherited its
        connections."""
        if self._process not in (None, os.getpid()):
            raise ConfigurationError(
                "http_client was used before this process was forked, and has the connections of"
                " the process that it was forked from: make one in each process."
            )
        self._process = os.getpid()
        return self._client


class Clients(Generic[C]):
    """The blocking clients. Raises the errors of `make`."""

    def __init__(self, make: Callable[[], C], lent: C | None) -> None:
        self._make = make
        self._lent = None if lent is None else Lent(lent)
        self._opened = {} if self._lent else {os.getpid(): make()}

    def here(self) -> C:
        """Return this process's client."""
        if self._lent:
            return self._lent.here()
        # No lock, which a fork could leave held: of two threads, one makes a client in vain.
        opened = self._opened.get(os.getpid())
        return opened or self._opened.setdefault(os.getpid(), self._make())

    def close(self) -> None:
        """Close this process's client: its parent closes its own."""
        if opened := self._opened.get(os.getpid()):
            opened.close()


@dataclass(frozen=True, slots=True)
class _OfLoop(Generic[A]):
    client: A
    until_closed: AsyncGenerator[None]


class LoopClients(Generic[A]):
    """The asynchronous clients. Raises the errors of `make`."""

    def __init__(self, make: Callable[[], A], lent: A | None) -> None:
        self._make = make
        self._lent = None if lent is None else Lent(lent)
        self._unused = [] if self._lent else [make()]
        self._opened: dict[tuple[int, asyncio.AbstractEventLoop], _OfLoop[A]] = {}

    async def here(self) -> A:
        """Return this event loop's client, which is closed as the loop ends."""
        if self._lent:
            return self._lent.here()
        here = os.getpid(), asyncio.get_running_loop()
        if here not in self._opened:
            self._forget_closed_loops()
            client = self._new()
            self._opened[here] = _OfLoop(client, _until_closed(client))
            await anext(self._opened[here].until_closed)
        return self._opened[here].client

    async def close(self) -> None:
        """Close this event loop's client, if it has one: another loop closes its own."""
        if opened := self._opened.get((os.getpid(), asyncio.get_running_loop())):
            await opened.until_closed.aclose()

    def _new(self) -> A:
        try:
            return self._unused.pop()
        except IndexError:
            return self._make()

    def _forget_closed_loops(self) -> None:
        for process, loop in list(self._opened):
            if process == os.getpid() and loop.is_closed():
                del self._opened[process, loop]


async def _until_closed(client: ClosesInLoop) -> AsyncGenerator[None]:
    """Close the client when the event loop ends, which closes the asynchronous generators that
    began in it."""
    try:
        yield
    finally:
        await client.aclose()
