"""Measures what the SDK costs the agent's own process: importing it, and many waits at once."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from statistics import median
from uuid import uuid4

import httpx2

from benchmarks.contenders import QUESTION, Product
from benchmarks.programs import run

IMPORT = """
import pydantic, httpx2
from time import perf_counter
began = perf_counter()
from handover import AsyncHandoverClient, HandoverClient
print(perf_counter() - began)
"""
HELD = re.compile(r"^handover_waiting_agents (\S+)$", re.MULTILINE)
HELD_WITHIN = 120.0
"""Seconds for all calls to be held again after the API was killed."""


@dataclass(frozen=True, slots=True)
class Weight:
    """The result. `imports` are seconds beyond those of the dependencies. `peak_mb` is the most
    memory of a process in which so many `calls` waited; `lost` of them had no answer."""

    imports: list[float]
    calls: int
    lost: int
    peak_mb: float

    @property
    def import_ms(self) -> float:
        return 1000 * median(self.imports)


async def weigh(product: Product, imports: int, decisions: int, times: int) -> Weight:
    """Wait for so many `decisions`, each in so many calls, through an API that is killed."""
    timed = [float(await run(product, "-c", IMPORT)) for _ in range(1 + imports)]
    approvers = [f"approver-{uuid4().hex[:8]}@example.com" for _ in range(decisions)]
    ids = [await _ask(product, approver) for approver in approvers]
    waiting = asyncio.create_task(run(product, "-m", "benchmarks.waiters", str(times), *ids))
    await all_held(product, decisions * times)
    await product.restart_api()
    await all_held(product, decisions * times)
    for each in ids:
        await product.agent.decisions.cancel(each)
    told = json.loads(await waiting)
    calls = decisions * times
    lost = calls - told["ended"].get("cancelled", 0)
    return Weight(timed[1:], calls, lost, told["peak_mb"])  # the first import was compiling


async def _ask(product: Product, approver: str) -> str:
    asked = product.agent.decisions.create(**QUESTION, approver=approver, wait=False)
    return (await asked).id


async def all_held(product: Product, calls: int) -> None:
    """Wait until the API holds so many requests. Raises `TimeoutError`."""
    async with asyncio.timeout(HELD_WITHIN):
        while await _held(product) < calls:  # noqa: ASYNC110 - another process's state
            await asyncio.sleep(0.1)


async def _held(product: Product) -> float:
    try:
        metrics = await product.browser.get(f"{product.url}/metrics")
    except httpx2.TransportError:
        return 0
    found = HELD.search(metrics.text)
    return float(found[1]) if found else 0
