"""docs/words.md names what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
ROW = re.compile(r"^\| ([a-z ]+) \| .+ \| `([a-z_/.]+)` \|$", re.MULTILINE)
WORDS = ROW.findall((ROOT / "docs/words.md").read_text())


@pytest.mark.parametrize(("word", "home"), WORDS, ids=[word for word, _ in WORDS])
def test_a_word_is_at_home_where_it_is_said_to_be(word: str, home: str) -> None:
    """The module, or the room, is there."""
    assert (ROOT / home).exists() or (ROOT / "sdk/python" / home).exists()


def test_every_row_is_read() -> None:
    """None has slipped past the test above."""
    lines = (ROOT / "docs/words.md").read_text().splitlines()
    heads = ("| word |", "| --- |")
    rows = [line for line in lines if line.startswith("| ") and not line.startswith(heads)]
    assert len(rows) == len(WORDS) > 30
