"""The two contenders, each with an agent who asks and an approver who answers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Protocol, TypedDict

import httpx2
from temporalio.client import Client

from benchmarks.arrivals import Arrivals
from benchmarks.bare import TASK_QUEUE, BareApproval
from handover import AsyncHandoverClient

DIGEST = re.compile(r'name="digest" value="([0-9a-f]+)"')


class Question(TypedDict):
    action: str
    context: str


QUESTION = Question(
    action="Refund order 1142: 86.40 EUR to the card that paid",
    context="The parcel came back damaged; the customer sent two photographs.",
)


@dataclass(frozen=True, slots=True)
class Settled:
    """The result. `seconds` run from sending the approver's answer until the agent has it."""

    workflow_id: str
    seconds: float


class Contender(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def pids(self) -> Mapping[str, int]: ...

    async def decide(self, approver: str) -> Settled:
        """Run one decision, from asking to the answer. Raises any error."""
        ...


@dataclass(frozen=True)
class Bare:
    """A workflow, with Temporal's client for everything."""

    name: str
    pids: Mapping[str, int]
    client: Client
    arrivals: Arrivals
    think: float

    async def decide(self, approver: str) -> Settled:
        asked = self.arrivals.expect(approver)
        async with asyncio.TaskGroup() as group:
            agent = group.create_task(self._ask(approver))
            click = group.create_task(self._answer(approver, asked))
        return Settled(approver, agent.result() - click.result())

    async def _ask(self, approver: str) -> float:
        handle = await self.client.start_workflow(
            BareApproval.run, approver, id=approver, task_queue=TASK_QUEUE
        )
        assert await handle.result() == "approve"
        return perf_counter()

    async def _answer(self, approver: str, asked: asyncio.Future[str]) -> float:
        await asked
        await asyncio.sleep(self.think)
        sent = perf_counter()
        await self.client.get_workflow_handle(approver).signal(BareApproval.answer, "approve")
        return sent


@dataclass(frozen=True)
class Product:
    """The product: the SDK on one side; the mail, its page and the form on the other."""

    name: str
    pids: Mapping[str, int]
    agent: AsyncHandoverClient
    browser: httpx2.AsyncClient
    arrivals: Arrivals
    think: float
    url: str
    api_key: str
    folder: Path
    restart_api: Callable[[], Awaitable[None]]
    """Kills the API first; from then on its processor time is not counted."""

    async def read(self, decision_id: str) -> httpx2.Response:
        """Return the decision as JSON, without the SDK."""
        headers = {"Authorization": f"Bearer {self.api_key}"}
        return await self.browser.get(f"{self.url}/decisions/{decision_id}", headers=headers)

    async def decide(self, approver: str) -> Settled:
        asked = self.arrivals.expect(approver)
        async with asyncio.TaskGroup() as group:
            agent = group.create_task(self._ask(approver))
            click = group.create_task(self._answer(asked))
        workflow_id, returned = agent.result()
        return Settled(workflow_id, returned - click.result())

    async def _ask(self, approver: str) -> tuple[str, float]:
        decision = await self.agent.decisions.create(**QUESTION, approver=approver)
        returned = perf_counter()
        assert decision.approved, decision
        return decision.id, returned

    async def _answer(self, asked: asyncio.Future[str]) -> float:
        link = await asked
        page = (await self.browser.get(link)).raise_for_status().text
        digest = DIGEST.search(page)
        assert digest, page
        await asyncio.sleep(self.think)
        sent = perf_counter()
        pressed = await self.browser.post(link, data={"digest": digest[1], "choice": "approve"})
        pressed.raise_for_status()
        return sent
