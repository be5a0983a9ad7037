"""Messages that are held back for one mail: claimed by one, in both databases."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from store import Store
from store.held import STALE, HeldMessage

NOW = datetime(2026, 3, 12, 7, tzinfo=UTC)
LATER = NOW + timedelta(minutes=30)


def message(key: str, approver: str = "ann@example.com", due_at: datetime = NOW) -> HeldMessage:
    return HeldMessage(key, approver, f"dec_{key}", "reminder", 2, due_at)


async def kept(store: Store, *messages: HeldMessage) -> None:
    for each in messages:
        await store.held.keep(each)


async def record_sent(store: Store, key: str, result: str = "sent") -> None:
    await store.deliveries.record(
        key=key,
        decision_id=f"dec_{key}",
        message="reminder",
        approver="ann@example.com",
        channel="email",
        result=result,  # pyright: ignore[reportArgumentType]
        provider="fake",
        provider_message_id="m",
    )


async def test_what_is_due_to_one_person(store: Store) -> None:
    """However they are spelled, and nobody else's; in order of time."""
    first = message("b", due_at=NOW - timedelta(hours=1))
    second = message("a", "Ann@Example.com")
    await kept(store, second, first, message("c", "ben@example.com"), message("d", due_at=LATER))
    assert (await store.held.claim("ann@example.com", NOW)).messages == [first, second]


async def test_many_claim_at_once(store: Store) -> None:
    """Each message is one claimer's."""
    await kept(store, *(message(f"k{number}") for number in range(20)))
    claims = await asyncio.gather(*(store.held.claim("ann@example.com", NOW) for _ in range(10)))
    keys = [each.key for claim in claims for each in claim.messages]
    assert sorted(keys) == sorted(f"k{number}" for number in range(20))
    assert max(len(claim.messages) for claim in claims) == 20


async def test_a_claimer_that_died(store: Store) -> None:
    """After a minute another one has them."""
    await kept(store, message("a"))
    assert (await store.held.claim("ann@example.com", NOW)).messages
    assert not (await store.held.claim("ann@example.com", NOW + STALE)).messages
    late = NOW + STALE + timedelta(seconds=1)
    assert (await store.held.claim("ann@example.com", late)).messages == [message("a")]


async def test_what_was_given_back_and_what_was_removed(store: Store) -> None:
    """The one is anybody's at once, the other is gone."""
    await kept(store, message("a"), message("b"))
    claim = await store.held.claim("ann@example.com", NOW)
    await store.held.remove(["a"])
    await store.held.give_back(claim)
    assert (await store.held.claim("ann@example.com", NOW)).messages == [message("b")]


@pytest.mark.parametrize(("result", "claimed"), [("sent", 0), ("deferred", 1)])
async def test_what_was_sent_is_not_sent_again(store: Store, result: str, claimed: int) -> None:
    """Also where whoever sent it died before it could be removed."""
    await kept(store, message("a"))
    await record_sent(store, "a", result)
    assert len((await store.held.claim("ann@example.com", NOW)).messages) == claimed


async def test_a_message_that_is_held_for_longer(store: Store) -> None:
    """Its new time counts."""
    await kept(store, message("a"), message("a", due_at=LATER))
    assert not (await store.held.claim("ann@example.com", NOW)).messages
    assert (await store.held.claim("ann@example.com", LATER)).messages
