"""A Temporal dev server of the tests' own, which they can also stop and start again."""

from __future__ import annotations

import signal
import subprocess
from datetime import timedelta
from pathlib import Path

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError

from embedded.plan import SEARCH_ATTRIBUTES
from tests.support import eventually, free_port

ARGUMENTS = (
    *("--ip", "127.0.0.1", "--headless", "--log-level", "error"),
    *("--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=normal"),
    *("--dynamic-config-value", "frontend.namespaceCount=5000"),
    *("--dynamic-config-value", "matching.enableFairness=true"),
    *("--dynamic-config-value", 'matching.TaskQueueInfoByBuildIdTTL="1s"'),
    *("--dynamic-config-value", "matching.numTaskqueueReadPartitions=1"),
    *("--dynamic-config-value", "matching.numTaskqueueWritePartitions=1"),
    *("--dynamic-config-value", "system.forceSearchAttributesCacheRefreshOnRead=false"),
    *(
        part
        for item in SEARCH_ATTRIBUTES.items()
        for part in ("--search-attribute", "=".join(item))
    ),
)


class DevServer:
    def __init__(self, program: Path, folder: Path) -> None:
        self._program = program
        self.folder = folder
        self._port = free_port()
        self.metrics_port = free_port()
        self.address = f"127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        command = [self._program, "server", "start-dev", "--port", str(self._port), *ARGUMENTS]
        command += ["--db-filename", str(self.folder / "temporal.db")]
        command += ["--metrics-port", str(self.metrics_port)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: ASYNC220
        await eventually(self._answers, timeout=240)

    async def client(self) -> Client:
        return await Client.connect(self.address, data_converter=pydantic_data_converter)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """As a crash does it."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process:
            self._process.send_signal(how)
            self._process.wait()
            self._process = None

    async def _answers(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError((self.folder / "log").read_text()[-2000:])
        try:
            client = await Client.connect(self.address)
            await client.count_workflows("", rpc_timeout=timedelta(seconds=2))
        except (RPCError, RuntimeError):
            return False
        return True
