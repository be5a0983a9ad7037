"""The interrupt bridge: graphs that use `interrupt()` stay as they are, and people are asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from functools import partial
from typing import Any, Literal, Protocol, Required, Unpack

from ..client import AsyncHandoverClient, HandoverClient
from ..exceptions import ConfigurationError
from ..models import Decision
from ..resources import FurtherFields
from ._board import Board, Settings
from ._course import Thread, begin, proceed
from ._locks import Locks, SharedLock
from ._questions import THREAD, ToRequest, short_answer
from ._shapes import ToValue
from ._snapshots import Config, configurable, thread_of
from ._steps import AsyncDriver, Driver

LOOK_EVERY = 10.0

LOCKS = Locks()


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
    refused: Literal["resume", "raise"]
    """What becomes of an interrupt that can be shown to nobody: one with NaN in its payload, for
    example, or with more than 256 KB. `resume` goes on as with a denial, and the answer says what
    is wrong; `raise` raises `NotAskedError` and leaves the graph where it is."""
    together: bool
    """Go on when all pending interrupts have answers. Else as soon as one has, so that what one
    person permits does not wait for another; LangGraph runs the other paused nodes up to their
    `interrupt()` again then."""
    once: bool
    """Where nothing is said, what was permitted runs once: it is claimed before the graph has the
    answer, and its record says how the node that asked has ended. With `once=False` nothing is
    claimed and nothing recorded: for a graph whose nodes claim by themselves, or may run twice."""
    look_every: float
    """Seconds, 10 where nothing is said: after these a runner that waits looks at its thread again,
    which may have been answered elsewhere, or gone on without an answer."""


OWN = ("to_request", "to_value", "denied", "refused", "together", "once", "look_every")


class _Runner:
    """What both runners are without their I/O."""

    def __init__(self, graph: Graph, settings: RunnerSettings, *, alone: bool) -> None:
        if unknown := sorted(settings.keys() - RunnerSettings.__annotations__.keys()):
            raise TypeError(f"got an unexpected keyword argument {unknown[0]!r}")
        if not getattr(graph, "checkpointer", True):
            raise ConfigurationError("A graph that waits for people takes a checkpointer")
        self._graph = graph
        self._alone = alone
        self._settings = Settings(
            defaults={name: value for name, value in settings.items() if name not in OWN},
            to_request=settings.get("to_request"),
            to_value=settings.get("to_value", short_answer),
            raises=settings.get("denied") == "raise",
            raises_refused=settings.get("refused") == "raise",
            look_every=settings.get("look_every", LOOK_EVERY),
            together=settings.get("together", False),
            once=settings.get("once", True),
        )

    def _thread(self, config: Config, options: Config, *, waits: bool) -> Thread:
        board = Board(self._settings, thread_of(config))
        return Thread(self._graph, board, config, options, waits, self._alone)

    def _check_callback_url(self) -> None:
        if not self._settings.defaults.get("callback_url"):
            raise ConfigurationError("Where nothing waits, a callback_url has to tell the outcome")


class ApprovalRunner(_Runner):
    """Runs a graph, asks people what its `interrupt()` calls ask, and goes on with their answers.

    Each pending interrupt is one decision (one for each tool call in a request of LangChain's),
    found again by thread and interrupt wherever it is asked again: after a crash, by another
    process, on a callback. The graph takes a checkpointer and `config` a `thread_id`; the settings
    are those of `RunnerSettings`. The methods return what the graph's `invoke` does, and options of
    `invoke`, such as `context`, may follow `config`.

    What was permitted runs once: it is claimed before the graph has the answer, and the record is
    told how the node that asked has ended. A node that failed, or whose process has died, runs
    again with the thread; where another worker is at it, the methods raise `AlreadyClaimed`.

    `lock` is called with a thread id and returns a context manager in which nobody else runs that
    thread. The default keeps out this process; where several processes handle callbacks, give one
    that they share. Within it a thread goes on also where the machine of its last worker is gone.

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
        super().__init__(graph, settings, alone=lock is not None)
        self._client = client
        self._lock = lock or _for_this_process(graph)

    def run(self, input: Any, config: Config, **options: Any) -> Any:
        """Run the graph until it ends, waiting for people wherever it asks.

        Raises what the graph raises and what `decisions.create` and `wait` raise; `ActionDenied`
        where denials are to be raised, and `AlreadyClaimed`. The thread can be resumed after each.
        """
        return self._begin(input, config, options, waits=True)

    def resume(self, config: Config, **options: Any) -> Any:
        """Go on, as `run` does, with a thread whose runner is gone.

        A thread that has ended is left as it is, and so is one at a static breakpoint.
        """
        return self._proceed(config, options, waits=True)

    def start(self, input: Any, config: Config, **options: Any) -> Any:
        """Run the graph until it ends, or until it waits for people, who are asked then.

        Nothing waits for their answers: they come to the `callback_url`, which the runner needs
        for this, and `handle_callback` goes on.
        """
        self._check_callback_url()
        return self._begin(input, config, options, waits=False)

    def handle_callback(self, event: Event, config: Config | None = None, **options: Any) -> Any:
        """Go on, as `start` does, with the thread that asked for this decision; None if none did.

        Pass what `handover.webhooks.verify` has returned. It says only which thread to look at: its
        answers are read from the service, so that an event that comes twice does nothing twice.
        `config` is for what the thread's has beside its `thread_id`.
        """
        found = _thread_of(event, config)
        return found and self._proceed(found, options, waits=False)

    def _begin(self, input: Any, config: Config, options: Config, *, waits: bool) -> Any:
        thread = self._thread(config, options, waits=waits)
        return self._driver(thread).run(begin(thread, input))

    def _proceed(self, config: Config, options: Config, *, waits: bool) -> Any:
        thread = self._thread(config, options, waits=waits)
        return self._driver(thread).run(proceed(thread))

    def _driver(self, thread: Thread) -> Driver:
        lock = partial(self._lock, thread.board.thread_id)
        return Driver(self._client, self._graph, lock)


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
        super().__init__(graph, settings, alone=lock is not None)
        self._client = client
        self._lock = lock or _for_this_process(graph)

    async def run(self, input: Any, config: Config, **options: Any) -> Any:
        """As `ApprovalRunner.run`."""
        return await self._begin(input, config, options, waits=True)

    async def resume(self, config: Config, **options: Any) -> Any:
        """As `ApprovalRunner.resume`."""
        return await self._proceed(config, options, waits=True)

    async def start(self, input: Any, config: Config, **options: Any) -> Any:
        """As `ApprovalRunner.start`."""
        self._check_callback_url()
        return await self._begin(input, config, options, waits=False)

    async def handle_callback(
        self, event: Event, config: Config | None = None, **options: Any
    ) -> Any:
        """As `ApprovalRunner.handle_callback`."""
        found = _thread_of(event, config)
        return found and await self._proceed(found, options, waits=False)

    async def _begin(self, input: Any, config: Config, options: Config, *, waits: bool) -> Any:
        thread = self._thread(config, options, waits=waits)
        return await self._driver(thread).run(begin(thread, input))

    async def _proceed(self, config: Config, options: Config, *, waits: bool) -> Any:
        thread = self._thread(config, options, waits=waits)
        return await self._driver(thread).run(proceed(thread))

    def _driver(self, thread: Thread) -> AsyncDriver:
        lock = partial(self._lock, thread.board.thread_id)
        return AsyncDriver(self._client, self._graph, lock)


def _thread_of(event: Event, config: Config | None) -> Config | None:
    thread_id = event.decision.metadata.get(THREAD)
    if thread_id is None:
        return None
    config = config or {}
    return {**config, "configurable": {**configurable(config), "thread_id": thread_id}}


def _for_this_process(graph: Graph) -> Callable[[str], SharedLock]:
    """Of all runners of this process that have the same checkpointer."""
    kept = id(getattr(graph, "checkpointer", None))
    return lambda thread_id: LOCKS(f"{kept} {thread_id}")
