"""How many codes are mailed, and how often each may be tried, whoever presses and types what: the
way in of the API on a real store, without a server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.answers.answering import Answers
from api.answers.step_up import APART, CodeNeeded, StepUp
from api.problems.errors import ApiError, Conflict, NotFound, Unavailable, Unconfirmed
from histories.reading import Live
from links import Codes
from store import Store, open_store
from store.codes import HOLDS_FOR, MAX_TRIES, OTHERS_TRIES
from tests.volume import volume
from tests.workflows.harness import make_input
from workflows.lifecycle import begin
from workflows.objections import MAX_CODES
from workflows.statements import Response

NOW = datetime(2026, 3, 12, 14, 0, tzinfo=UTC)
ANN = "ann@example.com"
MINE, EVES, ANOTHER = "form-of-ann-herself", "form-of-eve-who-has-it", "form-of-nobody-known"

Step = tuple[str, str, int]
"""Which form does what, so many seconds after the step before."""

STEPS = st.lists(
    st.tuples(
        st.sampled_from([MINE, EVES, ANOTHER]),
        st.sampled_from(["press", "another", "wrong", "wrong", "wrong"]),
        st.sampled_from([0, 0, 0, 1, 20, 61, 301]),
    ),
    max_size=60,
)


@dataclass
class Play:
    """One decision, whose approver's link several have."""

    store: Store
    id: str
    now: datetime = NOW
    mailed: list[tuple[str, datetime]] = field(default_factory=list[tuple[str, datetime]])
    compared: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Which code with what a form typed."""
    form: str = ""
    fails: ApiError | None = None

    async def request_code(self, reading: Live, approver: str, code_id: str) -> None:
        assert (reading.decision_id, approver) == (self.id, ANN)
        if self.fails:
            raise self.fails
        self.mailed.append((code_id, self.now))

    def _reading(self) -> Live:
        input = make_input(self.id)
        return Live(decision_id=self.id, run_id="run", input=input, state=begin(input))

    def holds(self, typed: str, code_id: str) -> bool:
        self.compared.append((self.form, code_id))
        return Codes(["k" * 32]).holds(typed, code_id)

    async def send(self, form: str, typed: str = "", *, again: bool = False) -> Any:
        """What comes of it: an answer, what to type, or what keeps both from being."""
        self.form = form
        parts: Any = self
        answers = Answers(parts, parts, self.store.attachments, cast(Any, Record()), parts)
        step_up = StepUp(parts, self.store.codes, parts, answers)
        response = Response(
            decision_id=self.id,
            run_id="run",
            request_digest="0",
            approver=ANN,
            choice="approve",
            received_at=self.now,
        )
        try:
            return await step_up.pass_step(self._reading(), response, typed, form=form, again=again)
        except Conflict as error:
            return error

    async def act(self, form: str, what: str, later: int) -> Any:
        self.now += timedelta(seconds=later)
        return await self.send(form, "x" if what == "wrong" else "", again=what == "another")

    def code(self, number: int = -1) -> str:
        return Codes(["k" * 32]).of(self.mailed[number][0])


class Record:
    async def add(self, *_: object) -> None: ...


class Plays:
    """Each decision anew, in one store."""

    def __init__(self, runner: asyncio.Runner, store: Store) -> None:
        self._runner = runner
        self._store = store
        self._number = 0

    def new(self) -> Play:
        self._number += 1
        return Play(self._store, f"dec_{self._number}")

    def run(self, play: Any) -> Any:
        return self._runner.run(play)


@pytest.fixture(scope="module")
def plays(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plays]:
    folder: Path = tmp_path_factory.mktemp("codes")
    with asyncio.Runner() as runner:
        store = runner.run(open_store(f"sqlite+aiosqlite:///{folder}/store.db"))
        yield Plays(runner, store)
        runner.run(store.close())


@settings(max_examples=volume(500, 40))
@given(steps=STEPS)
def test_codes_and_tries_are_bounded(plays: Plays, steps: list[Step]) -> None:
    """Ten, a minute apart; five tries at each for who asked, and two for all others together."""
    play = plays.new()

    async def all_steps() -> None:
        for step in steps:
            await play.act(*step)

    plays.run(all_steps())
    times = [at for _, at in play.mailed]
    assert len(times) <= MAX_CODES
    assert all(later - earlier >= APART for earlier, later in pairwise(times))
    for each in plays.run(sent(play)):
        own = play.compared.count((each.form, each.id))
        others = sum(code == each.id for _, code in play.compared) - own
        assert own == each.tries <= MAX_TRIES
        assert others == each.others <= OTHERS_TRIES


@settings(max_examples=volume(500, 40))
@given(steps=STEPS, tries=st.integers(0, MAX_TRIES - 1))
def test_nothing_that_others_do_ends_a_code(plays: Plays, steps: list[Step], tries: int) -> None:
    """Who asked for it, and did not try it five times, answers with it for ten minutes."""
    play = plays.new()

    async def all_steps() -> object:
        await play.send(MINE)
        first = play.code()
        for _ in range(tries):
            await play.send(MINE, "x")
        for form, what, later in steps:
            if play.now + timedelta(seconds=later) < NOW + HOLDS_FOR:
                await play.act(EVES if form == MINE else form, what, later)
        return await play.send(MINE, first)

    answer = plays.run(all_steps())
    assert isinstance(answer, Response)
    assert answer.step_up == play.mailed[0][0]


def test_fifty_wrong_codes_and_another_press(plays: Plays) -> None:
    """Seen before: a code that five wrong tries had ended was replaced at once, until all ten were
    gone in three seconds."""
    play = plays.new()

    async def attack() -> None:
        await play.send(MINE)
        for _ in range(50):
            await play.send(EVES, "000000")
            await play.send(EVES, again=True)

    plays.run(attack())
    assert len(play.mailed) == 1
    assert isinstance(plays.run(play.send(MINE, play.code())), Response)


def test_whoever_asks_for_all_ten(plays: Plays) -> None:
    """Keeps everybody from answering by this link, and is told so; what holds still counts."""
    play = plays.new()

    async def attack() -> list[Any]:
        for _ in range(MAX_CODES):
            await play.act(EVES, "another", 61)
        last = await play.act(EVES, "another", 61)
        over = await play.act(ANOTHER, "press", 600)
        return [last, over]

    last, over = plays.run(attack())
    assert isinstance(last, CodeNeeded)
    assert (last.next_in, last.tries) == (None, MAX_TRIES)
    assert (over.status, over.problem.code) == (409, "too_many_codes")
    assert len(play.mailed) == MAX_CODES


def test_who_comes_after_a_scanner_types_what_it_had_mailed(plays: Plays) -> None:
    """It costs them nothing; and where others have spent those tries, a minute."""
    play = plays.new()

    async def person() -> list[Any]:
        await play.send(EVES)
        told = await play.send(MINE)
        return [told, await play.send(MINE, "x"), await play.send(MINE, play.code())]

    told, wrong, answer = plays.run(person())
    assert (told.sent_at, told.tries, told.next_in) == (NOW, OTHERS_TRIES, 60)
    assert (wrong.wrong, wrong.tries) == (True, OTHERS_TRIES - 1)
    assert isinstance(answer, Response)

    async def robbed() -> list[Any]:
        for _ in range(9):
            await play.send(ANOTHER, "x")
        told = await play.act(MINE, "press", 20)
        again = await play.act(MINE, "press", 40)
        return [told, again]

    waiting, mailed = plays.run(robbed())
    assert (waiting.sent_at, waiting.tries, waiting.next_in) == (None, 0, 40)
    assert (mailed.sent_at, mailed.tries) == (play.now, MAX_TRIES)
    assert len(play.mailed) == 2


async def sent(play: Play) -> list[Any]:
    return list(await play.store.codes.of(play.id, ANN))


@pytest.mark.parametrize("error", [Unavailable("away"), NotFound("over"), Conflict("other")])
def test_a_code_that_was_not_mailed_counts_for_nothing(plays: Plays, error: ApiError) -> None:
    """The next press has one mailed, without a pause."""
    play = plays.new()

    async def press() -> None:
        play.fails = error
        with suppress(ApiError):
            await play.send(MINE)
        assert await sent(play) == []
        play.fails = None
        await play.send(MINE)

    plays.run(press())
    assert len(play.mailed) == 1


def test_a_code_that_was_perhaps_mailed_counts(plays: Plays) -> None:
    """It may be in somebody's mail: it is said so, and what is typed is compared with it."""
    play = plays.new()
    play.fails = Unconfirmed("nobody knows")
    with pytest.raises(Unconfirmed, match="It is not known whether a code was mailed"):
        plays.run(play.send(MINE))
    [code] = plays.run(sent(play))
    answer = plays.run(play.send(MINE, Codes(["k" * 32]).of(code.id)))
    assert isinstance(answer, Response)
