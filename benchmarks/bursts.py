"""Measures how far mails fall behind when agents ask as fast as they can."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter
from uuid import uuid4

from benchmarks.contenders import QUESTION, Product
from benchmarks.measures import milliseconds

PATIENCE = 3600.0
"""Seconds for which an agent asks again when it is held back; none gives up."""


@dataclass(frozen=True, slots=True)
class Burst:
    """The result. `lags` are seconds from taking a question to its mail; `asking` and `telling` are
    those from the first question to the last one taken, and to the last mail. All are still
    pending."""

    decision_ids: list[str]
    lags: list[float]
    asking: float
    telling: float

    def lag(self, percent: int) -> float:
        """Return the seconds within which this share of the mails was out."""
        return milliseconds(self.lags, percent) / 1000

    @property
    def asked_per_second(self) -> float:
        return len(self.lags) / self.asking

    @property
    def told_per_second(self) -> float:
        return len(self.lags) / self.telling

    @property
    def last_lag(self) -> float:
        """Return the seconds from taking the last question to the last mail."""
        return self.telling - self.asking


async def ask_in_a_burst(product: Product, questions: int, agents: int) -> Burst:
    """Let so many agents ask, each one question after the other, with no answers."""
    mark, ids, lags = uuid4().hex[:8], list[str](), list[float]()
    approvers = iter([f"approver-{mark}-{number}@example.com" for number in range(questions)])
    began = perf_counter()
    async with asyncio.TaskGroup() as telling:
        async with asyncio.TaskGroup() as asking:
            for _ in range(agents):
                asking.create_task(_ask(product, approvers, telling, ids, lags))
        asked = perf_counter()
    told = perf_counter()
    return Burst(ids, lags, asked - began, told - began)


async def _ask(
    product: Product,
    approvers: Iterator[str],
    telling: asyncio.TaskGroup,
    ids: list[str],
    lags: list[float],
) -> None:
    agent = product.agent.with_options(retry_for=PATIENCE)
    for approver in approvers:
        arrived = product.arrivals.expect(approver)
        decision = await agent.decisions.create(**QUESTION, approver=approver, wait=False)
        ids.append(decision.id)
        telling.create_task(_await_mail(arrived, perf_counter(), lags))


async def _await_mail(arrived: asyncio.Future[str], asked: float, lags: list[float]) -> None:
    await arrived
    # A mail may be there before whoever asked hears that the question was taken.
    lags.append(max(0.0, perf_counter() - asked))
