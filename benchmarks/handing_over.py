"""Measures how soon a message is with its provider, beside the one activity that any approval
needs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import perf_counter
from uuid import uuid4

from benchmarks.bare import TASK_QUEUE, BareApproval
from benchmarks.contenders import QUESTION, Bare, Product
from benchmarks.measures import milliseconds

BREATH = 0.5
"""Seconds between two decisions, so that neither meets the dev server's pause beyond 20 tasks a
second."""


@dataclass(frozen=True, slots=True)
class HandedOver:
    """Seconds from asking until the message is in its folder: for the product, which writes a mail,
    and for the bare workflow, whose activity makes an empty file."""

    messages: list[float]
    bare: list[float]

    def message(self, percent: int) -> float:
        return milliseconds(self.messages, percent)

    def activity(self, percent: int) -> float:
        return milliseconds(self.bare, percent)


async def hand_over(product: Product, bare: Bare, times: int) -> HandedOver:
    """Run one at a time and in turns, so that the machine's load affects both alike."""
    handed = HandedOver([], [])
    for _ in range(times):
        handed.bare.append(await _by_activity(bare))
        await asyncio.sleep(BREATH)
        handed.messages.append(await _by_product(product))
        await asyncio.sleep(BREATH)
    return handed


async def _by_product(product: Product) -> float:
    approver = f"approver-{uuid4().hex[:8]}@example.com"
    arrived = product.arrivals.expect(approver)
    began = perf_counter()
    decision = await product.agent.decisions.create(**QUESTION, approver=approver, wait=False)
    await arrived
    seconds = perf_counter() - began
    await product.agent.decisions.cancel(decision.id)
    return seconds


async def _by_activity(bare: Bare) -> float:
    approver = f"approver-{uuid4().hex[:8]}"
    arrived = bare.arrivals.expect(approver)
    began = perf_counter()
    handle = await bare.client.start_workflow(
        BareApproval.run, approver, id=approver, task_queue=TASK_QUEUE
    )
    await arrived
    seconds = perf_counter() - began
    await handle.signal(BareApproval.answer, "deny")
    return seconds
