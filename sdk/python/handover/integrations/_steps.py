"""Steps with a graph and at the service, which generators yield and a driver carries out.

So the order of things is written once, and the blocking and the asynchronous side are two drivers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    ExitStack,
    nullcontext,
)
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, TypeVar

from ..client import AsyncHandoverClient, HandoverClient
from ._waiting_room import AsyncWaitingRoom, WaitingRoom

T = TypeVar("T")
C = TypeVar("C")
L = TypeVar("L")


@dataclass(frozen=True, slots=True)
class OnService:
    """Call a method of `client.decisions`."""

    method: str
    args: tuple[Any, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class OnGraph:
    """Call a method of the graph: `invoke` or `get_state`."""

    method: str
    args: tuple[Any, ...]
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Stored:
    """Read a checkpoint as it is stored."""

    config: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait until one of these decisions is settled, and answer with it; or for so many seconds, and
    answer with None."""

    decision_ids: set[str]
    seconds: float | None = None


class Lock(Enum):
    """Keep everybody else away from the thread, or no longer."""

    ENTER = "enter"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Together:
    """Take these courses at the same time, if possible; answer with their results."""

    courses: Sequence[Course[Any]]


Step = OnService | OnGraph | Stored | Wait | Lock | Together
Course = Generator[Step, Any, T]


class _Driver(Generic[C, L]):
    """Carries out steps. `lock` makes the context that `Lock` enters."""

    def __init__(
        self, client: C, graph: Any = None, lock: Callable[[], L | nullcontext[None]] = nullcontext
    ) -> None:
        self._client = client
        self._graph = graph
        self._lock = lock


class Driver(_Driver[HandoverClient, AbstractContextManager[Any]]):
    """Carries out steps, blocking."""

    def run(self, course: Course[T]) -> T:
        """Return the result of the course. Raises its errors, and holds no lock any longer then."""
        with WaitingRoom(self._client) as room, ExitStack() as held:
            return self._follow(course, room, held)

    def _follow(self, course: Course[T], room: WaitingRoom, held: ExitStack) -> T:
        try:
            step = next(course)
            while True:
                try:
                    answer = self._carry_out(step, room, held)
                except BaseException as error:
                    step = course.throw(error)
                else:
                    step = course.send(answer)
        except StopIteration as stop:
            return stop.value

    def _carry_out(self, step: Step, room: WaitingRoom, held: ExitStack) -> Any:
        match step:
            case OnService():
                return getattr(self._client.decisions, step.method)(*step.args, **step.fields)
            case OnGraph():
                return getattr(self._graph, step.method)(*step.args, **step.options)
            case Stored():
                return self._graph.checkpointer.get_tuple(step.config)
            case Wait():
                return room.next(step.decision_ids, step.seconds)
            case Together():
                return [self._follow(each, room, held) for each in step.courses]
            case Lock.ENTER:
                held.enter_context(self._lock())
            case Lock.LEAVE:
                held.close()
        return None


class AsyncDriver(_Driver[AsyncHandoverClient, AbstractAsyncContextManager[Any]]):
    """Carries out steps in an event loop."""

    async def run(self, course: Course[T]) -> T:
        """Run a course as `Driver.run` does."""
        async with AsyncWaitingRoom(self._client) as room, AsyncExitStack() as held:
            return await self._follow(course, room, held)

    async def _follow(self, course: Course[T], room: AsyncWaitingRoom, held: AsyncExitStack) -> T:
        try:
            step = next(course)
            while True:
                try:
                    answer = await self._carry_out(step, room, held)
                except BaseException as error:
                    step = course.throw(error)
                else:
                    step = course.send(answer)
        except StopIteration as stop:
            return stop.value

    async def _carry_out(self, step: Step, room: AsyncWaitingRoom, held: AsyncExitStack) -> Any:
        match step:
            case OnService():
                method = getattr(self._client.decisions, step.method)
                return await method(*step.args, **step.fields)
            case OnGraph():
                return await getattr(self._graph, f"a{step.method}")(*step.args, **step.options)
            case Stored():
                return await self._graph.checkpointer.aget_tuple(step.config)
            case Wait():
                return await room.next(step.decision_ids, step.seconds)
            case Together():
                return await asyncio.gather(
                    *(self._follow(each, room, held) for each in step.courses)
                )
            case Lock.ENTER:
                await held.enter_async_context(self._lock())
            case Lock.LEAVE:
                await held.aclose()
        return None
