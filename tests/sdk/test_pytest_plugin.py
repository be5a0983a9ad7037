"""The pytest plugin, in runs of pytest of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

import handover

PROJECT = Path(handover.__file__).parent.parent
Run = Callable[..., subprocess.CompletedProcess[str]]

CODE = """
    from handover import HandoverClient, permitted_payload

    def refund(amount):
        client = HandoverClient()
        asked = {"amount": amount}
        decision = client.approve(f"Refund {amount}", "approver@example.com", payload=asked)
        return permitted_payload(decision)
"""
TESTS = """
    import os
    import pytest
    from handover import ActionDenied
    from shop import refund

    def test_changed(handover):
        handover.modifies({"amount": 5})
        assert refund(10) == {"amount": 5}
        assert [asked.action for asked in handover.decisions] == ["Refund 10"]

    def test_denied(handover):
        handover.denies()
        with pytest.raises(ActionDenied):
            refund(10)
        assert len(handover.decisions) == 1

    def test_environment_is_left_alone():
        assert "HANDOVER_API_KEY" not in os.environ

    def test_forgotten(handover):
        refund(10)
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run pytest where the plugin is installed as its project file says."""
    installed = tmp_path / "installed" / "handover_sdk-0.dist-info"
    installed.mkdir(parents=True)
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: handover-sdk\nVersion: 0\n")
    lines = [f"{name} = {place}" for name, place in project["entry-points"]["pytest11"].items()]
    (installed / "entry_points.txt").write_text("\n".join(["[pytest11]", *lines]))
    work = tmp_path / "work"
    work.mkdir()

    def run(*arguments: str, **files: str) -> subprocess.CompletedProcess[str]:
        for name, text in files.items():
            (work / f"{name}.py").write_text("\n".join(line[4:] for line in text.splitlines()))
        environment = {k: v for k, v in os.environ.items() if not k.startswith("HANDOVER_")}
        environment["PYTHONPATH"] = os.pathsep.join(map(str, (installed.parent, PROJECT, work)))
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
        return subprocess.run(
            command, cwd=work, env=environment, capture_output=True, text=True, check=False
        )

    return run


@pytest.mark.parametrize(
    "more", [(), ("-p", "no:asyncio", "-p", "no:anyio"), ("-W", "error", "-p", "no:asyncio")]
)
def test_fixture(run: Run, more: tuple[str, ...]) -> None:
    """Code that makes its client by itself is answered by the test's script, with and without
    plugins for event loops; what a test has forgotten to script fails and says so."""
    told = run(*more, shop=CODE, test_shop=TESTS)
    assert "1 failed, 3 passed" in told.stdout, told.stdout + told.stderr
    assert "UnansweredError: Nobody answers" in told.stdout


def test_runs_without_it(run: Run) -> None:
    """A run whose tests do not use the fixture loads nothing of the client."""
    told = run(
        "-p",
        "no:anyio",
        test_nothing="""
    import sys

    def test_nothing():
        ours = sorted(name for name in sys.modules if name.startswith("handover"))
        assert ours == ["handover", "handover._version", "handover.pytest_plugin"]
""",
    )
    assert "1 passed" in told.stdout, told.stdout + told.stderr


def test_is_listed(run: Run) -> None:
    """`pytest --fixtures` explains the fixture."""
    told = run("--fixtures")
    assert "handover -- " in told.stdout
    assert "A Handover service in memory" in told.stdout
