"""`make bench`, or `python -m benchmarks.run`; `make bench ARGS="--rounds 3"` passes options."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from benchmarks.bursts import ask_in_a_burst
from benchmarks.clicks import click
from benchmarks.contenders import Contender
from benchmarks.handing_over import hand_over
from benchmarks.held import hold
from benchmarks.load import play
from benchmarks.pages import open_pages
from benchmarks.report import (
    Results,
    burst_line,
    handed_line,
    held_line,
    json_line,
    page_lines,
    sdk_lines,
    table,
)
from benchmarks.sdk import weigh
from benchmarks.stage import Stage, set_up
from embedded.errors import RunError
from embedded.programs import get_dev_server
from embedded.steps import say


def options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run")
    parser.add_argument("--rounds", type=int, default=3, help="of which the medians are taken")
    parser.add_argument("--alone", type=int, default=25, help="decisions in a round, one at once")
    parser.add_argument("--crowd", type=int, default=160, help="decisions in a round, many at once")
    parser.add_argument("--at-once", type=int, default=50, help="how many are many")
    parser.add_argument("--think", type=float, default=0.05, help="an approver's seconds")
    parser.add_argument("--messages", type=int, default=30, help="whose handing over is timed")
    parser.add_argument("--pages", type=int, default=200, help="times a page is opened, and read")
    parser.add_argument("--clicks", type=int, default=40, help="with a pause between decisions")
    parser.add_argument("--imports", type=int, default=9, help="of the SDK, that are timed")
    parser.add_argument("--waited-for", type=int, default=50, help="decisions of the SDK's waits")
    parser.add_argument("--waits", type=int, default=20, help="calls that wait for each of them")
    parser.add_argument("--burst", type=int, default=2000, help="asked as fast as agents can")
    parser.add_argument("--agents", type=int, default=20, help="who ask them")
    parser.add_argument("--held", type=int, default=1500, help="of them are waited for, at rest")
    # The SDK's longest hold: in the minute before, each agent asks again once more than at rest.
    parser.add_argument("--rest", type=float, default=110, help="seconds of that rest")
    return parser.parse_args(arguments)


async def bench(chosen: argparse.Namespace) -> str:
    """Run the benchmark and return the report."""
    with tempfile.TemporaryDirectory(prefix="handover-bench-") as folder:
        program = await get_dev_server()
        async with set_up(program, Path(folder), chosen.think) as stage:
            columns = await measure(stage, chosen)
            say("Handing over messages ...")
            handed = await hand_over(stage.plain, stage.bare, chosen.messages)
            say("Opening pages ...")
            opened = await open_pages(stage.plain, chosen.pages)
            say("Answering, with pauses ...")
            clicks = await click(stage.plain, stage.bare, chosen.clicks)
            say("Asking in a burst ...")
            burst = await ask_in_a_burst(stage.plain, chosen.burst, chosen.agents)
            say("Waiting at rest ...")
            held = await hold(stage.plain, burst.decision_ids[: chosen.held], chosen.rest)
            say("Waiting over a killed API ...")
            weight = await weigh(stage.plain, chosen.imports, chosen.waited_for, chosen.waits)
    told = [table(columns, chosen.at_once), handed_line(handed), page_lines(opened)]
    told += [sdk_lines(clicks, weight), burst_line(burst), held_line(held)]
    line = json_line(
        *columns,
        handed=handed,
        opened=opened,
        clicks=clicks,
        weight=weight,
        burst=burst,
        held=held,
    )
    return "\n".join([*told, line])


async def measure(stage: Stage, chosen: argparse.Namespace) -> list[Results]:
    """Measure in alternating rounds, so that other load on the machine affects all of them
    alike."""
    say("Counting Actions and events ...")
    lanes = [(one, results) async for one, results in count(stage, chosen.alone)]
    for number in range(1, chosen.rounds + 1):
        say(f"Round {number} of {chosen.rounds} ...")
        for one, result in lanes:
            result.alone.append(await play(stage.server, one, chosen.alone, 1))
        for one, result in lanes:
            result.crowd.append(await play(stage.server, one, chosen.crowd, chosen.at_once))
    return [result for _, result in lanes]


async def count(stage: Stage, decisions: int) -> AsyncIterator[tuple[Contender, Results]]:
    """Count costs, which also warms everything up."""
    server, before = stage.server, await stage.server.actions()
    for one in stage.contenders:
        played = await play(server, one, decisions, 1)
        after = await server.actions()
        yield one, Results(one.name, await server.cost(played.settled, after - before))
        before = after


def main() -> int:
    """Return the exit status."""
    report = None
    # An agent that is held back says so each time.
    logging.getLogger("handover").setLevel(logging.ERROR)
    try:
        report = asyncio.run(bench(options(sys.argv[1:])))
    except* RunError as errors:
        print(*errors.exceptions, sep="\n", file=sys.stderr)
    if report:
        say(report)
    return 0 if report else 1


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Temporal's native threads can abort a Python 3.11 interpreter that is winding up, and the
    # status would be theirs (134).
    os._exit(status)
