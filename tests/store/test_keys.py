"""API keys: what is none, and what the store keeps of one."""

from __future__ import annotations

import asyncio
import random
import re
import string
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from store import Store, database, open_store
from store import keys as keys_module
from store.keys import (
    ADMIN,
    AUDIT,
    CHECKSUM,
    CREATE,
    DIGITS,
    FORMAT,
    PREFIX,
    READ,
    RESOLVE,
    ApiKey,
    is_name,
    is_well_formed,
    new_key,
)
from tests.support import eventually
from tests.volume import volume

SOON = timedelta(seconds=0.3)
TYPED = string.ascii_letters + string.digits + "_- .\n"
A_KEY = new_key()


def with_right_checksum(key: str) -> str:
    """What somebody would send who knows how keys are made."""
    random = key[len(PREFIX) : -CHECKSUM]
    return PREFIX + random + keys_module._checksum(random)


def mutated(key: str, chance: random.Random) -> str:
    """One to three characters exchanged, left out, doubled or put in."""
    for _ in range(chance.randint(1, 3)):
        at, other = chance.randrange(len(key)), chance.choice(TYPED)
        match chance.randrange(4):
            case 0:
                key = key[:at] + other + key[at + 1 :]
            case 1:
                key = key[:at] + key[at + 1 :]
            case 2:
                key = key[:at] + key[at] + key[at:]
            case _:
                key = key[:at] + other + key[at:]
    return key


def test_keys_have_the_format_that_scanners_look_for() -> None:
    """`ho_`, 43 random characters and the checksum, no two alike, and each digit is used."""
    made = {new_key() for _ in range(500)}
    assert len(made) == 500
    assert all(re.fullmatch(r"ho_[0-9A-Za-z]{49}", key) and is_well_formed(key) for key in made)
    assert {digit for key in made for digit in key[len(PREFIX) : -CHECKSUM]} == set(DIGITS)
    assert re.search(r"\bho_[0-9A-Za-z]{49}\b", f'key = "{A_KEY}"')


def test_the_checksum_is_crc_32_in_base_62() -> None:
    """Known by other programs: the value that CRC-32's own catalogue gives, and leading zeros."""
    assert keys_module._checksum("123456789") == to_base_62(0xCBF43926)
    assert keys_module._checksum("") == "000000"


def to_base_62(number: int) -> str:
    digits = ""
    while number:
        number, digit = number // 62, number % 62
        digits = DIGITS[digit] + digits
    return digits.rjust(6, "0")


@settings(max_examples=volume(10_000, 500), suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, len(A_KEY)), st.integers(0, 3), st.text(max_size=4))
def test_no_mutated_key_is_well_formed(at: int, removed: int, added: str) -> None:
    """Some characters of a key replaced, by any others that there are."""
    key = A_KEY[:at] + added + A_KEY[at + removed :]
    assert is_well_formed(key) is (key == A_KEY)


@pytest.fixture
async def quick_store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path}/store.db")
    yield store
    await store.close()


async def test_no_mutated_key_is_found(quick_store: Store) -> None:
    """Forgeries of keys that the store knows; every tenth has the checksum it should."""
    chance = random.Random(20_260_101)
    known = [new_key() for _ in range(20)]
    for key in known:
        await quick_store.keys.ensure(key, "agent")
    forgeries, looked_up = volume(200_000, 5_000), 0
    for number in range(forgeries):
        forged = mutated(chance.choice(known), chance)
        if number % 10 == 0:
            forged = with_right_checksum(forged)
        if forged in known:
            continue
        looked_up += is_well_formed(forged)
        assert await quick_store.keys.find(forged) is None
    assert looked_up > forgeries / 100
    assert [await quick_store.keys.find(key) for key in known].count(None) == 0


