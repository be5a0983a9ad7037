"""The one command as its user meets it: a process, its words, its ports and its end."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from embedded.plan import ROOT
from tests import web
from tests.embedded.conftest import processes_with
from tests.support import eventually, free_port, wait_until


class Run:
    """`python -m embedded.run` on ports of its own and, as a rule, a data folder of its own."""

    def __init__(self, data: Path, **settings: str) -> None:
        self.data = data
        self.ports = {
            name: free_port()
            for name in ("HANDOVER_PORT", "HANDOVER_TEMPORAL_PORT", "HANDOVER_TEMPORAL_UI_PORT")
        }
        own = {"HANDOVER_DATA_DIR": str(data)} | {k: str(v) for k, v in self.ports.items()}
        self._words = data.parent / f"words-{self.ports['HANDOVER_PORT']}"
        with self._words.open("w") as words:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "embedded.run"],
                env=_outer_environment() | own | settings,
                cwd=ROOT,
                stdout=words,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def words(self) -> str:
        return self._words.read_text()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['HANDOVER_PORT']}"

    @property
    def key(self) -> str:
        return (self.data / "api-key").read_text().strip()

    def client(self) -> httpx2.AsyncClient:
        headers = {"Authorization": f"Bearer {self.key}"}
        return web.client(base_url=self.url, headers=headers, timeout=60, trust_env=False)

    def processes(self) -> dict[int, str]:
        return processes_with("HANDOVER_DATA_DIR", self.data)

    def child(self, part: str) -> int:
        return next(pid for pid, command in self.processes().items() if part in command)

    async def ready(self) -> Run:
        await eventually(self._is_ready, timeout=180)
        return self

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, self.words
        return "Ctrl-C stops everything" in self.words

    async def ended(self) -> int:
        await eventually(lambda: self.process.poll() is not None, timeout=60)
        return self.process.returncode

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(60)


def _outer_environment() -> dict[str, str]:
    ours = ("HANDOVER_", "TEMPORAL_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


@pytest.fixture
def runs() -> Iterator[list[Run]]:
    """Everything put in here is ended with the test."""
    runs: list[Run] = []
    yield runs
    for run in runs:
        run.end()
    for run in runs:
        wait_until(lambda run=run: not run.processes())


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def _refused(run: Run) -> str:
    """What a run says that does not start: its words, a line for each fault, and nothing left."""
    assert await run.ended() == 1
    assert not run.processes()
    assert not (run.data / "logs").exists()
    assert "Traceback" not in run.words
    return run.words


@pytest.mark.parametrize(
    "setting", ["HANDOVER_PORT", "HANDOVER_TEMPORAL_PORT", "HANDOVER_TEMPORAL_UI_PORT"]
)
async def test_a_port_in_use_is_one_sentence(tmp_path: Path, runs: list[Run], setting: str) -> None:
    """It names the port and the setting; the status is 1, and nothing was started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        runs.append(run := Run(tmp_path / "data", **{setting: str(number)}))
        (words,) = (await _refused(run)).splitlines()
    assert words.startswith(f"Port {number} on 127.0.0.1")
    assert f"{setting}=" in words


async def test_settings_that_cannot_work_are_a_sentence_each(
    tmp_path: Path, runs: list[Run]
) -> None:
    """All that are to be changed, by their names; the status is 1, and nothing was started."""
    wrong = {
        "HANDOVER_PORT": "http",
        "HANDOVER_LOG_LEVEL": "LOUD",
        "HANDOVER_SMPT_HOST": "smtp.example.com",
        "HANDOVER_SLACK_BOT_TOKEN": "xapp-1",
    }
    runs.append(run := Run(tmp_path / "data", **wrong))
    lines = (await _refused(run)).splitlines()
    assert sorted(re.split("[: ]", line)[0] for line in lines) == sorted(wrong)


async def test_a_run_says_what_there_is_and_goes_on_where_it_stopped(
    tmp_path: Path, runs: list[Run], dev_server: Path
) -> None:
    """Ctrl-C ends it all in five seconds, with an agent waiting; the next run has its decision,
    from a folder whose name would be another one in a URL."""
    data = tmp_path / "a%20b?c#d" / "data"
    data.mkdir(parents=True)
    runs.append(run := Run(data))
    await run.ready()
    _assert_words(run)
    assert await _retention(dev_server, run) == "87600h0m0s"
    async with run.client() as agent:
        asked = {"action": "Refund order 1142", "approver": "approver@example.com"}
        created = await agent.post("/decisions", json=asked)
        assert created.status_code == 201, created.text
        decision = f"/decisions/{created.json()['id']}"
        waiting = asyncio.create_task(agent.get(decision, params={"wait": 60}))
        await eventually(lambda: _waits(run))
        await _ctrl_c(run)
        assert (await waiting).json()["status"] == "pending"

    runs.append(again := Run(data))
    await again.ready()
    async with again.client() as agent:
        assert (await agent.get(decision)).json()["status"] == "pending"
    assert again.key == run.key
    kept = {path.name for path in data.iterdir()}
    assert kept >= {"api-key", "secrets.json", "store.db", "temporal.db", "outbox", "logs", "files"}


