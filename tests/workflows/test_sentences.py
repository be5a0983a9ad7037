"""What the rules say, as the record and the API have it."""

from __future__ import annotations

import pytest

from workflows.sentences import Sentence


@pytest.mark.parametrize(
    ("sentence", "english", "clause"),
    [
        (Sentence("All of it."), "All of it.", "all of it."),
        (Sentence("All of it.", field="x.1"), "x.1: all of it.", "all of it."),
        (Sentence("All of it.", field=""), ": all of it.", "all of it."),
        (Sentence("100 % of it."), "100 % of it.", "100 % of it."),
        (Sentence("SVG is not.", field="file"), "file: SVG is not.", "SVG is not."),
        (
            Sentence("%(file)s: %(why)s", {"file": "A %(b)s.svg", "why": Sentence("It is not.")}),
            "A %(b)s.svg: it is not.",
            "A %(b)s.svg: it is not.",
        ),
        (
            Sentence("%(a)s, %(b)s, %(c)s, %(d)s.", {"a": 10_000, "b": 2.0, "c": -0.5, "d": "1"}),
            "10,000, 2, -0.5, 1.",
            "10,000, 2, -0.5, 1.",
        ),
        (Sentence("One of: %(a)s.", {"a": ["x", "y"]}), "One of: x, y.", "one of: x, y."),
    ],
)
def test_a_sentence_is_english_until_somebody_tells_it(
    sentence: Sentence, english: str, clause: str
) -> None:
    """By itself, and after the name of its field or what else has begun it."""
    assert (str(sentence), sentence.clause) == (english, clause)


def test_a_long_list_is_cut() -> None:
    """At a word, and it says so: the record has up to a hundred of them."""
    told = str(Sentence("One of: %(a)s.", {"a": [f"choice {n}" for n in range(100)]}))
    assert len(told) < 320
    assert told.endswith(" ….")
