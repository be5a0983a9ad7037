"""Measures what agents cost who wait and hear nothing, and what they leave of the API to others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter

from benchmarks.contenders import Product
from benchmarks.measures import cpu_seconds, milliseconds
from benchmarks.programs import run
from benchmarks.sdk import all_held

BETWEEN_READS = 0.1
"""Seconds between two reads of others."""


@dataclass(frozen=True, slots=True)
class Held:
    """The result. `cpu` has processor milliseconds a second of each process, while so many `waits`
    are held; `reads` has the seconds of others' reads of a decision meanwhile."""

    waits: int
    cpu: dict[str, float]
    reads: list[float]

    def read(self, percent: int) -> float:
        return milliseconds(self.reads, percent)


async def hold(product: Product, decision_ids: Sequence[str], seconds: float) -> Held:
    """Let one call of the SDK wait for each decision, with no answers.

    The first `seconds` let calls that began together come apart. The same time is then measured,
    and the same again with others' reads.
    """
    waiting = asyncio.create_task(run(product, "-m", "benchmarks.waiters", "1", *decision_ids))
    try:
        await all_held(product, len(decision_ids))
        await asyncio.sleep(seconds)
        before, began = cpu_seconds(product.pids), perf_counter()
        await asyncio.sleep(seconds)
        took, after = perf_counter() - began, cpu_seconds(product.pids)
        reads = await _read(product, decision_ids[0], seconds)
    finally:
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
    cpu = {name: 1000 * (after[name] - before[name]) / took for name in after}
    return Held(len(decision_ids), cpu, reads)


async def _read(product: Product, decision_id: str, seconds: float) -> list[float]:
    """Read one after the other, with a pause, for this time."""
    reads, ends = list[float](), perf_counter() + seconds
    while perf_counter() < ends:
        began = perf_counter()
        (await product.read(decision_id)).raise_for_status()
        reads.append(perf_counter() - began)
        await asyncio.sleep(BETWEEN_READS)
    return reads
