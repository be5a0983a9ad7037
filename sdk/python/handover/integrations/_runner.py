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
    """The methods of a compiled graph that we use."""

    @property
    def invoke(self) -> Callable[..., Any]: ...
    @property
    def ainvoke(self) -> Callable[..., Any]: ...
    @property
    def get_state(self) -> Callable[..., Any]: ...
    @property
    def aget_state(self) -> Callable[..., Any]: ...


class Event(Protocol):
    """The fields that we use of the event that `handover.webhooks.verify` returns."""

    @property
    def decision(self) -> Decision: ...


class RunnerSettings(FurtherFields, total=False):
    """The settings of a runner. All further ones are fields of every decision, as
    `decisions.create` takes them."""

    approver: Required[str | Sequence[str]]
    """The people who are asked."""
    to_request: ToRequest | None
    """Called with the value of an interrupt, or with one of its tool calls; returns fields of its
    own for it, and the same ones for the same value."""
    to_value: ToValue
    """Makes the return value of `interrupt()` from the decision. By default this is `short_answer`,
    which is false unless the action may run; or use `full_answer`, or a function of yours.
    LangChain's requests are answered in LangChain's own words."""
    denied: Literal["resume", "raise"]
    """With `raise`, a denial or an expiry raises `ActionDenied` and leaves the graph where it is,
    instead of resuming it."""
    refused: Literal["resume", "raise"]
    """Treatment of an interrupt that can be shown to nobody: one with NaN in its payload, for
    example, or with more than 256 KB. `resume` goes on as with a denial, and the answer says what
    is wrong; `raise` raises `NotAskedError` and leaves the graph where it is."""
    together: bool
    """Resume when all pending interrupts have answers. By default the graph resumes as soon as one
    has, so that what one person permits does not wait for another; then LangGraph runs the other
    paused nodes up to their `interrupt()` again."""
    once: bool
    """By default, what was permitted runs once: it is claimed before the graph has the answer, and
    its record says how the node that asked has ended. With `once=False` nothing is claimed and
    nothing recorded: for a graph whose nodes claim by themselves, or may run twice."""
    look_every: float
    """Seconds between two looks of a waiting runner at its thread, by default 10. The thread may
    have been answered elsewhere, or gone on without an answer."""


OWN = ("to_request", "to_value", "denied", "refused", "together", "once", "look_every")


class _Runner:
    """The part of both runners without I/O."""

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
    """Runs a graph, asks people what its `interrupt()` calls ask, and resumes it with their
    answers.

    Each pending interrupt is one decision (one for each tool call in a request of LangChain's),
    which a repeated question finds again by thread and interrupt: after a crash, in another
    process, on a callback. The graph needs a checkpointer and `config` a `thread_id`; the settings
    are those of `RunnerSettings`. The methods return what the graph's `invoke` does, and options of
    `invoke`, such as `context`, may follow `config`.

    What was permitted runs once: it is claimed before the graph has the answer, and the record
    learns how the node that asked has ended. A node that failed, or whose process has died, runs
    again with the thread; if another worker is running it, the methods raise `AlreadyClaimed`.

    `lock` is called with a thread id and returns a context manager in which nobody else runs that
    thread. The default keeps out this process; if several processes handle callbacks, give one that
    they share. Within it a thread goes on even if the machine of its last worker is gone.

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

        Raises the errors of the graph, of `decisions.create` and of `wait`; `ActionDenied` if
        denials are to be raised, and `AlreadyClaimed`. The thread can be resumed after each.
        """
        return self._begin(input, config, options, waits=True)

    def resume(self, config: Config, **options: Any) -> Any:
        """Resume, as `run` does, a thread whose runner is gone.

        A thread that has ended is left as it is, and so is one at a static breakpoint.
        """
        return self._proceed(config, options, waits=True)

    def start(self, input: Any, config: Config, **options: Any) -> Any:
        """Run the graph until it ends, or until it waits for people, who are then asked.

        Nothing waits for their answers: they come to the `callback_url`, which the runner needs for
        this, and `handle_callback` resumes the graph.
        """
        self._check_callback_url()
        return self._begin(input, config, options, waits=False)

    def handle_callback(self, event: Event, config: Config | None = None, **options: Any) -> Any:
        """Resume, as `start` does, the thread that asked for this decision; return None if none
        did.

        Pass the event that `handover.webhooks.verify` has returned. It says only which thread to
        look at: the answers are read from the service, so that an event that comes twice does
        nothing twice. `config` adds to the thread's own, besides its `thread_id`.
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
    """`ApprovalRunner` for an event loop: the same methods, awaited, with `lock` returning an
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
        """Run the graph as `ApprovalRunner.run` does."""
        return await self._begin(input, config, options, waits=True)

    async def resume(self, config: Config, **options: Any) -> Any:
        """Resume a thread as `ApprovalRunner.resume` does."""
        return await self._proceed(config, options, waits=True)

    async def start(self, input: Any, config: Config, **options: Any) -> Any:
        """Start a thread as `ApprovalRunner.start` does."""
        self._check_callback_url()
        return await self._begin(input, config, options, waits=False)

    async def handle_callback(
        self, event: Event, config: Config | None = None, **options: Any
    ) -> Any:
        """Handle a callback as `ApprovalRunner.handle_callback` does."""
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
    """Return the locks of all runners of this process with the same checkpointer."""
    kept = id(getattr(graph, "checkpointer", None))
    return lambda thread_id: LOCKS(f"{kept} {thread_id}")
