"""Cursors: what was given out comes back, and nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from api.http.cursors import BadCursorError, Cursors
from links import BadTokenError, Link, LinkKeys

KEYS = ["newest key of many characters", "retired key of many characters"]
LETTERS = st.characters() | st.sampled_from("=-_.AQgw%+/ ")

cursors, links = Cursors(KEYS), LinkKeys(KEYS)


@given(token=st.binary(max_size=500), list_of=st.text())
def test_a_cursor_gives_its_token_back_to_its_list(token: bytes, list_of: str) -> None:
    """Any token, in a cursor that needs no escaping in a URL."""
    cursor = cursors.mint(token, list_of)
    assert cursors.read(cursor, list_of) == token
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


@given(token=st.binary(), list_of=st.text(), other=st.text())
def test_a_cursor_of_one_list_is_none_of_another(token: bytes, list_of: str, other: str) -> None:
    """Other filters or another agent make another list."""
    assume(list_of != other)
    with pytest.raises(BadCursorError):
        cursors.read(cursors.mint(token, list_of), other)


@given(token=st.binary(max_size=60), data=st.data())
def test_any_mutation_is_refused(token: bytes, data: st.DataObject) -> None:
    """A letter changed, added or left out, anywhere; also where base64 would not tell."""
    cursor = cursors.mint(token, "a list")
    start = data.draw(st.integers(0, len(cursor)))
    end = min(len(cursor), start + data.draw(st.integers(0, 2)))
    mutated = cursor[:start] + data.draw(st.text(LETTERS, max_size=3)) + cursor[end:]
    assume(mutated != cursor)
    with pytest.raises(BadCursorError):
        cursors.read(mutated, "a list")


@pytest.mark.parametrize("last", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
def test_no_other_spelling_of_a_signature_passes(last: str) -> None:
    """The last letter of 32 bytes in base64 has two bits that mean nothing."""
    cursor = cursors.mint(b"token", "a list")
    if cursor[-1] == last:
        assert cursors.read(cursor, "a list") == b"token"
    else:
        with pytest.raises(BadCursorError):
            cursors.read(cursor[:-1] + last, "a list")


@given(st.text(LETTERS))
def test_what_was_never_given_out_is_refused(cursor: str) -> None:
    """Any text, also one that no HTTP client could send."""
    with pytest.raises(BadCursorError):
        cursors.read(cursor, "a list")


@pytest.mark.parametrize("key", KEYS)
def test_a_cursor_of_every_live_key_counts(key: str) -> None:
    """Keys can be changed while somebody turns pages; one of no live key is refused."""
    cursor = Cursors([key]).mint(b"token", "a list")
    assert cursors.read(cursor, "a list") == b"token"
    with pytest.raises(BadCursorError):
        Cursors(["a key of somebody else's"]).read(cursor, "a list")


@given(token=st.binary(), decision=st.text(), approver=st.text())
def test_links_are_no_cursors_and_cursors_no_links(
    token: bytes, decision: str, approver: str
) -> None:
    """The same keys sign both, each for one purpose."""
    link = links.mint(Link(decision, approver))
    key_id, _, signed = link.partition(".")
    for given_out in (link, signed):
        with pytest.raises(BadCursorError):
            cursors.read(given_out, approver)
    cursor = cursors.mint(token, approver)
    for given_out in (cursor, f"{key_id}.{cursor}"):
        with pytest.raises(BadTokenError):
            links.read(given_out)
