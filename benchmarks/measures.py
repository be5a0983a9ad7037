"""The counters of the server and the operating system."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

import httpx2
from temporalio.client import Client

from benchmarks.contenders import Settled

ACTION = re.compile(r'^action\{[^}]*namespace="default"[^}]*\} (\S+)$', re.MULTILINE)
FLUSHED = 2.5
"""Seconds without a change after which a counter is believed: the server is a second late."""

RUNNING = "ExecutionStatus = 'Running'"
DRAIN_LIMIT = 120.0


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one decision, by the server's counters."""

    actions: float
    events: float
    history_bytes: float


@dataclass(frozen=True)
class Server:
    client: Client
    http: httpx2.AsyncClient
    metrics_url: str

    async def actions(self) -> float:
        """Return the billable Actions so far, once the counter stands still."""
        last, since = await self._read_actions(), time.monotonic()
        while time.monotonic() - since < FLUSHED:
            await asyncio.sleep(0.25)
            now = await self._read_actions()
            if now != last:
                last, since = now, time.monotonic()
        return last

    async def _read_actions(self) -> float:
        text = (await self.http.get(self.metrics_url)).raise_for_status().text
        return sum(float(value) for value in ACTION.findall(text))

    async def drained(self) -> None:
        """Wait until no workflow runs, since settled decisions may still be closing. Raises
        `TimeoutError`."""
        async with asyncio.timeout(DRAIN_LIMIT):
            while (await self.client.count_workflows(RUNNING)).count:  # noqa: ASYNC110
                # The server tells nobody, and allows few such questions a second.
                await asyncio.sleep(0.2)

    async def cost(self, settled: Sequence[Settled], actions: float) -> Cost:
        """Return the cost of these decisions, which have ended, and which took so many `actions`
        together.

        It takes the median of their histories: on a busy machine one of them may need a task more.
        """
        handles = [self.client.get_workflow_handle(one.workflow_id) for one in settled]
        described = [(await handle.describe()).raw_description for handle in handles]
        infos = [one.workflow_execution_info for one in described]
        return Cost(
            actions=actions / len(settled),
            events=median(info.history_length for info in infos),
            history_bytes=median(info.history_size_bytes for info in infos),
        )


def milliseconds(seconds: Sequence[float], percent: int) -> float:
    """Return the milliseconds within which this share of them was over."""
    return 1000 * quantiles(seconds, n=100, method="inclusive")[percent - 1]


def cpu_seconds(pids: Mapping[str, int]) -> dict[str, float]:
    """Return the processor time of each process so far; empty if the system has no /proc."""
    if not Path("/proc/self/stat").exists():
        return {}
    return {name: _ticks(pid) / os.sysconf("SC_CLK_TCK") for name, pid in pids.items()}


def _ticks(pid: int) -> int:
    # The second field is the program's name, in parentheses, and may hold spaces.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
