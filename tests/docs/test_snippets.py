"""Every Python snippet of the documents, run as it stands; every example in a docstring."""

from __future__ import annotations

import asyncio
import doctest
import importlib
import os
import pkgutil
import re
import subprocess
import sys
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

import handover
from tests.approver import answer_link, mails, press
from tests.conftest import lacks
from tests.forked import ROOT
from tests.service import RunningService

APPROVER = "approver@example.com"
SDK = ROOT / "sdk/python"
SNIPPET = re.compile(r"(?:<!-- (?P<comment>[^\n]*) -->\n\n)?```python\n(?P<code>.*?)```", re.DOTALL)
DOCUMENTS = [
    path
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), SDK / "README.md")
    if SNIPPET.search(path.read_text())
]
MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(handover.__path__, "handover.")
    if not name.endswith("__main__")
]


def program(document: Path, service: RunningService) -> str:
    """Its snippets, one after the other, for this service."""
    code = "\n".join(match["code"] for match in SNIPPET.finditer(document.read_text()))
    return code.replace("ho_…", service.api_key).replace("http://127.0.0.1:8000", service.base_url)


@asynccontextmanager
async def willing_approver(service: RunningService) -> AsyncIterator[None]:
    """Answers every mail that comes meanwhile: `approve`, and of choices the last."""
    answered = {mail["Message-ID"] for mail in mails(service, APPROVER)}

    async def answer() -> None:
        while True:
            for mail in mails(service, APPROVER):
                if mail["Message-ID"] not in answered:
                    answered.add(mail["Message-ID"])
                    with suppress(AssertionError):  # a receipt has no form
                        await press(answer_link(mail), "approve", notes="of course")
            await asyncio.sleep(0.1)

    answering = asyncio.create_task(answer())
    try:
        yield
    finally:
        answering.cancel()
        with suppress(asyncio.CancelledError):
            await answering


async def run(code: str, service: RunningService, python: Path, folder: Path) -> str:
    """What this program printed. Raises `AssertionError` with its last words when it fails."""
    script = folder / "snippets.py"
    script.write_text(code)
    return await carry_out([str(python), str(script)], service, folder)


async def carry_out(command: list[str], service: RunningService, folder: Path) -> str:
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("HANDOVER_")},
        "HANDOVER_API_KEY": service.api_key,
        "HANDOVER_BASE_URL": service.base_url,
        "PYTHONPATH": "",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    async with willing_approver(service):
        output, _ = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, output.decode()
    return output.decode()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
async def test_the_snippets_of_a_document(
    service: RunningService, document: Path, tmp_path: Path
) -> None:
    """From top to bottom, as somebody types them; the approver says yes."""
    await run(program(document, service), service, Path(sys.executable), tmp_path)


async def test_the_line_of_shell(service: RunningService, tmp_path: Path) -> None:
    """What follows `&&` is done, because the approver agreed."""
    [line] = re.findall(r"^handover ask .*$", (SDK / "README.md").read_text(), re.MULTILINE)
    deploy = tmp_path / "deploy"
    deploy.write_text('#!/bin/sh\necho "deployed $1"\n')
    deploy.chmod(0o755)
    assert "deployed v42" in await carry_out(["bash", "-c", line], service, tmp_path)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each shows what really comes of it, without a service."""
    for variable in ("HANDOVER_API_KEY", "HANDOVER_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    module = importlib.import_module(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", handover.DevModeWarning)
        failed, _ = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert failed == 0


@pytest.fixture(scope="module")
def fresh_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the built wheel and what it needs, and nothing of the service."""
    folder = tmp_path_factory.mktemp("fresh")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=SDK, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "-q", "--python", sys.executable, folder / "venv"], check=True)
    python = folder / "venv/bin/python"
    locked = ["--constraint", str(ROOT / "requirements/dev.txt")]
    install = [*uv, "pip", "install", "-q", "--python", str(python), *locked, str(wheel)]
    ways = [[*install, "--offline"], install]
    if all(subprocess.run(way, capture_output=True, check=False).returncode for way in ways):
        lacks("the package index cannot be reached, and uv's cache lacks what the wheel needs")
    return python


def test_the_wheel_brings_the_package_alone(fresh_python: Path, tmp_path: Path) -> None:
    """What of ours can be imported is `handover`."""
    for name, status in {"handover": 0, "workflows": 1, "api": 1, "temporalio": 1}.items():
        importing = [fresh_python, "-c", f"import {name}"]
        assert subprocess.run(importing, cwd=tmp_path, check=False).returncode == status


async def test_the_wheel_alone_runs_the_quick_start(
    service: RunningService, fresh_python: Path, tmp_path: Path
) -> None:
    """It is all that an agent's developer needs."""
    code = program(ROOT / "docs/quickstart.md", service)
    told = await run(code, service, fresh_python, tmp_path)
    assert "approver@example.com agreed: of course" in told
    assert "refunded 49.90 for order 1142" in told
    assert "{'chosen': 'voucher'}" in told
    assert "not on a Friday" in told
