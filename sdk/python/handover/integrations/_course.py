"""The course of a runner with a thread, step by step: it asks what the graph asks, and goes on with
the answers, each of which is given once, to its own question."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from langgraph.errors import is_invalid_resume
from langgraph.types import Command
from pydantic import ValidationError

from .._asking import told_to_caller
from ..exceptions import AlreadyClaimed, NotAskedError
from ..models import Decision, ExecutionStatus
from ._asked import asked, leave
from ._board import Board, Settings, misfit
from ._claims import let_go, report, tell_unfit
from ._handed import Handed, handed_before, open_claims, take_all, tell_all
from ._questions import Question, unasked
from ._shapes import Interrupt
from ._snapshots import (
    Config,
    abandons,
    at_head,
    check_is_head,
    has_failed,
    is_behind,
    is_cut_off,
    is_head,
    mark_of,
    standing,
)
from ._steps import Course, Lock, OnGraph, Together, Wait
from ._tool_nodes import check_tool_nodes

logger = logging.getLogger("handover")


@dataclass(slots=True)
class Thread:
    """One call of a runner."""

    graph: Any
    board: Board
    config: Config
    """The config as it was given. All but the beginning of a run is done at the thread's head."""
    options: Config
    waits: bool
    alone: bool
    """Whether the lock keeps out everybody else who might run the thread, wherever that is."""
    output: Any = None
    output_at: tuple[Any, ...] | None = field(init=False, default=None)
    """The thread's place when `output` was returned; None if nothing was run."""

    @property
    def settings(self) -> Settings:
        return self.board.settings


def begin(thread: Thread, input: Any) -> Course[Any]:
    """Run the graph with this input, and go on."""
    yield Lock.ENTER
    state = yield from _look(thread)
    yield from _remember(thread, state)
    goes_on = input is None and is_head(thread.config, state)
    again = (yield from _failed(thread, state)) if goes_on else []
    try:
        yield from _run_again(thread, again, thread.config, input)
    except Exception:
        thread.board.update((yield from _look(thread)).interrupts)
        yield from _leave(thread.board)
        raise
    return (yield from _go_on(thread, has_run=True))


def proceed(thread: Thread) -> Course[Any]:
    """Go on with a thread that stands still."""
    yield Lock.ENTER
    state = yield from _look(thread)
    check_is_head(thread.config, state)
    yield from _remember(thread, state)
    cut_off = is_cut_off(state, thread.graph, thread.options)
    goes_on = has_failed(state) or is_behind(state) or cut_off
    if goes_on:
        again = yield from _failed(thread, state)
        yield from _run_again(thread, again, at_head(thread.config), None)
    return (yield from _go_on(thread, has_run=goes_on))


def _look(thread: Thread) -> Course[Any]:
    return (yield OnGraph("get_state", (at_head(thread.config),), {"subgraphs": True}))


def _remember(thread: Thread, state: Any) -> Course[None]:
    """Remember the thread's questions so far, to know later which are no longer needed."""
    asked: list[Interrupt] = list(state.interrupts)
    while abandons(state):
        state = yield OnGraph("get_state", (state.parent_config,))
        asked += state.interrupts
    thread.board.update(asked)


def _leave(board: Board) -> Course[None]:
    yield Together([leave(each.key, board.decision(each)) for each in board.left()])


def _failed(thread: Thread, state: Any) -> Course[list[Handed]]:
    once, thread_id = thread.settings.once, thread.board.thread_id
    return (yield from handed_before(state, thread_id)) if once else []


def _run_again(thread: Thread, again: list[Handed], config: Config, input: Any) -> Course[None]:
    try:
        yield from take_all(again, alone=thread.alone)
        yield from _invoke(thread, again, config, input)
    finally:
        let_go(open_claims(again))


