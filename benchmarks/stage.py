"""One Temporal server, as `make run` starts it, with all contenders."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import httpx2
from temporalio.client import Client
from temporalio.service import RPCError

from benchmarks.arrivals import Arrivals, read_mail, read_name
from benchmarks.contenders import Bare, Contender, Product
from benchmarks.measures import Server
from benchmarks.processes import Processes
from embedded.plan import Plan
from embedded.ports import HOST, Port, Ports
from handover import AsyncHandoverClient
from settings.keys import new_secrets
from settings.model import Settings

T = TypeVar("T")

READY_SECONDS = 60.0
KEEP_OPEN = 3.0
"""Seconds for which a client keeps a connection; uvicorn closes idle ones after five."""

BARE, PLAIN, DEFAULT = "bare workflow", "plain approval", "with receipt"
ENCRYPTED = "encrypted"


@dataclass(frozen=True)
class Stage:
    server: Server
    contenders: list[Contender]

    @property
    def plain(self) -> Product:
        [plain] = [one for one in self.contenders if isinstance(one, Product) and one.name == PLAIN]
        return plain

    @property
    def bare(self) -> Bare:
        [bare] = [one for one in self.contenders if isinstance(one, Bare)]
        return bare


@asynccontextmanager
async def set_up(program: Path, folder: Path, think: float) -> AsyncGenerator[Stage]:
    """Set up everything in one `folder`, by the dev server's `program`; approvers `think` so many
    seconds."""
    async with AsyncExitStack() as stack:
        processes = await stack.enter_async_context(Processes(folder))
        yield await Builder(folder, think, stack, processes).build(program)


@dataclass(frozen=True)
class Builder:
    folder: Path
    think: float
    stack: AsyncExitStack
    processes: Processes

    async def build(self, program: Path) -> Stage:
        plan = Plan(Settings(data_dir=self.folder), _free_ports(), program)
        metrics = _free_port("metrics").number
        command = [*plan.dev_server_command(), "--metrics-port", str(metrics)]
        temporal = await self.processes.start("temporal", command, os.environ, self.folder)
        client = await _eventually(lambda: _connected(plan.ports.temporal.address))
        pids = {"server": temporal, "load": os.getpid()}
        return Stage(
            Server(client, await self.http(), f"http://{HOST}:{metrics}/metrics"),
            [
                await self.bare(plan, pids, client),
                await self.product(
                    PLAIN,
                    plan,
                    pids,
                    HANDOVER_RECEIPTS="false",
                    HANDOVER_MAX_WAITS="2000",
                ),
                await self.product(DEFAULT, plan, pids),
                await self.product(
                    ENCRYPTED,
                    plan,
                    pids,
                    HANDOVER_RECEIPTS="false",
                    HANDOVER_ENCRYPTION_KEYS=new_secrets()["encryption_keys"],
                ),
            ],
        )

    async def bare(self, plan: Plan, pids: dict[str, int], client: Client) -> Bare:
        told = self.folder / "told"
        told.mkdir()
        command = [sys.executable, "-m", "benchmarks.bare"]
        command += [plan.ports.temporal.address, str(told)]
        worker = await self.processes.start("bare-worker", command, os.environ)
        arrivals = self.watched(Arrivals(told, read_name))
        return Bare(BARE, {**pids, "worker": worker}, client, arrivals, self.think)

    async def product(
        self, name: str, plan: Plan, pids: dict[str, int], **settings: str
    ) -> Product:
        """Start a service of its own, as its operator would on that server."""
        data = self.folder / name.replace(" ", "-")
        (data / "outbox").mkdir(parents=True)
        plan = replace(
            plan,
            settings=Settings(data_dir=data),
            ports=replace(plan.ports, api=_free_port("api")),
        )
        outer = {k: v for k, v in os.environ.items() if not k.startswith("HANDOVER_")}
        # Counted as for everybody, and never refused.
        outer |= {"HANDOVER_RATE_LIMIT": "1000000000", "HANDOVER_TASK_QUEUE": data.name}
        env = plan.environment({**outer, **settings})
        browser = await self.http()
        worker = await self.processes.start(f"{data.name}-worker", plan.worker_command(), env)

        async def start_api() -> int:
            pid = await self.processes.start(f"{data.name}-api", plan.api_command(), env)
            await _eventually(lambda: _ready(browser, plan.api_url))
            return pid

        api = await start_api()

        async def restart_api() -> None:
            nonlocal api
            await self.processes.kill(api)
            api = await start_api()

        key = (data / "api-key").read_text()
        return Product(
            name,
            {**pids, "worker": worker, "api": api},
            AsyncHandoverClient(key, plan.api_url, http_client=await self.http()),
            browser,
            self.watched(Arrivals(data / "outbox", read_mail)),
            self.think,
            plan.api_url,
            key,
            data,
            restart_api,
        )

    async def http(self) -> httpx2.AsyncClient:
        """Return a client with as many connections as there are people, none so old that the API
        would close it."""
        limits = httpx2.Limits(
            max_connections=None, max_keepalive_connections=None, keepalive_expiry=KEEP_OPEN
        )
        client = httpx2.AsyncClient(limits=limits, timeout=60, trust_env=False)
        return await self.stack.enter_async_context(client)

    def watched(self, arrivals: Arrivals) -> Arrivals:
        task = asyncio.create_task(arrivals.watch())
        self.stack.callback(task.cancel)
        return arrivals


def _free_ports() -> Ports:
    return Ports(*(_free_port(purpose) for purpose in ("api", "temporal", "temporal_ui")))


def _free_port(purpose: str) -> Port:
    """Return a port below those that systems give to outgoing connections, which come and go."""
    while True:
        number = random.randrange(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, number))
            return Port(purpose, number, purpose)


async def _eventually(ask: Callable[[], Awaitable[T | None]]) -> T:
    """Return the first result that is something. Raises `TimeoutError`."""
    async with asyncio.timeout(READY_SECONDS):
        while not (answer := await ask()):  # noqa: ASYNC110 - another process's state
            await asyncio.sleep(0.1)
    return answer


async def _connected(address: str) -> Client | None:
    try:
        client = await Client.connect(address)
        await client.count_workflows("", rpc_timeout=timedelta(seconds=2))
    except (RPCError, RuntimeError):
        return None
    return client


async def _ready(browser: httpx2.AsyncClient, url: str) -> bool:
    try:
        return (await browser.get(f"{url}/readyz")).is_success
    except httpx2.TransportError:
        return False
