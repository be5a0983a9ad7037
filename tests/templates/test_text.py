from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handover.models import Choice, ResponseType, TextField
from templates import text
from templates.reader import Reader
from templates.words import Words

READABLE = "👩\u200d💻 می\u200cخواهم Überweisung 送金"  # noqa: RUF001 - Persian, with its joiner
MARKED = "Việt Nam שָׁלוֹם हिन्दी क्ष्म བརྒྱུད 2️⃣"
ENGLISH = Words(Reader())
NOW = datetime(2026, 3, 12, 14, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("pay \u202eeno", "pay ⟨U+202E⟩eno"),
        ("a\u2066b\u2069", "a⟨U+2066⟩b⟨U+2069⟩"),
        ("\x1b[2Jgone\x00", "⟨U+001B⟩[2Jgone⟨U+0000⟩"),
        ("a\u2028b\u0085c", "a⟨U+2028⟩b⟨U+0085⟩c"),
        ("in\u200bvisible\ufeff\U000e0041", "in⟨U+200B⟩visible⟨U+FEFF⟩⟨U+E0041⟩"),
        ("bo\u200db\u3164", "bo⟨U+200D⟩b⟨U+3164⟩"),
        ("one\r\ntwo\rthree\n\tfour", "one\ntwo\nthree\n\tfour"),
        ("Z" + "\u0310" * 6 + "a", "Z" + "\u0310" * 4 + "⟨U+0310⟩⟨U+0310⟩a"),
        (READABLE, READABLE),
        (MARKED, MARKED),
    ],
)
def test_hidden_characters_are_written_out_and_readable_ones_kept(written: str, shown: str):
    """What a person can't see is spelled out; every script and emoji stays as it is."""
    assert text.visible(written) == shown


@given(st.text())
def test_a_line_is_one_line(written: str):
    """Whatever the agent wrote, the one-line form has no line break of any kind."""
    assert len(text.visible_line(written).splitlines()) <= 1


@given(st.text(), st.integers(min_value=1, max_value=40))
def test_a_line_keeps_its_limit(written: str, limit: int):
    """The limit holds for what is shown, hidden characters written out included."""
    assert len(text.visible_line(written, limit)) <= limit


@given(st.text())
def test_every_line_of_a_quotation_is_marked(written: str):
    """No line of a quoted text, wrapped ones too, begins without the mark."""
    quotation = text.quoted(text.visible(written))
    assert all(line.startswith(">") for line in quotation.splitlines())
    assert all(len(line) <= text.QUOTE_WIDTH for line in quotation.splitlines())


def test_an_excerpt_is_bounded_in_both_directions():
    """Neither one long line nor many short ones get past the limits, and the cut is told."""
    assert text.excerpt("x" * 99, 10, 5) == text.Excerpt("x" * 10, cut=True)
    assert text.excerpt("x\n" * 99, 100, 3) == text.Excerpt("x\nx\nx", cut=True)
    assert text.excerpt("short\n", 10, 5) == text.Excerpt("short", cut=False)


def test_json_for_people_says_what_the_machine_gets():
    """It parses back to the value, and hidden characters in it are written out."""
    value = {"to": "Sjöström", "amount": 1249.5, "items": [1, None, True]}
    assert json.loads(text.as_json(value)) == value
    assert text.as_json("a\u202eb\ud800") == '"a⟨U+202E⟩b⟨U+D800⟩"'


def test_json_to_edit_is_the_same_value_with_nothing_hidden():
    """Who edits it sees all of it, and what is sent back untouched is what was asked."""
    value = {"to": "a\u202eb\u3164", "line": "one\ntwo", "face": "\U0001f600", "tag": "\U000e0041"}
    shown = text.editable_json(value)
    assert json.loads(shown) == value
    assert text.visible(shown) == shown
    assert "\\u202e" in shown


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(minutes=30, seconds=-1), "in 30 minutes"),
        (timedelta(minutes=1), "in 1 minute"),
        (timedelta(seconds=20), "in less than a minute"),
        (timedelta(hours=2, minutes=5), "in 2 hours, 5 minutes"),
        (timedelta(hours=1), "in 1 hour"),
        (timedelta(days=3, hours=1, minutes=9), "in 3 days, 1 hour"),
        (timedelta(seconds=-5), "now"),
    ],
)
def test_a_deadline_is_told_in_the_words_of_a_person(left: timedelta, words: str):
    """Minutes are rounded, and units that matter no longer are left out."""
    assert ENGLISH.distance(NOW + left, NOW) == words


def test_a_time_is_told_in_utc():
    """Whatever zone it comes in."""
    from_tokyo = datetime.fromisoformat("2026-03-13T00:30:00+09:00")
    assert ENGLISH.moment(from_tokyo) == "Thu, Mar 12, 2026, 3:30 PM UTC"


