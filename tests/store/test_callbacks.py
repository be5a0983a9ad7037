"""The secrets of callbacks, and how many callbacks fail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text, update

from store import Store
from store.deliveries import Result
from store.sealing import UnreadableError
from store.tables import callback_secrets, deliveries

KEY, NEXT = "k" * 32, "n" * 32


async def test_the_first_secret_is_made_when_it_is_needed(store: Store) -> None:
    """And is then the agent's, and no other agent's."""
    secrets = store.callback_secrets([KEY])
    assert await secrets.live("refund-bot") == []
    [secret] = await secrets.signing("refund-bot")
    assert secret.startswith("whsec_")
    assert await secrets.signing("refund-bot") == [secret]
    assert await secrets.signing("other-bot") != [secret]


async def test_a_secret_is_kept_sealed(store: Store) -> None:
    """Who reads the database cannot sign with what they find in it."""
    secrets = store.callback_secrets([KEY])
    _, secret = await secrets.rotate("refund-bot")
    async with store._database.connect() as connection:
        rows = (await connection.execute(text("SELECT * FROM callback_secrets"))).all()
    assert secret not in str(rows)
    assert secret.removeprefix("whsec_") not in str(rows)
    with pytest.raises(UnreadableError):
        await store.callback_secrets([NEXT]).signing("refund-bot")


async def test_two_are_live_and_a_third_ends_the_oldest(store: Store) -> None:
    """The newest first; the previous one has a day left."""
    secrets = store.callback_secrets([KEY])
    made = [await secrets.rotate("refund-bot") for _ in range(3)]
    assert await secrets.signing("refund-bot") == [made[2][1], made[1][1]]
    newest, previous = await secrets.live("refund-bot")
    assert (newest.id, newest.expires_at) == (made[2][0].id, None)
    assert previous.id == made[1][0].id
    assert previous.expires_at
    left = previous.expires_at - datetime.now(UTC)
    assert timedelta(hours=23, minutes=59) < left <= timedelta(hours=24)


async def test_the_previous_one_ends_after_its_day(store: Store) -> None:
    """It signs nothing any more, and is not listed."""
    secrets = store.callback_secrets([KEY])
    (old, _), (_, new) = [await secrets.rotate("refund-bot") for _ in range(2)]
    over = update(callback_secrets).where(callback_secrets.c.id == old.id)
    async with store._database.begin() as connection:
        await connection.execute(over.values(expires_at=datetime.now(UTC)))
    assert await secrets.signing("refund-bot") == [new]
    assert len(await secrets.live("refund-bot")) == 1


async def test_a_retired_link_key_takes_no_secret_with_it(store: Store) -> None:
    """Once a service has started with the new key in front, the old one is not needed."""
    _, secret = await store.callback_secrets([KEY]).rotate("refund-bot")
    await store.callback_secrets([NEXT, KEY]).reseal()
    assert await store.callback_secrets([NEXT]).signing("refund-bot") == [secret]


async def test_a_lost_link_key_is_overcome_by_a_new_secret(store: Store) -> None:
    """What cannot be opened is left out, and nothing stops for its sake."""
    await store.callback_secrets([KEY]).rotate("refund-bot")
    secrets = store.callback_secrets([NEXT])
    await secrets.reseal()
    with pytest.raises(UnreadableError):
        await secrets.signing("refund-bot")
    _, secret = await secrets.rotate("refund-bot")
    assert await secrets.signing("refund-bot") == [secret]


async def test_failing_callbacks_are_those_whose_newest_attempt_failed(store: Store) -> None:
    """Delivered, given up, or silent for longer than any wait: no longer failing."""

    async def attempted(key: str, *results: Result) -> None:
        for result in results:
            await store.deliveries.record(
                key=key,
                decision_id="dec_1",
                message="callback",
                approver="refund-bot",
                channel="email" if key == "mail" else "callback",
                result=result,
                provider="https",
            )

    assert await store.deliveries.failing_callbacks() == 0
    await attempted("late", "deferred", "sent")
    await attempted("gone", "deferred", "failed")
    await attempted("mail", "deferred")
    await attempted("bad", "deferred", "deferred")
    await attempted("worse", "deferred")
    assert await store.deliveries.failing_callbacks() == 2
    forgotten = update(deliveries).where(deliveries.c.key == "bad")
    async with store._database.begin() as connection:
        await connection.execute(forgotten.values(at=datetime.now(UTC) - timedelta(days=2)))
    assert await store.deliveries.failing_callbacks() == 1
