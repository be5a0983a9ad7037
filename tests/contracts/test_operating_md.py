"""docs/operating.md names nothing that there isn't: no setting, metric, signal, table or page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from settings.model import Settings
from store.keys import SCOPES
from store.tables import metadata
from tests.contracts.headings import anchors
from workflows import messages

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs/operating.md"
TEXT = PAGE.read_text()
DEPLOYING = (ROOT / "docs/deploying.md").read_text()


def test_settings() -> None:
    """Each is one of ours, and every key list has its way to be changed."""
    ours = {f"HANDOVER_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"\bHANDOVER_[A-Z_]+\b", TEXT)) <= ours
    assert {name for name in ours if name.endswith("_KEYS")} <= set(re.findall(r"\w+", TEXT))


def test_metrics() -> None:
    """All that the API tells of itself, and nothing else."""
    told = set(re.findall(r'"(handover_[a-z_]+)"', (ROOT / "api/decisions/metrics.py").read_text()))
    assert set(re.findall(r"`(handover_[a-z_]+)", TEXT)) == told


def test_signals() -> None:
    """Those that operators may send."""
    named = set(re.findall(r"--name (\w+)", TEXT))
    ours = {messages.OPERATOR_DECIDE, messages.RETRY_CALLBACK, messages.GIVE_UP_CALLBACK}
    assert named == ours


def test_tables_and_scopes() -> None:
    """As they are called."""
    section = TEXT[TEXT.index("## PostgreSQL") : TEXT.index("## Backups")]
    rows = re.findall(r"^\| (`.+?) \|", section, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} <= set(metadata.tables)
    assert set(re.findall(r"`(\w+:\w+)`", TEXT)) == set(SCOPES)


@pytest.mark.parametrize("page", ["docs/operating.md", "docs/deploying.md", "SECURITY.md"])
def test_links(page: str) -> None:
    """Every page that is linked to is there, and the heading on it."""
    path = ROOT / page
    for target in re.findall(r"\]\(([^)]+)\)", path.read_text()):
        file, _, anchor = target.partition("#")
        if "://" not in target:
            linked = path.parent / file if file else path
            assert linked.exists(), target
            assert not anchor or anchor in anchors(linked.read_text()), target


def test_nothing_is_said_twice() -> None:
    """A heading is on one of the two pages."""
    assert not anchors(TEXT) & anchors(DEPLOYING)
