"""The interrupt bridge: graphs that use `interrupt()` stay as they are, and people are asked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Literal, Protocol, Required, Unpack, cast

from langgraph.errors import is_invalid_resume
from langgraph.types import Command
from pydantic import ValidationError

from ..client import AsyncHandoverClient, HandoverClient
from ..exceptions import ConfigurationError
from ..models import Decision
from ..resources import FurtherFields
from ._board import Board, Settings
from ._locks import Locks
from ._questions import THREAD, Question, ToRequest, ToValue, short_answer
from ._waiting_room import AsyncWaitingRoom, WaitingRoom, undenied, undenied_async

Config = Mapping[str, Any]


class Graph(Protocol):
    """What is used of a compiled graph."""

    @property
    def invoke(self) -> Callable[..., Any]: ...
    @property
    def ainvoke(self) -> Callable[..., Any]: ...
    @property
    def get_state(self) -> Callable[..., Any]: ...
    @property
    def aget_state(self) -> Callable[..., Any]: ...


class Event(Protocol):
    """What is used of the event that `handover.webhooks.verify` returns."""

    @property
    def decision(self) -> Decision: ...


class RunnerSettings(FurtherFields, total=False):
    """How a runner asks and goes on. All that is not told here is a field of every decision, as
    `decisions.create` takes it."""

    approver: Required[str | Sequence[str]]
    """Who is asked."""
    to_request: ToRequest | None
    """Called with the value of an interrupt, or with one of its tool calls; returns fields of its
    own for it, and the same ones for the same value."""
    to_value: ToValue
    """Makes the return value of `interrupt()` from the decision: `short_answer` where nothing is
    said, which is false unless the action may run; `full_answer`; or a function of yours.
    LangChain's requests are answered in LangChain's own words."""
    denied: Literal["resume", "raise"]
    """`raise`: instead of going on with a denial or an expiry, raise `ActionDenied` and leave the
    graph where it is."""
    together: bool
    """Go on when all pending interrupts have answers. Else as soon as one has, so that what one
    person permits does not wait for another; LangGraph runs the other paused nodes up to their
    `interrupt()` again then."""


OWN = ("to_request", "to_value", "denied", "together")


class _Runner:
    """What both runners are without their I/O."""

    def __init__(self, graph: Graph, settings: RunnerSettings) -> None:
        if unknown := sorted(settings.keys() - RunnerSettings.__annotations__.keys()):
            raise TypeError(f"got an unexpected keyword argument {unknown[0]!r}")
        if not getattr(graph, "checkpointer", True):
            raise ConfigurationError("A graph that waits for people takes a checkpointer")
        self._graph = graph
        self._settings = Settings(
            defaults={name: value for name, value in settings.items() if name not in OWN},
            to_request=settings.get("to_request"),
            to_value=settings.get("to_value", short_answer),
            raises=settings.get("denied") == "raise",
            together=settings.get("together", False),
        )

    def _board(self, config: Config) -> Board:
        thread_id = _configurable(config).get("thread_id")
        if not thread_id:
            raise ConfigurationError(
                'The config names a thread: {"configurable": {"thread_id": …}}'
            )
        return Board(self._settings, str(thread_id))

    def _check_callback_url(self) -> None:
        if not self._settings.defaults.get("callback_url"):
            raise ConfigurationError("Where nothing waits, a callback_url has to tell the outcome")

    def _was_cut_off(self, state: Any, options: Config) -> bool:
        """Whether a node has not finished, and no person is what it waits for.

        A static breakpoint looks the same, and to pass one is not ours.
        """
        stops = [
            getattr(self._graph, f"interrupt_{when}_nodes", ()) for when in ("before", "after")
        ]
        stops += [options.get(f"interrupt_{when}") for when in ("before", "after")]
        return not any(stops) and any(
            task.name in state.next and not task.interrupts and task.result is None
            for task in state.tasks
        )


class ApprovalRunner(_Runner):
    """Runs a graph, asks people what its `interrupt()` calls ask, and goes on with their answers.

    Each pending interrupt is one decision (one for each tool call in a request of LangChain's),
    found again by thread and interrupt wherever it is asked again: after a crash, by another
    process, on a callback. The graph takes a checkpointer and `config` a `thread_id`; the settings
    are those of `RunnerSettings`. The methods return what the graph's `invoke` does, and options of
    `invoke`, such as `context`, may follow `config`.

    `lock` is called with a thread id and returns a context manager in which nobody else runs that
    thread. The default keeps out this process; where several processes handle callbacks, give one
    that they share.

    Raises `ConfigurationError` for a graph without a checkpointer.
    """

    def __init__(
        self,
        graph: Graph,
        client: HandoverClient,
        *,
        lock: Callable[[str], AbstractContextManager[Any]] | None = None,
        **settings: Unpack[RunnerSettings],
    ) -> None:
        super().__init__(graph, settings)
        self._client = client
        self._lock = lock or Locks(threading.Lock)

    def run(self, input: Any, config: Config, **options: Any) -> Any:
        """Run the graph until it ends, waiting for people wherever it asks.

        Raises what the graph raises and what `decisions.create` and `wait` raise; `ActionDenied`
        where denials are to be raised. The thread can be resumed after each.
        """
        return self._begin(input, config, options, wait=True)

    def resume(self, config: Config, **options: Any) -> Any:
        """Go on, as `run` does, with a thread whose runner is gone.

        A thread that has ended is left as it is, and so is one at a static breakpoint.
        """
        return self._continue(config, options, wait=True)

    def start(self, input: Any, config: Config, **options: Any) -> Any:
        """Run the graph until it ends, or until it waits for people, who are asked then.

        Nothing waits for their answers: they come to the `callback_url`, which the runner needs
        for this, and `handle_callback` goes on.
        """
        self._check_callback_url()
        return self._begin(input, config, options, wait=False)

    def handle_callback(self, event: Event, config: Config | None = None, **options: Any) -> Any:
        """Go on, as `start` does, with the thread that asked for this decision; None if none did.

        Pass what `handover.webhooks.verify` has returned. It says only which thread to look at: its
        answers are read from the service, so that an event that comes twice does nothing twice.
        `config` is for what the thread's has beside its `thread_id`.
        """
        found = _thread_of(event, config)
        return found and self._continue(found, options, wait=False)

    def _begin(self, input: Any, config: Config, options: Config, *, wait: bool) -> Any:
        board = self._board(config)
        with self._lock(board.thread_id):
            output = self._graph.invoke(input, config, **options)
        return self._go_on(board, config, options, output, wait=wait)

    def _continue(self, config: Config, options: Config, *, wait: bool) -> Any:
        board = self._board(config)
        with self._lock(board.thread_id):
            state = self._graph.get_state(config)
            output = state.values
            if self._was_cut_off(state, options):
                output = self._graph.invoke(None, config, **options)
        return self._go_on(board, config, options, output, wait=wait)

    def _go_on(
        self, board: Board, config: Config, options: Config, output: Any, *, wait: bool
    ) -> Any:
        with WaitingRoom(self._client) as room:
            while True:
                with self._lock(board.thread_id):
                    while resume := self._ask(board, config):
                        try:
                            output = self._graph.invoke(Command(resume=resume), config, **options)
                        except ValidationError as error:
                            _take_back(board, resume, error)
                if not (wait and board.open()):
                    return output
                board.settled(room.next(board.open()))

    def _ask(self, board: Board, config: Config) -> dict[str, Any]:
        """Ask what nobody has been asked yet; returns the answers that there are."""
        for question in board.update(self._graph.get_state(config).interrupts):
            board.asked(question, undenied(lambda question=question: self._create(question)))
        return board.resume()

    def _create(self, question: Question) -> Decision:
        return self._client.decisions.create(
            wait=False, idempotency_key=question.key, **cast(Any, question.fields)
        )


class AsyncApprovalRunner(_Runner):
    """`ApprovalRunner` for an event loop: the same methods, to be awaited, with `lock` returning an
    asynchronous context manager."""

    def __init__(
        self,
        graph: Graph,
        client: AsyncHandoverClient,
        *,
        lock: Callable[[str], AbstractAsyncContextManager[Any]] | None = None,
        **settings: Unpack[RunnerSettings],
    ) -> None:
        super().__init__(graph, settings)
        self._client = client
        self._lock = lock or Locks(asyncio.Lock)

    async def run(self, input: Any, config: Config, **options: Any) -> Any:
        """As `ApprovalRunner.run`."""
        return await self._begin(input, config, options, wait=True)

    async def resume(self, config: Config, **options: Any) -> Any:
        """As `ApprovalRunner.resume`."""
        return await self._continue(config, options, wait=True)

    async def start(self, input: Any, config: Config, **options: Any) -> Any:
        """As `ApprovalRunner.start`."""
        self._check_callback_url()
        return await self._begin(input, config, options, wait=False)

    async def handle_callback(
        self, event: Event, config: Config | None = None, **options: Any
    ) -> Any:
        """As `ApprovalRunner.handle_callback`."""
        found = _thread_of(event, config)
        return found and await self._continue(found, options, wait=False)

    async def _begin(self, input: Any, config: Config, options: Config, *, wait: bool) -> Any:
        board = self._board(config)
        async with self._lock(board.thread_id):
            output = await self._graph.ainvoke(input, config, **options)
        return await self._go_on(board, config, options, output, wait=wait)

    async def _continue(self, config: Config, options: Config, *, wait: bool) -> Any:
        board = self._board(config)
        async with self._lock(board.thread_id):
            state = await self._graph.aget_state(config)
            output = state.values
            if self._was_cut_off(state, options):
                output = await self._graph.ainvoke(None, config, **options)
        return await self._go_on(board, config, options, output, wait=wait)

    async def _go_on(
        self, board: Board, config: Config, options: Config, output: Any, *, wait: bool
    ) -> Any:
        async with AsyncWaitingRoom(self._client) as room:
            while True:
                async with self._lock(board.thread_id):
                    while resume := await self._ask(board, config):
                        try:
                            command = Command(resume=resume)
                            output = await self._graph.ainvoke(command, config, **options)
                        except ValidationError as error:
                            _take_back(board, resume, error)
                if not (wait and board.open()):
                    return output
                board.settled(await room.next(board.open()))

    async def _ask(self, board: Board, config: Config) -> dict[str, Any]:
        state = await self._graph.aget_state(config)
        asked = board.update(state.interrupts)
        decisions = await asyncio.gather(*(undenied_async(self._create(each)) for each in asked))
        for question, decision in zip(asked, decisions, strict=True):
            board.asked(question, decision)
        return board.resume()

    async def _create(self, question: Question) -> Decision:
        return await self._client.decisions.create(
            wait=False, idempotency_key=question.key, **cast(Any, question.fields)
        )


def _thread_of(event: Event, config: Config | None) -> Config | None:
    thread_id = event.decision.metadata.get(THREAD)
    if thread_id is None:
        return None
    config = config or {}
    return {**config, "configurable": {**_configurable(config), "thread_id": thread_id}}


def _configurable(config: Config) -> Mapping[str, Any]:
    return config.get("configurable") or cast(Mapping[str, Any], {})


def _take_back(board: Board, resume: Mapping[str, Any], error: ValidationError) -> None:
    """What the graph refused can be said in another way. Raises `error` where it did not."""
    if not is_invalid_resume(error) or len(resume) != 1:
        raise error
    board.refused(resume, error)
