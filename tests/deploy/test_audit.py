""".ci/audit.py, with a stand-in for pip-audit that answers as the real one does.

The answers were taken from pip-audit 2.10.1, the second one behind a mirror of PyPI.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.compose import ROOT

STAND_IN = """
import pathlib, sys
here = pathlib.Path(__file__).parent
with (here / "calls").open("a") as calls:
    calls.write(" ".join(sys.argv[1:]) + "\\n")
kind = "probe" if "probe.txt" in " ".join(sys.argv) else "answer"
sys.stderr.write("could not reach proxy.internal.example:3128")
sys.stdout.write((here / kind).read_text())
sys.exit(1)
"""
CVE = {"id": "PYSEC-2019-217", "fix_versions": ["2.10.1"], "aliases": ["CVE-2019-10906"]}
GOOD: dict[str, Any] = {"name": "fastapi", "version": "0.165.0", "vulns": []}
BAD: dict[str, Any] = {"name": "jinja2", "version": "2.10", "vulns": [CVE]}
UNKNOWN = {"name": "jinja2", "skip_reason": "Dependency not found on PyPI and could not be audited"}
NOTHING = ""


class Audit:
    """A copy of the script beside requirements of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / ".ci").mkdir()
        (folder / "requirements").mkdir()
        (folder / "requirements/service.txt").write_text("")
        shutil.copy(ROOT / ".ci/audit.py", folder / ".ci")
        (folder / "pip_audit.py").write_text(STAND_IN)
        self.ignore("# none\n")
        self.finds("probe", BAD)

    def ignore(self, text: str) -> None:
        (self._folder / ".ci/ignored-vulnerabilities.txt").write_text(text)

    def finds(self, kind: str, *packages: dict[str, Any] | str) -> None:
        answer = json.dumps({"dependencies": packages, "fixes": []})
        (self._folder / kind).write_text(NOTHING if packages == (NOTHING,) else answer)

    def run(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, ".ci/audit.py"],
            cwd=self._folder,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(self._folder)},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def calls(self) -> list[str]:
        return (self._folder / "calls").read_text().splitlines()


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    return Audit(tmp_path)


def test_no_vulnerability(audit: Audit):
    """It asks for every requirements file, and for no package index."""
    audit.finds("answer", GOOD)
    done = audit.run()
    assert done.returncode == 0
    assert "1 packages, 0 vulnerabilities" in done.stdout
    assert "requirements/service.txt" in audit.calls[1]
    assert all("--disable-pip" in call for call in audit.calls)


def test_a_vulnerability_fails(audit: Audit):
    """With its names, the package, and the version that mends it."""
    audit.finds("answer", GOOD, BAD)
    done = audit.run()
    assert done.returncode == 1
    for word in ("jinja2 2.10", "PYSEC-2019-217", "CVE-2019-10906", "2.10.1"):
        assert word in done.stdout


@pytest.mark.parametrize("answer", [NOTHING, UNKNOWN], ids=["away", "a mirror"])
def test_a_source_that_knows_nothing_is_not_believed(audit: Audit, answer: dict[str, Any] | str):
    """Not audited, and said; a second question is not asked, and no host is told."""
    audit.finds("probe", answer)
    done = audit.run()
    assert done.returncode == 0
    assert "not audited" in done.stdout
    assert len(audit.calls) == 1
    assert "proxy" not in done.stdout + done.stderr


def test_a_source_that_goes_away_is_no_vulnerability(audit: Audit):
    """Also in the middle."""
    audit.finds("answer", NOTHING)
    done = audit.run()
    assert done.returncode == 0
    assert "not audited" in done.stdout


def test_a_package_that_the_source_does_not_know_is_named(audit: Audit):
    """So that nobody takes it for audited."""
    audit.finds("answer", GOOD, {**UNKNOWN, "name": "ours"})
    done = audit.run()
    assert "does not know ours" in done.stdout
    assert "1 packages" in done.stdout


def test_one_is_ignored_for_a_reason(audit: Audit):
    """The id goes to pip-audit, the reason to whoever reads the log."""
    audit.ignore("PYSEC-2030-1: not used here\n")
    audit.finds("answer", GOOD)
    done = audit.run()
    assert "--ignore-vuln PYSEC-2030-1" in audit.calls[1]
    assert "PYSEC-2030-1 is ignored: not used here" in done.stdout


@pytest.mark.parametrize("line", ["PYSEC-2030-1", "PYSEC-2030-1:", "because"])
def test_none_is_ignored_without_a_reason(audit: Audit, line: str):
    """The line is named, and nothing is asked."""
    audit.ignore(line + "\n")
    done = audit.run()
    assert done.returncode != 0
    assert line in done.stderr


def test_it_is_part_of_what_ci_runs():
    """Before the tests, which take longer."""
    script = (ROOT / ".ci/run").read_text()
    assert script.index(".ci/audit.py") < script.index("make test")