@pytest.mark.parametrize(
    ("status", "origin", "by", "words"),
    [
        ("approved", "human", "bob@example.com", "Approved by bob@example.com"),
        ("denied", "human", "bob@example.com", "Denied by bob@example.com"),
        ("modified", "human", "bob@example.com", "Approved with changes by bob@example.com"),
        ("expired", "timeout", None, "Expired: nobody answered in time, so it was denied"),
        ("cancelled", "agent", "refund-bot", "Withdrawn by the agent"),
        ("cancelled", "operator", None, "Cancelled by an operator"),
        ("postponed", "policy", None, "Postponed"),
    ],
)
def test_every_outcome_has_words(status: str, origin: str, by: str | None, words: str):
    """Also one that only a newer version knows."""
    assert ENGLISH.verdict({"status": status, "origin": origin, "by": by}) == words


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            {"execute_at": "2026-03-12T14:30:00.250000Z"},
            "Approved by bob@example.com, for Thu, Mar 12, 2026, 2:30 PM UTC",
        ),
        ({"execute_at": "soon"}, "Approved by bob@example.com, for soon"),
        (None, "Approved by bob@example.com"),
    ],
)
def test_what_is_scheduled_is_told_with_its_time(data: dict[str, str] | None, words: str):
    """In UTC; what is no time as it stands, and nothing where the data are gone."""
    outcome = {"status": "scheduled", "origin": "human", "by": "bob@example.com", "data": data}
    assert ENGLISH.verdict(outcome) == words


FILE = {"id": "f", "name": "a.pdf", "url": "u", "type": "application/pdf", "sha256": "0"}
TEXT = ResponseType(
    type="text_input", fields=[TextField(name="why", label="Reason"), TextField(name="id")]
)


@pytest.mark.parametrize(
    ("type", "data", "lines"),
    [
        (ResponseType(type="choose"), {"chosen": "DHL"}, ["Chosen: DHL"]),
        (ResponseType(type="choose", label="Who?"), {"chosen": "DHL"}, ["Who? DHL"]),
        (TEXT, {"why": "a\nb", "id": "7"}, ["Reason: a\nb", "id: 7"]),
        (ResponseType(type="number_input"), {"value": 5.0}, ["Value: 5"]),
        (ResponseType(type="number_input"), {"value": -1.25}, ["Value: -1.25"]),
        (
            ResponseType(type="schedule"),
            {"execute_at": "2026-03-12T14:30:00Z"},
            ["To be done: Thu, Mar 12, 2026, 2:30 PM UTC"],
        ),
        (
            ResponseType(type="file_upload"),
            {"uploaded_files": [FILE | {"size": 812}, FILE | {"size": 3_440_000}]},
            ["File: a.pdf (application/pdf, 812 bytes)", "File: a.pdf (application/pdf, 3.4 MB)"],
        ),
        (ResponseType(type="seance"), {"spirit": 1}, ['What was answered: {\n  "spirit": 1\n}']),
        (ResponseType(type="choose"), {"other": 1}, ['What was answered: {\n  "other": 1\n}']),
    ],
)
def test_every_answer_has_words(type: ResponseType, data: dict[str, Any], lines: list[str]):
    """By its label; JSON where it is of no type that this version knows."""
    assert [part.line for part in ENGLISH.answered(data, type)] == lines


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1_499, "1 KB"),
        (999_499, "999 KB"),
        (999_500, "1.0 MB"),
    ],
)
def test_a_size_is_told_in_a_few_digits(count: int, words: str):
    """In the unit that a person would use."""
    assert ENGLISH.size(count) == words


@pytest.mark.parametrize(
    ("type", "words"),
    [
        ("approve_deny", ["Approve", "Deny", "Modify"]),
        ("confirm", ["Confirm", "Decline", "Modify"]),
        ("choose", ["Answer", "Deny", "Modify"]),
        ("schedule", ["Answer", "Deny", "Modify"]),
    ],
)
def test_a_button_says_what_comes_next(type: str, words: list[str]):
    """ "Answer" where there is something to fill in first."""
    named = [ENGLISH.button(choice, ResponseType(type=type)) for choice in Choice]
    assert named == words


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "data:text/html,x", "https://a b", "//x", "https://ex\u0430mple"],
)
def test_only_plain_web_addresses_become_links(address: str):
    """Other schemes, spaces and lookalike letters stay text."""
    assert not text.is_web_link(address)
    assert text.is_web_link("https://files.example.com/box.jpg?x=1")


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("Pay p\u0430yp\u0430l.com", ["p\u0430yp\u0430l (\u0430 = U+0430)"]),
        (
            "\u0410B \u039f\u039dE",
            ["\u0410B (\u0410 = U+0410)", "\u039f\u039dE (\u039f = U+039F, \u039d = U+039D)"],
        ),
        ("x\u0430 x\u0430", ["x\u0430 (\u0430 = U+0430)"]),
        (
            "\u041f\u0440\u0438\u0432\u0435\u0442 world, \u03ba\u03b1\u03bb\u03b7",
            [],
        ),
        ("5 μm, 10 kΩ, ΔT, \u043e\u0442\u0447\u0451\u0442_v2", []),
        ("Zoë Müller, naïve, \u65e5\u672c\u8a9eTokyo", []),
        ("", []),
    ],
)
def test_words_of_several_scripts_are_pointed_out(written: str, hint: list[str]) -> None:
    """Letters that pass for others; not words of one script, nor units."""
    assert text.mixed_scripts(written) == hint


def test_a_flood_of_mixed_words_is_bounded() -> None:
    """Five are enough, and each has a bounded length."""
    found = text.mixed_scripts(" ".join(f"{'x' * n}\u0430" for n in range(1, 2_000)))
    assert len(found) == 5
    assert all(len(each) < 100 for each in found)


@given(st.text(), st.integers(1, 50), st.integers(1, 5))
def test_nothing_is_lost_in_a_fold(written: str, characters: int, lines: int) -> None:
    """Both parts together are the text, and the first is not much longer than asked."""
    folded_text = text.folded(written, characters, lines)
    assert folded_text.beginning + folded_text.rest == written
    shown = folded_text.beginning.strip("\n")
    assert len(shown) <= 1.5 * characters + 1
