"""`make faults`, or `python -m tests.faults.run`: which planted faults does the suite notice?

Each fault is planted in a copy of the tree, where the tests that it names run until one fails;
where none does, the folders of its room do. A test that failed counts only if it is green without
the fault: all of these run once more in the end, in a copy where nothing is planted.
`make faults ARGS="--compare before.tsv"` tells what is less well noticed than in an earlier run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields, replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue

from tests.faults.catalogue import Fault, MisplacedError, faults
from tests.faults.scratch import Ran, Scratch

ROOT = Path(__file__).parent.parent.parent

CAUGHT, MISSED, OUT_OF_TIME, OTHERWISE, NOT_RUN, NOTICED = (
    *("caught", "missed", "out of time", "failed otherwise", "not run", "noticed"),
)
"""`noticed` becomes `caught` once the test that failed is green without the fault."""

NAMED, ROOM = "named", "room"
"""Which tests ran: those that the fault names, or the folders of its room."""

TIMES = 6
"""How many times as long as the named tests the folders of a room may take."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`by` is the test that failed, else what there is to say; `where` is `NAMED` or `ROOM`."""

    id: str
    verdict: str
    seconds: float
    where: str
    by: str
    needs: str

    def line(self) -> str:
        return "\t".join(map(str, astuple(self)))


def main(arguments: Sequence[str]) -> int:
    """0 where every fault is noticed, or none less well than before."""
    chosen = _options(arguments)
    picked = [each for each in faults() if _is_chosen(each.id, chosen.only)]
    with _copies(chosen.tree, chosen.jobs) as copies:
        trials = Trials(copies, chosen.limit, chosen.results)
        verdicts = trials.verdicts
        trials.judge({fault: fault.tests for fault in picked}, NAMED)
        if not chosen.narrow:
            further = [each for each in picked if verdicts[each.id].verdict == MISSED]
            trials.judge({fault: fault.widely for fault in further}, ROOM)
    print(_summary(verdicts.values()))
    if chosen.compare:
        return _tell_worse(_read(chosen.compare), verdicts)
    return int(any(each.verdict != CAUGHT for each in verdicts.values()))


class Trials:
    """`copies` are taken in turn; after each verdict all of them are written to `results`."""

    def __init__(self, copies: Sequence[Scratch], limit: float, results: Path) -> None:
        self._copies = copies
        self._free = SimpleQueue[Scratch]()
        for copy in copies:
            self._free.put(copy)
        self._limit = limit
        self._results = results
        self.verdicts: dict[str, Verdict] = {}

    def judge(self, tried: dict[Fault, tuple[str, ...]], where: str) -> None:
        """Try these faults with these tests, and the tests that failed without the faults."""
        with ThreadPoolExecutor(len(self._copies)) as threads:
            try:
                for verdict in threads.map(partial(self._try, where), tried, tried.values()):
                    self._note(verdict)
            except KeyboardInterrupt:
                for copy in self._copies:
                    copy.interrupt()
                raise
        noticed = [v for v in self.verdicts.values() if v.verdict == NOTICED]
        red = self._red({_function(verdict.by) for verdict in noticed})
        for verdict in noticed:
            why = red.get(_function(verdict.by))
            by = f"red without it: {why}" if why else verdict.by
            self._note(replace(verdict, verdict=NOT_RUN if why else CAUGHT, by=by))

    def _try(self, where: str, fault: Fault, tests: tuple[str, ...]) -> Verdict:
        told = partial(Verdict, fault.id, where=where, needs=fault.needs or "")
        with self._copy() as copy:
            there = [test for test in tests if copy.has(test)]
            if not there:
                return told(MISSED, 0.0, by="the tree has none of these tests")
            try:
                with copy.with_fault(fault):
                    ran = self._ran(copy, there, self._limit * (1 if where == NAMED else TIMES))
            except (MisplacedError, FileNotFoundError) as error:
                return told(NOT_RUN, 0.0, by=" ".join(str(error).split()))
        verdict, by = _verdict(ran)
        return told(verdict, round(ran.seconds, 1), by=by)

    def _ran(self, copy: Scratch, tests: Sequence[str], limit: float) -> Ran:
        """Until the first one fails. A server that did not start in time has another try."""
        ran = copy.run(tests, limit, "-x")
        is_odd = not (ran.is_red or ran.is_green or ran.status is None)
        return copy.run(tests, limit, "-x") if is_odd else ran

    def _red(self, failed: Iterable[str]) -> dict[str, str]:
        """Those of these tests that fail as well where nothing is planted, and what they say: all
        of them in one run, and by itself each that was red there."""
        tests = sorted(failed)
        if not tests:
            return {}
        with self._copy() as copy:
            together = copy.run(tests, self._limit * TIMES)
            print(f"{_clock()}  without faults: {together.told}", flush=True)
            doubtful = tests
            if together.is_green or together.is_red:
                doubtful = sorted({_function(test) for test in together.failed})
            alone = {test: copy.run([test], self._limit) for test in doubtful}
        return {test: ran.told for test, ran in alone.items() if not ran.is_green}

    @contextmanager
    def _copy(self) -> Iterator[Scratch]:
        copy = self._free.get()
        try:
            yield copy
        finally:
            self._free.put(copy)

    def _note(self, verdict: Verdict) -> None:
        self.verdicts[verdict.id] = verdict
        if verdict.verdict != CAUGHT:
            print(f"{_clock()}  {verdict.line()}", flush=True)
        names = "\t".join(field.name for field in fields(Verdict))
        lines = [names, *(each.line() for each in self.verdicts.values())]
        self._results.write_text("\n".join(lines) + "\n")


