"""findings/: every script says what it shows, stops at its first fault, and is in the table."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SCRIPTS = sorted((ROOT / "findings").glob("*.sh"))
INSTALLED = re.compile(r"([^\s\"']+?)(?:==|@v?)(\d[\w.]*)")
"""A package with its version, as pip names it, or as npm and Go do."""

HEAD = re.compile(
    r"#!/usr/bin/env bash\n"
    r"# (?P<packages>\S+==[\w.]+(?:, \S+==[\w.]+)*): .+\n"
    r"(?:#.*\n)+"
    r"set -euo pipefail\n"
)


def test_a_finding_says_what_it_is_of() -> None:
    """It can be run, its head names packages with their versions, and it installs exactly those."""
    assert SCRIPTS
    for script in SCRIPTS:
        text = script.read_text()
        head = HEAD.match(text)
        assert head, script.name
        assert os.access(script, os.X_OK), script.name
        assert subprocess.run(["bash", "-n", script], check=False).returncode == 0, script.name
        installed = {"==".join(found) for found in INSTALLED.findall(text[head.end() :])}
        assert installed == {*head["packages"].split(", ")}, script.name


def test_the_readme_has_them_all() -> None:
    """Each once, and none that is not there."""
    listed = re.findall(r"^\| \[(\S+)\]\(\1\) \|", (ROOT / "findings/README.md").read_text(), re.M)
    assert sorted(listed) == [script.name for script in SCRIPTS]
    others = {path.name for path in (ROOT / "findings").iterdir()} - {*listed}
    assert others == {"README.md"}
