"""A payload in rows, and what a change to it changes."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handover.proof import digest
from templates.payload import MAX_ROWS, MAX_TEXT, Value, changes, fingerprint, rows, texts

scalars = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20)
payloads = st.dictionaries(
    st.text(max_size=8),
    st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    ),
    max_size=6,
)


def told(payload: Any) -> dict[str, str]:
    return {row.name: row.value.text for row in rows(payload).rows}


def test_each_value_has_a_row_by_the_way_that_leads_to_it() -> None:
    """Keys and places in lists, in the order in which they stand."""
    payload = {"to": {"name": "Zoë", "tags": ["a", "b"]}, "amount": 1.50, "none": {}, "no": []}
    assert list(told(payload).items()) == [
        ("to → name", "Zoë"),
        ("to → tags → #1", "a"),
        ("to → tags → #2", "b"),
        ("amount", "1.5"),
        ("none", "{}"),
        ("no", "[]"),
    ]


@pytest.mark.parametrize(
    ("value", "text", "is_text"),
    [
        (7, "7", False),
        ("7", '"7"', True),
        ("-1,000.5", '"-1,000.5"', True),
        (True, "true", False),
        ("True", '"True"', True),
        (None, "null", False),
        ("null", '"null"', True),
        ("", '""', True),
        (" x", '" x"', True),
        ("{}", '"{}"', True),
        ('"7"', '"\\"7\\""', True),
        (1e16, "10000000000000000", False),
        ("7 parcels", "7 parcels", True),
    ],
)
def test_no_value_passes_for_another_kind(value: Any, text: str, is_text: bool) -> None:
    """A text that looks like a number, like `true`, or like nothing, is in quotes."""
    [row] = rows({"a": value}).rows
    assert row.value == Value(text, is_text)


def test_no_name_passes_for_a_way() -> None:
    """What looks like several names, or like a place in a list, is in quotes."""
    payload = {"a → b": 1, "a": {"b": 2, "#1": 3, "": 4}}
    assert list(told(payload)) == ['"a → b"', "a → b", 'a → "#1"', 'a → ""']


def test_what_is_long_or_deep_is_cut_and_says_how_much() -> None:
    """Rows, characters of a value, and levels; what is deeper is JSON in its row."""
    many = rows({str(n): n for n in range(MAX_ROWS + 7)})
    assert (len(many.rows), many.more) == (MAX_ROWS, 7)
    [long] = rows({"a": "x" * (MAX_TEXT + 5)}).rows
    assert (len(long.value.text), long.value.more) == (MAX_TEXT, 5)
    deep = {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": 1}}}}}}}}
    assert told(deep) == {"a → b → c → d → e → f": '{"g": {"h": 1}}'}


@given(payloads)
def test_two_payloads_that_differ_look_different(payload: dict[str, Any]) -> None:
    """Where nothing is cut, no two rows have the same name."""
    names = [row.name for row in rows(payload).rows]
    assert len(set(names)) == len(names)


def test_a_change_is_told_with_what_was_asked() -> None:
    """Changed, removed and added, in the order of what was asked; the rest is counted."""
    asked = {"amount": 100, "to": {"name": "Zoë", "vip": True}, "all": 1, "same": [1, 2]}
    given = {"amount": "100", "to": {"name": "Zoë", "iban": "DE02"}, "all": True, "same": [1.0, 2]}
    found = changes(asked, given)
    assert [
        (row.name, row.was and row.was.text, row.now and row.now.text) for row in found.rows
    ] == [
        ("amount", "100", '"100"'),
        ("to → vip", "true", None),
        ("all", "1", "true"),
        ("to → iban", None, "DE02"),
    ]
    assert (found.same, found.more) == (3, 0)


@given(payloads, payloads)
def test_a_change_is_told_exactly_where_there_is_one(
    asked: dict[str, Any], given: dict[str, Any]
) -> None:
    """Equal digests, and only they, have nothing to tell; counts add up."""
    found = changes(asked, given)
    assert (not found.rows) is (digest(asked) == digest(given))
    assert changes(asked, copy.deepcopy(asked)).rows == []
    back = changes(given, asked)
    assert len(back.rows) + back.more == len(found.rows) + found.more


def test_a_fingerprint_is_how_the_digest_begins() -> None:
    """16 hex digits in groups of four, of the canonical JSON."""
    payload = {"b": 1.0, "a": "Zoë"}
    assert fingerprint(payload).replace(" ", "") == digest(payload)[:16]
    assert fingerprint(json.loads('{"a":"Zo\\u00eb","b":1}')) == fingerprint(payload)
    assert [len(part) for part in fingerprint(payload).split(" ")] == [4, 4, 4, 4]


def test_all_that_is_written_in_it() -> None:
    """Names and texts, once each, for whoever looks for strange letters."""
    assert texts({"a": ["b", 1, {"c": "b"}], "d": None}).split("\n") == ["a", "b", "c", "d"]
