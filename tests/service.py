"""The service as its operators run it: worker and API as processes, which tests may kill."""

from __future__ import annotations

import os
import secrets
import signal
from pathlib import Path

import httpx2

from tests import web
from tests.forked import Forked
from tests.support import eventually, free_port

STARTED = 240
"""Seconds within which a process has started, on a machine that does ten other things at once."""


class RunningService:
    def __init__(self, temporal_address: str, data_dir: Path, **settings: str) -> None:
        self.data_dir = data_dir
        self.outbox = data_dir / "outbox"
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.task_queue = f"handover-{secrets.token_hex(4)}"
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("HANDOVER_", "TEMPORAL_"))},
            "TEMPORAL_ADDRESS": temporal_address,
            "HANDOVER_DATA_DIR": str(data_dir),
            "HANDOVER_PUBLIC_URL": self.base_url,
            "HANDOVER_TASK_QUEUE": self.task_queue,
            # Tests ask as often as they like; those of the limits set their own.
            "HANDOVER_RATE_LIMIT": "1000000",
            "HANDOVER_LINK_RATE_LIMIT": "1000000",
            # On a machine that does ten other things at once, messages are behind at any time.
            "HANDOVER_MAX_LAG": "0",
            **settings,
        }
        self._processes: dict[str, Forked] = {}

    @property
    def api_key(self) -> str:
        return (self.data_dir / "api-key").read_text()

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.api_key}"}

    async def start(self) -> None:
        """Raises `TimeoutError`, with nothing left running."""
        try:
            self.start_worker()
            await self.start_api()
            await eventually(lambda: self.answers("/readyz"), timeout=STARTED)
        except TimeoutError:
            self.stop()
            raise

    def start_worker(self, name: str = "worker") -> None:
        self._start(name, ["worker.py"])

    async def start_api(
        self, name: str = "api", port: int | None = None, app: str = "api.main:app"
    ) -> None:
        port = port or self.port
        protocol = ["--http", "api.protocol:Bounded", "--no-proxy-headers"]
        self._start(name, ["-m", "uvicorn", app, *protocol, "--port", str(port)])
        await eventually(lambda: self.answers("/healthz", port), timeout=STARTED)

    async def answers(self, path: str, port: int | None = None) -> bool:
        async with web.client() as client:
            try:
                answer = await client.get(f"http://127.0.0.1:{port or self.port}{path}")
            except httpx2.TransportError:
                return False
        return answer.status_code == httpx2.codes.OK

    def pid(self, name: str) -> int:
        return self._processes[name].pid

    def kill(self, name: str) -> None:
        """As a crash does it."""
        self._end(name, signal.SIGKILL)

    def end(self, name: str) -> int:
        """As an operator does it; the exit status."""
        return self._end(name, signal.SIGTERM)

    def stop(self) -> None:
        for name in list(self._processes):
            self._end(name, signal.SIGTERM)

    def log(self, name: str) -> str:
        return (self.data_dir / f"{name}.log").read_text()

    def _start(self, name: str, arguments: list[str]) -> None:
        log = self.data_dir / f"{name}.log"
        self._processes[name] = Forked(arguments, self.environment, log)

    def _end(self, name: str, how: signal.Signals) -> int:
        return self._processes.pop(name).end(how)