def _verdict(ran: Ran) -> tuple[str, str]:
    if ran.is_red:
        return NOTICED, ran.failed[0]
    if ran.is_green:
        return MISSED, ran.told
    return (OUT_OF_TIME if ran.status is None else OTHERWISE), ran.told


@contextmanager
def _copies(tree: Path, jobs: int) -> Iterator[list[Scratch]]:
    with tempfile.TemporaryDirectory(prefix="handover-faults-") as folder:
        yield [Scratch(tree.resolve(), Path(folder, str(number))) for number in range(jobs)]


def _summary(verdicts: Iterable[Verdict]) -> str:
    """How many of each table, by verdict."""
    rows: dict[str, Counter[str]] = {}
    for each in verdicts:
        rows.setdefault(each.id.partition(".")[0], Counter())[each.verdict] += 1
        rows.setdefault("all", Counter())[each.verdict] += 1
    rows["all"] = rows.pop("all", Counter())
    return "\n".join(f"{name:14}{dict(counted)}" for name, counted in rows.items())


def _read(results: Path) -> dict[str, Verdict]:
    lines = [line.split("\t") for line in results.read_text().splitlines()[1:]]
    return {id: Verdict(id, what, float(took), *rest) for id, what, took, *rest in lines}


def _tell_worse(before: dict[str, Verdict], after: dict[str, Verdict]) -> int:
    """1 where a fault that was noticed before is not any more."""
    known = before.keys() & after.keys()
    was = {id for id in known if before[id].verdict == CAUGHT}
    is_now = {id for id in known if after[id].verdict == CAUGHT}
    lost, won = was - is_now, is_now - was
    for id in sorted(lost):
        print(f"LESS: {id} is {after[id].verdict}; {before[id].by} noticed it")
    for id in sorted(won):
        print(f"more: {id} was {before[id].verdict}; {after[id].by} notices it")
    untried = len(before) - len(known)
    print(f"{len(known)} in both runs: {len(lost)} less well noticed, {len(won)} better")
    print(f"{untried} of the earlier run were not tried now")
    return int(bool(lost))


def _function(test: str) -> str:
    """Of a test with its parameters, which may be too odd to be named."""
    return test.partition("[")[0]


def _clock() -> str:
    return time.strftime("%H:%M:%S")


def _is_chosen(id: str, only: Sequence[str]) -> bool:
    return not only or any(id == each or id.startswith(f"{each}.") for each in only)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.run", description=__doc__)
    parser.add_argument("--only", nargs="+", default=[], help="ids of faults, or names of tables")
    parser.add_argument("--jobs", type=int, default=1, help="copies in which tests run at once")
    parser.add_argument("--limit", type=float, default=300, help="seconds for the named tests")
    parser.add_argument("--tree", type=Path, default=ROOT, help="whose code and tests; this tree's")
    parser.add_argument("--narrow", action="store_true", help="run the named tests alone")
    parser.add_argument("--results", type=Path, default=Path("faults.tsv"), help="written to")
    parser.add_argument("--compare", type=Path, help="the results of an earlier run")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