@pytest.mark.parametrize(
    "key",
    ["", "ho_", "ho_nobody", A_KEY[3:], A_KEY + "\n", " " + A_KEY],
    ids=["empty", "prefix alone", "no checksum", "no prefix", "a newline more", "a blank more"],
)
async def test_what_is_no_key_is_not_looked_up(
    quick_store: Store, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """The store is not asked for what cannot be a key."""
    monkeypatch.setattr(quick_store.keys, "_database", None)
    assert not FORMAT.fullmatch(key)
    assert await quick_store.keys.find(key) is None


async def test_a_key_comes_back_with_all_that_it_may(store: Store) -> None:
    """What an administrator gave it, on every database, and none of it is in a record's text."""
    key = new_key()
    made = await store.keys.ensure(
        key,
        "refund-bot",
        frozenset({CREATE, AUDIT}),
        expires_at=datetime.now(UTC) + timedelta(days=1),
        approvers=["@example.com"],
        rate=5,
        quota=7,
    )
    assert await store.keys.find(key) == made
    [record] = await store.keys.all()
    assert record.key == made
    assert record == await store.keys.get(made.id)
    assert record.hint == key[:7]
    assert (record.revoked_at, record.last_used_at) == (None, None)
    assert key not in str(record)


async def test_a_revoked_key_is_found_no_more(store: Store) -> None:
    """At once and for good; a second time changes nothing, and others stay."""
    key, other = new_key(), new_key()
    made, kept = await store.keys.ensure(key, "a"), await store.keys.ensure(other, "a")
    assert await store.keys.revoke(made.id)
    revoked = await store.keys.get(made.id)
    assert revoked
    assert revoked.revoked_at
    assert await store.keys.find(key) is None
    assert await store.keys.revoke(made.id)
    assert await store.keys.get(made.id) == revoked
    assert await store.keys.ensure(key, "a") == made
    assert await store.keys.find(key) is None
    assert await store.keys.find(other) == kept
    assert await store.keys.live([made.id, kept.id, "key_never"]) == {kept.id}
    assert not await store.keys.revoke("key_never")


async def test_an_expired_key_is_found_no_more(store: Store) -> None:
    """From the moment that was given when it was made."""
    key = new_key()
    made = await store.keys.ensure(key, "a", expires_at=datetime.now(UTC) + SOON)
    assert await store.keys.find(key) == made
    assert await store.keys.live([made.id]) == {made.id}

    async def is_over() -> bool:
        return await store.keys.find(key) is None

    await eventually(is_over, timeout=10)
    assert await store.keys.live([made.id]) == set()


async def test_its_last_use_is_noted(store: Store) -> None:
    """A moment in UTC."""
    made = await store.keys.ensure(new_key(), "a")
    at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    await store.keys.used(made.id, at)
    record = await store.keys.get(made.id)
    assert record
    assert record.last_used_at == at


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """What any database of this process is asked."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield asked
    event.remove(Engine, "before_cursor_execute", note)


@pytest.mark.parametrize("who_revokes", [0, 1])
async def test_a_key_is_read_once_until_somebody_writes(
    tmp_path: Path, statements: list[str], who_revokes: int
) -> None:
    """A thousand agents that ask again cost no look-up; this process or another ends the key at
    once."""
    url = f"sqlite+aiosqlite:///{tmp_path}/store.db"
    stores = [await open_store(url), await open_store(url)]
    keys, key = stores[0].keys, new_key()
    made = await keys.ensure(key, "a")
    statements.clear()
    for _ in range(3):
        assert await keys.find(key) == made
        assert await keys.live([made.id]) == {made.id}
    assert len(statements) == 2
    await stores[who_revokes].keys.revoke(made.id)
    assert await keys.find(key) is None
    assert await keys.live([made.id]) == set()
    for store in stores:
        await store.close()


async def test_keys_that_nobody_has_made_fill_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever tries them out is told each time that they are none."""
    monkeypatch.setattr(database, "MOST_RECALLED", 5)
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path}/store.db")
    assert {await store.keys.find(new_key()) for _ in range(20)} == {None}
    assert len(store._database._recalled) <= 5
    await store.close()


async def test_a_quota_is_never_exceeded(store: Store) -> None:
    """Of many at once as many get a decision as there are, each month and each key for itself."""
    spent = await asyncio.gather(*(store.usage.spend("key_1", "2026-01", 5) for _ in range(12)))
    assert sorted(each for each in spent if each) == [1, 2, 3, 4, 5]
    assert spent.count(None) == 7
    await store.usage.give_back("key_1", "2026-01")
    assert await store.usage.spent("key_1", "2026-01") == 4
    assert await store.usage.spend("key_1", "2026-01", 5) == 5
    assert await store.usage.spend("key_1", "2026-02", 5) == 1
    assert await store.usage.spend("key_2", "2026-01", 5) == 1
    assert await store.usage.spend("key_3", "2026-01", 0) is None


@pytest.mark.parametrize(
    ("approvers", "address", "may"),
    [
        (None, "anybody@example.com", True),
        ((), "anybody@example.com", False),
        (("@example.com",), "alice@example.com", True),
        (("@example.com",), "alice@EXAMPLE.com", True),
        (("@Bücher.example", "Alice@example.com"), "alice@xn--bcher-kva.example", True),
        (("@Bücher.example", "Alice@example.com"), "ALICE@example.com", True),
        (("@strasse.de",), "alice@straße.de", False),
        (("@straße.de", "alice@straße.de"), "alice@strasse.de", False),
        (("@example.com",), "alice@sub.example.com", False),
        (("@example.com",), "alice@badexample.com", False),
        (("@example.com",), '"x@example.com"@example.org', False),
        (("alice@example.com",), "alice@example.com", True),
        (("alice@example.com",), "malice@example.com", False),
        (("alice@example.com", "@example.org"), "bob@example.org", True),
    ],
)
def test_whom_a_key_may_ask(approvers: tuple[str, ...] | None, address: str, *, may: bool) -> None:
    """A whole address or its whole domain; without a list anybody."""
    assert ApiKey("key_1", "a", approvers=approvers).may_ask(address) is may


@pytest.mark.parametrize("scope", [RESOLVE, AUDIT])
def test_who_sees_all(scope: str) -> None:
    """Who may resolve or audit; neither an agent nor who manages keys."""
    assert ApiKey("key_1", "a", frozenset({scope})).sees_all
    assert not ApiKey("key_1", "a", frozenset({CREATE, READ, ADMIN})).sees_all


@pytest.mark.parametrize(
    "name",
    ["", " a", "a ", "a\nb", "a\u202eb", "a\u200bb", "x" * 201, "oidc:alice", "OIDC:alice", "\x00"],
)
def test_what_is_no_name(name: str) -> None:
    """Hidden characters, more than a line, and the names of people whom a provider vouches for."""
    assert not is_name(name)
    assert is_name("Refund bot (Müller & Söhne) №1")
