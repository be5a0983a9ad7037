"""What a runner does with a thread, step by step: ask what its graph asks, and go on with the
answers, each of which is given once, to the question that it was given for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from langgraph.errors import is_invalid_resume
from langgraph.types import Command
from pydantic import ValidationError

from .._asking import told_to_caller
from ..exceptions import NotAskedError
from ..models import Decision
from ._asked import asked, leave
from ._board import Board, Settings
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
    mark_of,
    standing,
)
from ._steps import Course, Lock, OnGraph, Together, Wait
from ._tool_nodes import check_tool_nodes


@dataclass(slots=True)
class Thread:
    """One call of a runner."""

    graph: Any
    board: Board
    config: Config
    """As it was given. All but the beginning of a run is done at the thread's head."""
    options: Config
    waits: bool
    output: Any = None
    output_at: tuple[Any, ...] | None = field(init=False, default=None)
    """Where the thread stood when `output` was returned; None where nothing was run."""

    @property
    def settings(self) -> Settings:
        return self.board.settings


def begin(thread: Thread, input: Any) -> Course[Any]:
    """Run the graph with this input, and go on."""
    yield Lock.ENTER
    yield from _remember(thread, (yield from _look(thread)))
    try:
        thread.output = yield OnGraph("invoke", (input, thread.config), thread.options)
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
    alone = has_failed(state) or is_behind(state) or is_cut_off(state, thread.graph, thread.options)
    if alone:
        thread.output = yield from _invoke(thread, None)
    return (yield from _go_on(thread, has_run=alone))


def _look(thread: Thread) -> Course[Any]:
    return (yield OnGraph("get_state", (at_head(thread.config),), {"subgraphs": True}))


def _invoke(thread: Thread, input: Any) -> Course[Any]:
    return (yield OnGraph("invoke", (input, at_head(thread.config)), thread.options))


def _remember(thread: Thread, state: Any) -> Course[None]:
    """What the thread has asked up to here, so that it is known what of it is not needed later."""
    asked: list[Interrupt] = list(state.interrupts)
    while abandons(state):
        state = yield OnGraph("get_state", (state.parent_config,))
        asked += state.interrupts
    thread.board.update(asked)


def _leave(board: Board) -> Course[None]:
    yield Together([leave(each.key, board.decision(each)) for each in board.left()])


def _go_on(thread: Thread, *, has_run: bool) -> Course[Any]:
    board = thread.board
    while True:
        state = yield from _ask(thread)
        thread.output_at = mark_of(state) if has_run else thread.output_at
        if resume := board.resume():
            has_run = yield from _resume(thread, resume)
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
    """Ask what nobody has been asked yet, and take back what is left; the state that it is in."""
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
        fields = question.fields(settings.defaults, settings.to_request)
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


def _resume(thread: Thread, resume: dict[str, Any]) -> Course[bool]:
    """Whether the graph has taken these answers."""
    try:
        thread.output = yield from _invoke(thread, Command(resume=resume))
    except ValidationError as error:
        if not is_invalid_resume(error) or len(resume) != 1:
            raise
        thread.board.refused(resume, error)  # what it did not take can be said in another way
        return False
    thread.board.handed(resume)
    return True
