"""Rounds of so many decisions, so many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from uuid import uuid4

from benchmarks.contenders import Contender, Settled
from benchmarks.measures import Server, cpu_seconds, milliseconds


@dataclass(frozen=True, slots=True)
class Round:
    """The result of a round: `seconds` until the last decision was settled, and `cpu` by process
    until it was closed."""

    settled: list[Settled]
    seconds: float
    cpu: Mapping[str, float]

    @property
    def per_second(self) -> float:
        return len(self.settled) / self.seconds

    def latency(self, percent: int) -> float:
        """Return the milliseconds within which this share of the answers was with its agent."""
        return milliseconds([one.seconds for one in self.settled], percent)

    def cpu_each(self, process: str) -> float:
        """Return the milliseconds of processor time for one decision; nan if they are not known."""
        return 1000 * self.cpu.get(process, float("nan")) / len(self.settled)


async def play(server: Server, contender: Contender, decisions: int, at_once: int) -> Round:
    """Let `at_once` pairs of agent and approver settle so many `decisions`, one after the other."""
    mark = uuid4().hex[:8]
    approvers = iter([f"approver-{mark}-{n}@example.com" for n in range(decisions)])
    settled: list[Settled] = []

    async def pair() -> None:
        for approver in approvers:
            settled.append(await contender.decide(approver))  # noqa: PERF401 - all share the list

    before, began = cpu_seconds(contender.pids), perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(pair())
    seconds = perf_counter() - began
    await server.drained()
    after = cpu_seconds(contender.pids)
    return Round(settled, seconds, {name: after[name] - before[name] for name in after})
