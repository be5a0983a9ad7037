"""Link tokens: what counts as one of ours, through rotation, and nothing else at all."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer

from links import BadTokenError, Link, LinkKeys
from links.tokens import ANSWER
from tests.proven import mutated_text

OLD, NEW, STRANGERS = "old" * 12, "new" * 12, "stranger" * 5
KEYS = LinkKeys([NEW, OLD])
LINKS = [
    Link("dec_" + "0" * 26, "ann@example.com"),
    Link("dec_1", "josé@example.com"),
    Link("dec_" + "a" * 26, "a" * 64 + "@" + "a" * 180 + ".example.com"),  # long enough to compress
]
TOKENS = [keys.mint(link) for keys in (KEYS, LinkKeys([OLD])) for link in LINKS]


def is_read(token: str) -> bool:
    try:
        KEYS.read(token)
    except BadTokenError:
        return False
    return True


@pytest.mark.parametrize("link", LINKS)
def test_a_token_says_what_was_put_into_it(link: Link) -> None:
    """Whom it was made for and which decision it is about."""
    assert KEYS.read(KEYS.mint(link)) == link


def test_rotation() -> None:
    """The newest key mints; an old one is read while it is listed, and no longer."""
    token = LinkKeys([OLD]).mint(LINKS[0])
    assert KEYS.read(token) == LINKS[0]
    assert KEYS.mint(LINKS[0]).partition(".")[0] == LinkKeys([NEW]).mint(LINKS[0]).partition(".")[0]
    with pytest.raises(BadTokenError):
        LinkKeys([NEW]).read(token)


def split(token: str) -> tuple[str, str, str]:
    """Key id, content, signature."""
    key_id, _, rest = token.partition(".")
    content, _, signature = rest.rpartition(".")
    return key_id, content, signature


def forgeries() -> Iterator[str]:
    """What somebody can make who has tokens and the source, but no key."""
    strangers = LinkKeys([STRANGERS])
    other_purposes = [URLSafeSerializer(NEW), URLSafeSerializer(NEW, salt=ANSWER + ".more")]
    for one in TOKENS:
        key_id, content, signature = split(one)
        for another_id, another_content, another_signature in map(split, TOKENS):
            yield f"{another_id}.{content}.{signature}"
            yield f"{key_id}.{another_content}.{signature}"
            yield f"{key_id}.{content}.{another_signature}"
        for serializer in other_purposes:
            yield f"{key_id}.{serializer.dumps(['dec_1', 'ann@example.com'])}"
        yield f"{key_id}.{strangers.mint(LINKS[0]).partition('.')[2]}"
        yield from (f"{key_id}.{content}.", f"{key_id}.{content}", f".{content}.{signature}")
        yield from (f"{one}\n", f" {one}", f"{one}=", f"{one}é", one.upper(), one * 2)


@pytest.mark.parametrize("forged", sorted(set(forgeries()) - set(TOKENS)))
def test_forged(forged: str) -> None:
    """Parts of good tokens, other keys, other purposes, other spellings: none is a token."""
    assert not is_read(forged)


@given(token=st.sampled_from(TOKENS), chance=st.randoms(use_true_random=False))
@settings(max_examples=5_000, deadline=None)
def test_mutated(token: str, chance: random.Random) -> None:
    """One signature has one spelling; whatever differs in a character is no token."""
    assert not is_read(mutated_text(token, chance))


@given(st.text() | st.from_regex(r"[0-9a-f]{8}\.[\w-]+\.[\w-]{43}", fullmatch=True))
@settings(max_examples=2_000, deadline=None)
def test_made_up(token: str) -> None:
    """Any text at all, and any that looks like a token, is refused and breaks nothing."""
    assert not is_read(token)


def test_a_hundred_thousand_mutations() -> None:
    """None is accepted."""
    chance = random.Random(5)
    accepted = [
        made for _ in range(100_000) if is_read(made := mutated_text(chance.choice(TOKENS), chance))
    ]
    assert accepted == []