def _assert_words(run: Run) -> None:
    assert f"API          {run.url}\n" in run.words
    assert f"API key      {run.key}" in run.words
    assert f"Temporal UI  http://127.0.0.1:{run.ports['HANDOVER_TEMPORAL_UI_PORT']}\n" in run.words
    outbox = re.search(r"Outbox +(\S+)", run.words)
    assert outbox, run.words
    assert httpx2.get(outbox[1], trust_env=False).status_code == 200
    assert (run.data / "api-key").stat().st_mode & 0o777 == 0o600


async def _retention(dev_server: Path, run: Run) -> str:
    """How long the server keeps a decision's history after its end, by its own word."""
    where = ["--address", f"127.0.0.1:{run.ports['HANDOVER_TEMPORAL_PORT']}"]
    describe = await asyncio.create_subprocess_exec(
        dev_server, "operator", "namespace", "describe", "-n", "default", *where,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await describe.communicate()
    return re.findall(r"RetentionTtl\s+(\S+)", output.decode())[0]


def _waits(run: Run) -> bool:
    """Whether the API holds an agent's request, by its own count."""
    metrics = httpx2.get(f"{run.url}/metrics", trust_env=False).text
    return bool(re.search(r"^handover_waiting_agents\S* 1\.0$", metrics, re.MULTILINE))


async def _ctrl_c(run: Run) -> None:
    """Twice, as a terminal that tells everybody does."""
    started = time.monotonic()
    run.process.send_signal(signal.SIGINT)
    await eventually(lambda: "Stopping api" in run.words)
    run.process.send_signal(signal.SIGINT)
    assert await run.ended() == 0
    assert time.monotonic() - started < 5
    assert not run.processes()
    assert not [port for port in run.ports.values() if _listens(port)]


async def test_a_second_run_on_the_same_data_is_one_sentence(
    tmp_path: Path, runs: list[Run], dev_server: Path
) -> None:
    """It names the folder and the process that has it, and leaves that one alone. (The first one's
    mail server is away, which its banner says.)"""
    away = {"HANDOVER_SMTP_HOST": "127.0.0.1", "HANDOVER_SMTP_PORT": str(free_port())}
    runs.append(first := Run(tmp_path / "data", **away))
    await first.ready()
    assert "not everybody can be asked.\n\n  email: The mail server cannot be" in first.words
    assert "check HANDOVER_SMTP_HOST and HANDOVER_SMTP_PORT" in first.words
    runs.append(second := Run(tmp_path / "data"))
    assert await second.ended() == 1
    assert second.words.startswith(f"Handover is already running on the data folder {first.data}")
    assert f"(process {first.process.pid})" in second.words
    assert len(second.words.splitlines()) == 1
    assert first.process.poll() is None


async def test_a_temporal_server_that_is_there_is_used(
    tmp_path: Path, runs: list[Run], dev_server: Path
) -> None:
    """With TEMPORAL_ADDRESS no server is started, and the words say which one is used."""
    (tmp_path / "other").mkdir()
    runs.append(host := Run(tmp_path / "other" / "data"))
    await host.ready()
    address = f"127.0.0.1:{host.ports['HANDOVER_TEMPORAL_PORT']}"
    runs.append(guest := Run(tmp_path / "data", TEMPORAL_ADDRESS=address))
    await guest.ready()
    assert f"Temporal     {address}\n" in guest.words
    assert not [command for command in guest.processes().values() if "start-dev" in command]
    assert not _listens(guest.ports["HANDOVER_TEMPORAL_PORT"])
    await _ctrl_c(guest)
    assert host.process.poll() is None


@pytest.mark.parametrize("part", ["worker.py", "api.main:app", "start-dev"])
async def test_a_part_that_dies_ends_the_run(
    tmp_path: Path, runs: list[Run], dev_server: Path, part: str
) -> None:
    """The words say which one and how, nothing is left running, and the status is 1."""
    runs.append(run := Run(tmp_path / "data"))
    await run.ready()
    os.kill(run.child(part), signal.SIGKILL)
    assert await run.ended() == 1
    assert re.search(r"^(worker|api|temporal) was ended by signal 9", run.words, re.MULTILINE)
    assert "Traceback" not in run.words.partition("Stopping")[0]
    assert not run.processes()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a process to its parent")
async def test_a_killed_run_leaves_nothing_behind(
    tmp_path: Path, runs: list[Run], dev_server: Path
) -> None:
    """After SIGKILL the parts end by themselves, and the data folder can be used again."""
    runs.append(run := Run(tmp_path / "data"))
    await run.ready()
    run.process.kill()
    await eventually(lambda: not run.processes())
    runs.append(await Run(tmp_path / "data").ready())
