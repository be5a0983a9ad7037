"""The README, done word for word: its command, its snippet, its line of shell."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.approver import answer_link, newest_mail, press
from tests.conftest import lacks
from tests.forked import ROOT
from tests.support import free_port, wait_until

README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@dataclass
class MadeRun:
    """What `make run` started."""

    base_url: str
    data_dir: Path
    output: Path

    @property
    def outbox(self) -> Path:
        return self.data_dir / "outbox"

    @property
    def api_key(self) -> str:
        return (self.data_dir / "api-key").read_text()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, dev_server_program: Path) -> Iterator[MadeRun]:
    if not shutil.which("make"):
        lacks("make is not installed")
    assert blocks("sh")[0] == "make run\n"
    folder = tmp_path_factory.mktemp("readme")
    port = free_port()
    environment = os.environ | {
        "HANDOVER_PORT": str(port),
        "HANDOVER_TEMPORAL_PORT": str(free_port()),
        "HANDOVER_TEMPORAL_UI_PORT": str(free_port()),
        "HANDOVER_DATA_DIR": str(folder / "data"),
    }
    run = MadeRun(f"http://127.0.0.1:{port}", folder / "data", folder / "output")
    with run.output.open("wb") as output:
        process = subprocess.Popen(
            blocks("sh")[0].split(),
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        wait_until(lambda: "Ctrl-C" in run.output.read_text(), timeout=300)
        yield run
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=30)


def test_make_run_prints_what_one_needs(made: MadeRun) -> None:
    """The addresses, the key, and two things to try."""
    printed = made.output.read_text()
    for needed in (made.base_url, made.api_key, "/outbox/", "curl", "HandoverClient"):
        assert needed in printed


async def test_the_snippet(made: MadeRun, tmp_path: Path) -> None:
    """The agent's `create` returns when the approver has pressed a button."""
    snippet = blocks("python")[0].replace("ho_…", made.api_key)
    program = tmp_path / "snippet.py"
    program.write_text(snippet.replace("http://127.0.0.1:8000", made.base_url))
    with subprocess.Popen(  # noqa: ASYNC220 - it is waited for below
        [sys.executable, program], stdout=subprocess.PIPE, text=True
    ) as agent:
        mail = await newest_mail(made, "approver@example.com", "Refund order 1142")
        await press(answer_link(mail), "approve", notes="of course")
        told = agent.communicate(timeout=60)[0]
    assert told.strip() == "True of course"


def test_the_line_of_shell(made: MadeRun) -> None:
    """It answers within its wait, here at once: the decision is pending."""
    if not shutil.which("curl"):
        lacks("curl is not installed")
    line = blocks("sh")[1].replace("http://127.0.0.1:8000", made.base_url).replace("=30", "=0")
    line = line.replace(".handover/", f"{made.data_dir}/")
    answer = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert '"status":"pending"' in answer.stdout


def test_the_outbox_opens(made: MadeRun) -> None:
    """The page that was printed lists the mails."""
    url = re.findall(r"http://\S+/outbox/\S+", made.output.read_text())[0]
    page = httpx2.get(url)
    assert page.status_code == httpx2.codes.OK


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([\w/.-]+)\)", README))))
def test_what_it_links_to_exists(path: str) -> None:
    """A door that opens."""
    assert (ROOT / path).exists()
