"""The commands and the environment of the programs that a run starts."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from embedded.ports import HOST, Ports
from settings.model import Settings

ROOT = Path(__file__).resolve().parent.parent
SEARCH_ATTRIBUTES = {
    "HandoverStatus": "Keyword",
    "HandoverUrgency": "Keyword",
    "HandoverAgent": "Keyword",
    "HandoverApprover": "KeywordList",
    "HandoverExpiresAt": "Datetime",
}
RETENTION_DAYS = 3650
"""Days for which histories are kept. A history that expires is an audit trail that is lost."""


@dataclass(frozen=True)
class Plan:
    settings: Settings
    ports: Ports
    dev_server: Path | None = None
    """The dev server's program; None if a Temporal server already runs, at `TEMPORAL_ADDRESS`."""

    @property
    def data(self) -> Path:
        return self.settings.data_dir.resolve()

    @property
    def api_url(self) -> str:
        return f"http://{self.ports.api.address}"

    def dev_server_command(self) -> list[str]:
        command = [
            str(self.dev_server and self.dev_server.absolute()), "server", "start-dev",
            "--log-level", "warn",
            "--ip", HOST,
            "--port", str(self.ports.temporal.number),
            "--ui-port", str(self.ports.temporal_ui.number),
            # In the data folder, where it is started: of a whole path it makes a URL, in which
            # some characters mean something.
            "--db-filename", "temporal.db",
            # Nearly twice as many decisions a second; a killed process still loses nothing.
            "--sqlite-pragma", "journal_mode=wal",
            "--sqlite-pragma", "synchronous=normal",
            # A waiting agent is a long-poll, and the server's own limit is 1,200 of them.
            "--dynamic-config-value", "frontend.namespaceCount=5000",
            # Each costs the server and the API something when it ends without news. Beyond 30 s the
            # server ends them whatever stands here.
            "--dynamic-config-value", 'history.longPollExpirationInterval="120s"',
            # One agent's many messages are not in front of everybody else's.
            "--dynamic-config-value", "matching.enableFairness=true",
            # How far messages are behind is known within a second.
            "--dynamic-config-value", 'matching.TaskQueueInfoByBuildIdTTL="1s"',
            # One server has nobody to share a queue with: parts of it would only pass tasks on.
            "--dynamic-config-value", "matching.numTaskqueueReadPartitions=1",
            "--dynamic-config-value", "matching.numTaskqueueWritePartitions=1",
            # Ours are registered at the start; the dev server looks again at each read.
            "--dynamic-config-value", "system.forceSearchAttributesCacheRefreshOnRead=false",
        ]  # fmt: skip
        for name, kind in SEARCH_ATTRIBUTES.items():
            command += ["--search-attribute", f"{name}={kind}"]
        return command

    def retention_command(self) -> list[str]:
        return [
            str(self.dev_server), "operator", "namespace", "update",
            "--address", self.ports.temporal.address,
            "--namespace", "default",
            "--retention", f"{RETENTION_DAYS}d",
        ]  # fmt: skip

    def worker_command(self) -> list[str]:
        return [sys.executable, "worker.py"]

    def api_command(self) -> list[str]:
        where = ["--host", HOST, "--port", str(self.ports.api.number)]
        # Whom a proxy speaks for is told by a setting, and not by uvicorn's own.
        how = ["--http", "api.protocol:Bounded", "--no-proxy-headers"]
        return [sys.executable, "-m", "uvicorn", "api.main:app", *how, *where]

    def environment(self, outer: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of every program of the run: `outer`, with the run's own
        settings."""
        environment = {
            "HANDOVER_PUBLIC_URL": self.api_url,
            **outer,
            "HANDOVER_DATA_DIR": str(self.data),
        }
        return self._with_dev_server(environment) if self.dev_server else environment

    def _with_dev_server(self, environment: dict[str, str]) -> dict[str, str]:
        """Remove another Temporal server's settings, which must not reach our own: no key, no
        namespace."""
        kept = {key: value for key, value in environment.items() if not _is_temporal(key)}
        return {
            "HANDOVER_MAX_WAITS": "4000",
            **kept,
            "TEMPORAL_ADDRESS": self.ports.temporal.address,
            "TEMPORAL_CONFIG_FILE": os.devnull,
        }


def _is_temporal(variable: str) -> bool:
    return variable.startswith("TEMPORAL_")
