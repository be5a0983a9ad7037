"""Messages that are held back for one mail: claimed by one, in both databases."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from store import Store
from store.deliveries import Result
from store.held import STALE, HeldMessage

NOW = datetime(2026, 3, 12, 7, tzinfo=UTC)
LATER = NOW + timedelta(minutes=30)


def message(key: str, approver: str = "ann@example.com", due_at: datetime = NOW) -> HeldMessage:
    return HeldMessage(key, approver, f"dec_{key}", "reminder", 2, due_at)


async def kept(store: Store, *messages: HeldMessage) -> None:
    for each in messages:
        await store.held.keep(each)


async def record_sent(store: Store, key: str, result: Result = "sent") -> None:
    await store.deliveries.record(
        key=key,
        decision_id=f"dec_{key}",
        message="reminder",
        approver="ann@example.com",
        channel="email",
        result=result,
        provider="fake",
        provider_message_id="m",
    )


async def claimed(store: Store, own: HeldMessage, now: datetime = NOW) -> list[HeldMessage]:
    claim = await store.held.claim(own, now)
    return claim.messages if claim else []


async def test_what_is_due_to_one_person(store: Store) -> None:
    """However they are spelled, and nobody else's; in order of time."""
    first = message("b", due_at=NOW - timedelta(hours=1))
    second = message("a", "Ann@Example.com")
    await kept(store, second, first, message("c", "ben@example.com"), message("d", due_at=LATER))
    assert await claimed(store, first) == [first, second]


async def test_one_that_nobody_kept(store: Store) -> None:
    """The store was away when it was held back: it goes out with the others all the same."""
    await kept(store, message("a"))
    assert await claimed(store, message("b")) == [message("a"), message("b")]


async def test_one_that_is_awake_before_its_time(store: Store) -> None:
    """Clocks differ, and settings change: its time has come, and only its own."""
    await kept(store, message("a", due_at=LATER), message("b", due_at=LATER), message("c"))
    [second, first] = await claimed(store, message("a"))
    assert (second.key, first.key) == ("c", "a")
    assert first.due_at == LATER


async def test_many_claim_at_once(store: Store) -> None:
    """One has all; the others find nothing, and change nothing."""
    await kept(store, *(message(f"k{number}") for number in range(20)))
    claims = await asyncio.gather(*(claimed(store, message(f"k{n}")) for n in range(10)))
    keys = [each.key for claim in claims for each in claim]
    assert sorted(keys) == sorted(f"k{number}" for number in range(20))
    assert max(len(claim) for claim in claims) == 20


async def test_many_that_nobody_kept_claim_at_once(store: Store) -> None:
    """Each is in one claim, or in none until its claimer looks again; nobody locks another out."""
    claims = await asyncio.gather(*(claimed(store, message(f"k{n}")) for n in range(10)))
    keys = [each.key for claim in claims for each in claim]
    assert len(keys) == len(set(keys))
    for number in range(10):
        keys += [each.key for each in await claimed(store, message(f"k{number}"))]
    assert sorted(keys) == sorted(f"k{number}" for number in range(10))


async def test_a_claimer_that_died(store: Store) -> None:
    """After a minute another one has them."""
    await kept(store, message("a"))
    assert await claimed(store, message("a"))
    assert not await claimed(store, message("a"), NOW + STALE)
    late = NOW + STALE + timedelta(seconds=1)
    assert await claimed(store, message("a"), late) == [message("a")]


async def test_whoever_finds_their_own_taken_takes_nothing(store: Store) -> None:
    """Their mail is being sent; what came since goes out with whoever wakes for it."""
    await kept(store, message("a"))
    assert await claimed(store, message("a"))
    await kept(store, message("b"))
    assert not await claimed(store, message("a"))
    assert await claimed(store, message("b")) == [message("b")]


async def test_what_was_given_back_and_what_was_removed(store: Store) -> None:
    """The one is anybody's at once, the other is gone."""
    await kept(store, message("a"), message("b"))
    claim = await store.held.claim(message("a"), NOW)
    assert claim
    await store.held.remove(["a"])
    await store.held.give_back(claim)
    assert await claimed(store, message("b")) == [message("b")]


@pytest.mark.parametrize(("result", "count"), [("sent", 0), ("deferred", 1)])
async def test_what_was_sent_is_not_sent_again(store: Store, result: Result, count: int) -> None:
    """Also where whoever sent it died before it could be removed."""
    await kept(store, message("a"))
    await record_sent(store, "a", result)
    assert len(await claimed(store, message("a"))) == count


async def test_a_message_that_is_held_for_longer(store: Store) -> None:
    """Its new time counts."""
    await kept(store, message("a"), message("a", due_at=LATER))
    assert [each.key for each in await claimed(store, message("b"))] == ["b"]
    assert [each.key for each in await claimed(store, message("b"), LATER)] == ["b", "a"]
