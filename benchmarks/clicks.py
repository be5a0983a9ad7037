"""Measures the time from an answer to the agent's call returning, with a pause between decisions.

In the rounds one decision follows the other, and soon both sides wait for the dev server, which
looks at most 20 times a second whether there is work: that pause hides their own time.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from uuid import uuid4

from benchmarks.contenders import Bare, Contender, Product
from benchmarks.measures import milliseconds

BREATH = 0.25
"""Seconds between two decisions, so that the dev server's pause does not meet them."""


@dataclass(frozen=True, slots=True)
class Clicks:
    """Seconds of each side: the bare workflow's from signal to result, the product's from sending
    the form until `create` returns."""

    results: list[float]
    creates: list[float]

    def result(self, percent: int) -> float:
        return milliseconds(self.results, percent)

    def create(self, percent: int) -> float:
        return milliseconds(self.creates, percent)


async def click(product: Product, bare: Bare, times: int) -> Clicks:
    """Run one at a time and in turns, so that the machine's load affects both alike."""
    clicks = Clicks([], [])
    for _ in range(times):
        clicks.results.append(await _one(bare))
        clicks.creates.append(await _one(product))
    return clicks


async def _one(contender: Contender) -> float:
    await asyncio.sleep(BREATH)
    return (await contender.decide(f"approver-{uuid4().hex[:8]}@example.com")).seconds
