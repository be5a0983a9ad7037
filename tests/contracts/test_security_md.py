"""SECURITY.md: each threat in its table names tests that exist, or says that nothing stops it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "SECURITY.md").read_text()
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
ROW = re.compile(r"^\| (?!---|who could|\*\*)(.+?) \| (.+?) \|(.*)\|$", re.MULTILINE)
THREATS = ROW.findall(TEXT)

MUST_NAME = (
    *("scanner", "link", "guessed", "twice", "changed since", "its own request", "others asked"),
    *("leaked API key", "forged signal", "start anew", "Reset", "completes", "index", "used again"),
    *("exchanged", "key row", "malicious file", "memory or the disk", "Slow clients", "query"),
    *("cursor", "callback_url", "forged callback", "logs, histories", "hide", "frames"),
    *("Forged or replayed presses", "another's button", "imitate in Slack", "account in Slack"),
    *("runs twice", "A run is made up", "A claim is deleted", "Forged events"),
    *("wrong codes", "all ten codes", "in two ways", "than its writer meant"),
    *("presses *Approve*", "denies or cancels", "mistake when a key", "another host"),
)
"""Of every threat that somebody thought of, so that a row does not get lost."""


def collected(path: Path) -> set[str]:
    """Names of the tests that pytest collects from this file: those at its top level."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = {node.name for node in ast.parse(path.read_text()).body if isinstance(node, functions)}
    return {name for name in found if name.startswith("test_")}


@pytest.mark.parametrize(
    ("threat", "stops", "tests"), THREATS, ids=[threat[:40] for threat, _, _ in THREATS]
)
def test_a_threat_has_its_tests(threat: str, stops: str, tests: str) -> None:
    """All that it names are there; only what nothing stops has none."""
    named = TEST.findall(tests)
    assert named or "**Not stopped" in stops, threat
    for path, name in named:
        assert name in collected(ROOT / path), f"{path}::{name}"


@pytest.mark.parametrize("words", MUST_NAME)
def test_no_threat_gets_lost(words: str) -> None:
    """Each has its row."""
    assert [threat for threat, _, _ in THREATS if words in threat]


def test_every_test_that_is_named_is_in_the_table() -> None:
    """The text around it names none that the table would not check."""
    in_rows = [test for _, _, tests in THREATS for test in TEST.findall(tests)]
    assert TEST.findall(TEXT) == in_rows
    assert TEXT.count("::test_") == len(in_rows)
