"""What the store knows of a code: how long it holds, and how many tries it had."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from store import Store
from store.codes import HOLDS_FOR, MAX_TRIES

NOW = datetime(2026, 3, 12, 14, 0, tzinfo=UTC)
ANN = "ann@example.com"


async def test_a_hundred_tries_at_once_are_a_hundred_tries(store: Store) -> None:
    """Five are let through, whoever comes at the same time."""
    assert await store.codes.replace("dec_tries", ANN, None, "code_1", NOW)
    tried = await asyncio.gather(
        *(store.codes.spend_try("dec_tries", ANN, NOW) for _ in range(100))
    )
    passed = [each for each in tried if each]
    assert sorted(each.tries for each in passed) == list(range(1, MAX_TRIES + 1))
    left = await store.codes.find("dec_tries", ANN)
    assert left
    assert not left.holds(NOW)


async def test_a_code_holds_for_ten_minutes(store: Store) -> None:
    """And no try counts after that."""
    await store.codes.replace("dec_time", ANN, None, "code_1", NOW)
    code = await store.codes.find("dec_time", ANN)
    assert code
    assert code.sent_at == NOW
    assert code.holds(NOW + HOLDS_FOR - timedelta(seconds=1))
    assert not code.holds(NOW + HOLDS_FOR)
    assert await store.codes.spend_try("dec_time", ANN, NOW + HOLDS_FOR) is None


async def test_of_two_new_codes_at_once_one_is_kept(store: Store) -> None:
    """The first for somebody, and any later one."""
    for round_ in range(3):
        last = await store.codes.find("dec_race", ANN)
        kept = await asyncio.gather(
            *(store.codes.replace("dec_race", ANN, last, f"code_{round_}_{n}", NOW) for n in "ab")
        )
        assert sorted(kept) == [False, True]
    code = await store.codes.find("dec_race", ANN)
    assert code
    assert code.sent == 3


async def test_codes_belong_to_one_person_and_one_decision(store: Store) -> None:
    """Nobody spends the tries of another, and one that ended holds no longer."""
    await store.codes.replace("dec_whose", ANN, None, "code_1", NOW)
    assert await store.codes.spend_try("dec_whose", "bob@example.com", NOW) is None
    assert await store.codes.spend_try("dec_other", ANN, NOW) is None
    await store.codes.end("dec_whose", ANN, "code_of_before")
    assert await store.codes.spend_try("dec_whose", ANN, NOW)
    await store.codes.end("dec_whose", ANN, "code_1")
    assert await store.codes.spend_try("dec_whose", ANN, NOW) is None
