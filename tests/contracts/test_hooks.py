"""What runs before a commit is what `make lint` runs: the same programs, in the same versions."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent.parent


def test_hooks_are_the_projects_own_programs() -> None:
    """Out of .venv and locked in requirements/dev.txt, so that no version is written twice."""
    repositories = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [each["repo"] for each in repositories] == ["local"]
    locked = re.findall(r"^([\w-]+)==", (ROOT / "requirements/dev.txt").read_text(), re.MULTILINE)
    lint = (ROOT / "Makefile").read_text().partition("\nlint:")[2].partition("\n\n")[0]
    for hook in repositories[0]["hooks"]:
        program = re.fullmatch(r"\.venv/bin/([\w-]+)( .+)?", hook["entry"])
        assert program, hook["entry"]
        assert program[1] in locked
        assert f"$(BIN)/{program[1]}" in lint
