"""docker-compose.yml and what belongs to it, read as Docker reads them, as far as we use it."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
FILE = ROOT / "docker-compose.yml"
ENV_EXAMPLE = ROOT / ".env.example"
SERVICES: dict[str, Any] = yaml.safe_load(FILE.read_text())["services"]
"""As they stand in the file, before any variable is filled in."""

VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?::(?P<sign>[-?])(?P<rest>[^}]*))?\})")


class MissingVariableError(Exception):
    """What Compose says, and stops."""


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """Fill in `${NAME}`, `${NAME:-default}`, `${NAME:?complaint}` and `$$`."""

    def value(match: re.Match[str]) -> str:
        name, sign, rest = match["name"], match["sign"], match["rest"]
        if name is None:
            return "$"
        if found := variables.get(name):
            return found
        if sign == "?":
            raise MissingVariableError(f"{name}: {rest}")
        return rest or ""

    return VARIABLE.sub(value, text)


def environment(service: str, variables: Mapping[str, str]) -> dict[str, str]:
    """A container's environment; what has no value in the file is handed on where it is set."""
    filled: dict[str, str] = {}
    for name, value in SERVICES[service].get("environment", {}).items():
        if value is not None:
            filled[name] = interpolate(value, variables)
        elif name in variables:
            filled[name] = variables[name]
    return filled


def variables_used() -> set[str]:
    """All that the file takes from .env."""
    named = {match["name"] for match in VARIABLE.finditer(FILE.read_text()) if match["name"]}
    handed_on = {
        name
        for service in SERVICES.values()
        for name, value in service.get("environment", {}).items()
        if value is None
    }
    return named | handed_on


def read_env(text: str) -> dict[str, str]:
    """An .env file without quotes."""
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


def stages() -> list[str]:
    """The Dockerfile's parts, each from its FROM on. The last one is what runs."""
    text = (ROOT / "Dockerfile").read_text()
    return [f"FROM {part}" for part in re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]]


def copied(stage: str) -> list[tuple[list[str], str]]:
    """A stage's COPY lines, as far as they copy from here: sources and target."""
    found = re.findall(r"^COPY (?!--from)(.+)$", stage, re.MULTILINE)
    return [(words[:-1], words[-1]) for words in map(shlex.split, found)]


def lay_out(image: Path) -> None:
    """Put there what the Dockerfile puts into /app, without what .dockerignore keeps out."""
    rules = [r.lstrip("!") for r in ignore_rules() if r.startswith("**/")]
    keep_out = shutil.ignore_patterns(*(rule.removeprefix("**/") for rule in rules))
    for sources, target in copied(stages()[-1]):
        for source in sources:
            to = image / target / Path(source).name if target.endswith("/") else image / target
            to.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, to, ignore=keep_out)
            else:
                shutil.copy(ROOT / source, to)


def ignore_rules() -> list[str]:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def is_ignored(path: str) -> bool:
    """Whether .dockerignore keeps this from the build: the last rule that matches decides."""
    ignored = False
    for rule in ignore_rules():
        pattern = rule.removeprefix("!").removeprefix("**/")
        name = path.rpartition("/")[2] if rule.startswith("**/") else path
        if pattern == "*" or fnmatch(name, pattern) or path.startswith(f"{pattern}/"):
            ignored = not rule.startswith("!")
    return ignored
