"""Measures the opening of a decision's page, beside a plain read of the same decision."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import perf_counter
from uuid import uuid4

import httpx2

from benchmarks.contenders import QUESTION, Product
from benchmarks.measures import milliseconds


@dataclass(frozen=True, slots=True)
class Opened:
    """Seconds of each `GET`, as its client sees them: for the page, and for the decision as
    JSON."""

    pages: list[float]
    reads: list[float]

    def page(self, percent: int) -> float:
        return milliseconds(self.pages, percent)

    def read(self, percent: int) -> float:
        return milliseconds(self.reads, percent)


async def open_pages(product: Product, times: int) -> Opened:
    """Open one pending decision that nobody waits for, in turns, so that the machine's load affects
    both alike."""
    approver = f"approver-{uuid4().hex[:8]}@example.com"
    arrived = product.arrivals.expect(approver)
    decision = await product.agent.decisions.create(**QUESTION, approver=approver, wait=False)
    link = await arrived
    pages: list[float] = []
    reads: list[float] = []
    for _ in range(times):
        pages.append(await _timed(lambda: product.browser.get(link)))
        reads.append(await _timed(lambda: product.read(decision.id)))
    await product.agent.decisions.cancel(decision.id)
    return Opened(pages, reads)


async def _timed(get: Callable[[], Awaitable[httpx2.Response]]) -> float:
    began = perf_counter()
    (await get()).raise_for_status()
    return perf_counter() - began
