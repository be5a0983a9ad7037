"""Link tokens: what counts as one of ours, through rotation, and nothing else at all."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer

from links import (
    BadTokenError,
    Link,
    LinkKeys,
    PersonalLink,
    SlackLink,
    UnknownLinkKeyError,
)
from links.tokens import ANSWER, PERSONAL
from tests.proven import mutated_text
from tests.volume import volume

OLD, NEW, STRANGERS = "old" * 12, "new" * 12, "stranger" * 5
KEYS = LinkKeys([NEW, OLD])
LINKS = [
    Link("dec_" + "0" * 26, "ann@example.com"),
    Link("dec_1", "josé@example.com"),
    Link("dec_" + "a" * 26, "a" * 64 + "@" + "a" * 180 + ".example.com"),  # long enough to compress
]
TOKENS = [keys.mint(link) for keys in (KEYS, LinkKeys([OLD])) for link in LINKS]
MINTED_AT = datetime(2026, 3, 12, 14, 30, tzinfo=UTC)
PERSONAL_LINKS = [
    PersonalLink("ann@example.com", MINTED_AT),
    PersonalLink("josé@example.com", MINTED_AT - timedelta(days=40)),
    PersonalLink("a" * 64 + "@" + "a" * 180 + ".example.com", MINTED_AT),
]
PERSONAL_TOKENS = [
    keys.mint_personal(link) for keys in (KEYS, LinkKeys([OLD])) for link in PERSONAL_LINKS
]
SLACK_LINKS = [
    SlackLink("dec_1", "ann@example.com", "0" * 64, "T012AB3C4", "U012AB3CD"),
    SlackLink("dec_" + "a" * 26, "a" * 64 + "@" + "a" * 180 + ".example.com", "f" * 64, "T1", "W1"),
]
SLACK_TOKENS = [keys.mint_slack(link) for keys in (KEYS, LinkKeys([OLD])) for link in SLACK_LINKS]
GOOD = [*TOKENS, *PERSONAL_TOKENS, *SLACK_TOKENS]


READERS: tuple[Callable[[str], object], ...] = (KEYS.read, KEYS.read_personal, KEYS.read_slack)


def is_read(token: str) -> bool:
    """Whether it is a token for anything."""
    return any(_passes(read, token) for read in READERS)


def _passes(read: Callable[[str], object], token: str) -> bool:
    try:
        read(token)
    except (BadTokenError, UnknownLinkKeyError):
        return False
    return True


@pytest.mark.parametrize("link", LINKS)
def test_a_token_says_what_was_put_into_it(link: Link) -> None:
    """Whom it was made for and which decision it is about."""
    assert KEYS.read(KEYS.mint(link)) == link


@pytest.mark.parametrize("link", SLACK_LINKS)
def test_a_slack_token_says_what_was_put_into_it(link: SlackLink) -> None:
    """Whose answer it is, to what, and who may press; and a button has room for it."""
    token = KEYS.mint_slack(link)
    assert KEYS.read_slack(token) == link
    assert len(token) <= 2_000


@pytest.mark.parametrize("link", PERSONAL_LINKS)
def test_a_personal_token_says_what_was_put_into_it(link: PersonalLink) -> None:
    """Whose it is and when it was made, however long ago, to the second."""
    later = PersonalLink(link.approver, link.minted_at + timedelta(milliseconds=999))
    assert KEYS.read_personal(KEYS.mint_personal(link)) == link
    assert KEYS.mint_personal(later) == KEYS.mint_personal(link)


def test_a_token_is_good_for_one_purpose() -> None:
    """An answer's link opens no inbox, a personal one no decision; also with the same content."""
    assert not any(_passes(KEYS.read_personal, token) for token in TOKENS)
    assert not any(_passes(KEYS.read, token) for token in PERSONAL_TOKENS)
    content = ["ann@example.com", 1_773_325_800]
    for purpose, read in ((ANSWER, KEYS.read_personal), (PERSONAL, KEYS.read)):
        signed = URLSafeSerializer(
            NEW, salt=purpose, signer_kwargs={"digest_method": hashlib.sha256}
        ).dumps(content)
        token = f"{KEYS.mint(LINKS[0]).partition('.')[0]}.{signed}"
        assert is_read(token)
        assert not _passes(read, token)


def test_rotation() -> None:
    """The newest key mints, and an old one is read while it is listed. After that its tokens name
    the key, for an operator, until it is revoked: from then on they are nobody's."""
    token = LinkKeys([OLD]).mint(LINKS[0])
    assert KEYS.read(token) == LINKS[0]
    assert KEYS.mint(LINKS[0]).partition(".")[0] == LinkKeys([NEW]).mint(LINKS[0]).partition(".")[0]
    personal = LinkKeys([OLD]).mint_personal(PERSONAL_LINKS[0])
    assert KEYS.read_personal(personal) == PERSONAL_LINKS[0]
    old = token.partition(".")[0]
    for keys, error in (
        (LinkKeys([NEW]), UnknownLinkKeyError),
        (LinkKeys([NEW], revoked=[old]), BadTokenError),
    ):
        for read, minted in ((keys.read, token), (keys.read_personal, personal)):
            with pytest.raises(error) as caught:
                read(minted)
            assert error is BadTokenError or old in str(caught.value)


def split(token: str) -> tuple[str, str, str]:
    """Key id, content, signature."""
    key_id, _, rest = token.partition(".")
    content, _, signature = rest.rpartition(".")
    return key_id, content, signature


def forgeries() -> Iterator[str]:
    """What somebody can make who has tokens and the source, but no key."""
    strangers = LinkKeys([STRANGERS])
    other_purposes = [URLSafeSerializer(NEW), URLSafeSerializer(NEW, salt=ANSWER + ".more")]
    for one in GOOD:
        key_id, content, signature = split(one)
        for another_id, another_content, another_signature in map(split, GOOD):
            yield f"{another_id}.{content}.{signature}"
            yield f"{key_id}.{another_content}.{signature}"
            yield f"{key_id}.{content}.{another_signature}"
        for serializer in other_purposes:
            yield f"{key_id}.{serializer.dumps(['dec_1', 'ann@example.com'])}"
        yield f"{key_id}.{strangers.mint(LINKS[0]).partition('.')[2]}"
        yield from (f"{key_id}.{content}.", f"{key_id}.{content}", f".{content}.{signature}")
        yield from (f"{one}\n", f" {one}", f"{one}=", f"{one}é", one.upper(), one * 2)


@pytest.mark.parametrize("forged", sorted(set(forgeries()) - set(GOOD)))
def test_forged(forged: str) -> None:
    """Parts of good tokens, other keys, other purposes, other spellings: none is a token."""
    assert not is_read(forged)


@given(token=st.sampled_from(GOOD), chance=st.randoms(use_true_random=False))
@settings(max_examples=volume(5_000, 500))
def test_mutated(token: str, chance: random.Random) -> None:
    """One signature has one spelling; whatever differs in a character is no token."""
    assert not is_read(mutated_text(token, chance))


@given(st.text() | st.from_regex(r"[0-9a-f]{8}\.[\w-]+\.[\w-]{43}", fullmatch=True))
@settings(max_examples=volume(2_000, 300))
def test_made_up(token: str) -> None:
    """Any text at all, and any that looks like a token, is refused and breaks nothing."""
    assert not is_read(token)


def test_many_mutations() -> None:
    """None is accepted."""
    chance = random.Random(5)
    accepted = [
        made
        for _ in range(volume(100_000, 5_000))
        if is_read(made := mutated_text(chance.choice(GOOD), chance))
    ]
    assert accepted == []
