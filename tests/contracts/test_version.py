"""The version is written once, in handover/_version.py; what cannot read it there has the same."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager

import handover
from api.main import app

ROOT = Path(__file__).parent.parent.parent
VERSION = handover.__version__


def test_the_wheel_has_it() -> None:
    """hatch takes it from the module."""
    metadata = ProjectMetadata(str(ROOT / "sdk/python"), PluginManager())
    assert metadata.version == VERSION


def test_the_openapi_document_has_it() -> None:
    assert app.openapi()["info"]["version"] == VERSION


def test_the_image_has_it() -> None:
    """Compose cannot read a module, so the tag of the image is written beside it."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    tags = {each["image"] for each in services.values() if "build" in each}
    assert tags == {f"handover-service:{VERSION}"}


@pytest.mark.parametrize("project", ["pyproject.toml", "sdk/python/pyproject.toml"])
def test_no_project_file_writes_it(project: str) -> None:
    fields = tomllib.loads((ROOT / project).read_text())["project"]
    assert "version" not in fields
    assert fields["dynamic"] == ["version"]


def test_the_changelog_has_it() -> None:
    """As its newest release, below what is unreleased."""
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[:2] == ["Unreleased", VERSION]