def _invoke(thread: Thread, handed: Sequence[Handed], config: Config, input: Any) -> Course[None]:
    """Run the graph, and report to the record what becomes of the answers it is handed."""
    run = OnGraph("invoke", (input, config), thread.options)
    try:
        thread.output = yield run
    except Exception as error:
        if not _is_refusal(error):
            yield from _tell_failure(thread, handed)
        raise
    yield from _tell(thread, handed, raised=False)


def _tell_failure(thread: Thread, handed: Sequence[Handed]) -> Course[None]:
    """Report a failure. The graph's error is raised, even if its checkpointer is away by now."""
    try:
        yield from _tell(thread, handed, raised=True)
    except Exception as error:
        logger.warning("What became of a thread could not be reported: %r", error)


def _is_refusal(error: Exception) -> bool:
    """Return whether the graph has refused an answer: then it has run nothing with it."""
    return isinstance(error, ValidationError) and is_invalid_resume(error)


def _tell(thread: Thread, handed: Sequence[Handed], *, raised: bool) -> Course[None]:
    if handed:
        state = yield from _look(thread)
        thread.board.asks_further((yield from tell_all(handed, state, raised=raised)))


def _go_on(thread: Thread, *, has_run: bool) -> Course[Any]:
    board = thread.board
    while True:
        state = yield from _ask(thread)
        thread.output_at = mark_of(state) if has_run else thread.output_at
        yield Together([tell_unfit(decision) for decision in board.unfit()])
        if resume := board.resume():
            has_run = yield from _resume(thread, resume, state)
            continue
        yield Lock.LEAVE
        if not (thread.waits and board.open()):
            is_latest = thread.output_at == mark_of(state)
            return thread.output if is_latest else standing(state)
        settled = yield Wait(board.open(), thread.settings.look_every)
        if settled:
            board.settled(settled)
        yield Lock.ENTER
        has_run = False


def _ask(thread: Thread) -> Course[Any]:
    """Ask what nobody has been asked yet, withdraw what is left, and return the state."""
    state = yield from _look(thread)
    board = thread.board
    unknown = board.update(state.interrupts)
    yield from _leave(board)
    yield from check_tool_nodes(thread.graph, state)
    yield Together([_ask_one(thread, each) for each in unknown])
    return state


def _ask_one(thread: Thread, question: Question) -> Course[None]:
    settings = thread.settings
    fields: dict[str, Any] = {}
    try:
        before = thread.board.before(question)
        fields = question.fields(settings.defaults, settings.to_request, before)
        decision: Decision = yield from asked(
            question.key, fields, lambda found: question.is_asked_by(found, fields)
        )
    except NotAskedError as error:
        if settings.raises_refused:
            raise
        if question.part.is_tool_call:
            error = told_to_caller(error)
        thread.board.asked(question, unasked(fields, error), payload=None)
    else:
        thread.board.asked(question, decision, fields.get("payload"))


def _resume(thread: Thread, resume: dict[str, Any], state: Any) -> Course[bool]:
    """Resume the graph, and return whether it has taken these answers."""
    handed = thread.board.handing(resume, state)
    try:
        if not (yield from _is_ours(thread, handed, resume)):
            return False
        yield from _invoke(thread, handed, at_head(thread.config), Command(resume=resume))
    except ValidationError as error:
        if not _is_refusal(error) or len(resume) != 1:
            raise
        claims = open_claims(handed)
        yield Together([report(each, ExecutionStatus.FAILED, misfit(error)) for each in claims])
        thread.board.refused(resume, error)  # what it did not take can be said in another way
        return False
    finally:
        let_go(open_claims(handed))
    thread.board.handed(resume)
    return True


def _is_ours(thread: Thread, handed: Sequence[Handed], resume: dict[str, Any]) -> Course[bool]:
    """Return whether this run goes on with these answers, and not one that already has.

    Raises `AlreadyClaimed` if somebody else is running them.
    """
    try:
        yield from take_all(handed, alone=thread.alone)
    except AlreadyClaimed:
        state = yield from _look(thread)
        if not resume.keys().isdisjoint(each.id for each in state.interrupts):
            raise
        return False
    return True
