"""Many agents waiting at once."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx2

from handover import AsyncHandoverClient, Decision
from links import Link, LinkKeys
from tests import web
from tests.approver import Form
from tests.dev_server import DevServer
from tests.service import RunningService
from tests.support import eventually
from tests.volume import volume

AGENTS = volume(1500, 150)
AT_ONCE = 20


async def test_many_agents_waiting_on_as_many_decisions(
    dev_server: DevServer, tmp_path: Path
) -> None:
    """All of them are held open at once, and each gets its own answer."""
    service = RunningService(dev_server.address, tmp_path, HANDOVER_MAX_WAITS="2000")
    await service.start()
    limits = httpx2.Limits(max_connections=AGENTS + 10, max_keepalive_connections=AGENTS)
    http_client = web.client(limits=limits, timeout=120)
    client = AsyncHandoverClient(
        service.api_key, service.base_url, http_client=http_client, retry_for=300
    )
    gate = asyncio.Semaphore(AT_ONCE)

    async def ask(number: int) -> Decision:
        async with gate:
            pending = await client.decisions.create(
                action=f"Refund {number}", approver="approver@example.com", wait=False
            )
        return await client.decisions.wait(pending.id)

    agents = [asyncio.create_task(ask(number)) for number in range(AGENTS)]
    try:
        await eventually(lambda: all_waiting(service), timeout=240)
        await answer_all(service, gate)
        decisions = await asyncio.wait_for(asyncio.gather(*agents), timeout=240)
    finally:
        for agent in agents:
            agent.cancel()
        await asyncio.gather(*agents, return_exceptions=True)
        await http_client.aclose()
        service.stop()
    assert {d.id for d in decisions if d.approved} == {d.id for d in decisions}
    for number, decision in enumerate(decisions):
        assert decision.action == f"Refund {number}"
        assert decision.response_notes == decision.id


async def all_waiting(service: RunningService) -> bool:
    async with web.client(timeout=30) as operator:
        metrics = (await operator.get(f"{service.base_url}/metrics")).text
    return f"handover_waiting_agents {AGENTS}.0" in metrics


async def answer_all(service: RunningService, gate: asyncio.Semaphore) -> None:
    """Press Approve on every page; each answer's notes name its decision."""
    secrets = json.loads((service.data_dir / "secrets.json").read_text())
    links = LinkKeys([secrets["link_keys"]])

    def asked() -> set[str]:
        lines = service.log("worker").splitlines()
        return {json.loads(line)["decision_id"] for line in lines if '"message sent"' in line}

    await eventually(lambda: len(asked()) == AGENTS, timeout=240)

    async with web.client(timeout=120) as browser:

        async def press(decision_id: str) -> None:
            token = links.mint(Link(decision_id, "approver@example.com"))
            url = f"{service.base_url}/d/{token}"
            async with gate:
                form = Form.of((await browser.get(url)).text).fields
                typed = {**form, "choice": "approve", "notes": decision_id}
                # On a machine that is busy beyond its means the page asks to try again.
                await eventually(lambda: taken(url, typed), timeout=120)

        async def taken(url: str, typed: dict[str, str]) -> bool:
            return (await browser.post(url, data=typed)).status_code in (200, 202, 409)

        await asyncio.gather(*(press(decision_id) for decision_id in asked()))
