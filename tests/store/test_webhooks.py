"""Where approvers' own systems are asked, and the secrets of that."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text, update

from store import Store
from store.approvers import Preferences
from store.callbacks import OVERLAP
from store.sealing import UnreadableError
from store.tables import approvers
from store.webhooks import Webhook

KEY, NEXT = "k" * 32, "n" * 32
ANN, BEN = "ann@example.com", "ben@example.com"
HOOK, OTHER = "https://hooks.example.com/ann", "https://hooks.example.com/other"


async def test_the_first_url_brings_a_secret(store: Store) -> None:
    """Told once: a further URL keeps it, however the address is spelled."""
    webhooks = store.webhooks([KEY])
    secret = await webhooks.set("Ann@example.com", HOOK)
    assert secret
    assert secret.startswith("whsec_")
    assert await webhooks.find(ANN) == Webhook(HOOK, [secret])
    assert await webhooks.set(ANN, OTHER) is None
    assert await webhooks.find("ANN@example.com") == Webhook(OTHER, [secret])
    assert await webhooks.url(ANN) == OTHER


async def test_nothing_is_set(store: Store) -> None:
    """Neither for strangers, nor for who has set something else, nor once it is taken back."""
    webhooks = store.webhooks([KEY])
    await store.approvers.set(BEN, Preferences("de"))
    for address in (ANN, BEN):
        assert await webhooks.find(address) is await webhooks.url(address) is None
        assert await webhooks.rotate(address) is None
    first = await webhooks.set(BEN, HOOK)
    await webhooks.remove(BEN)
    assert await webhooks.find(BEN) is None
    assert await store.approvers.find(BEN) == Preferences("de")
    assert await webhooks.set(BEN, HOOK) not in (None, first)


async def test_settings_and_webhooks_keep_out_of_each_others_way(store: Store) -> None:
    """What an approver sets for themselves takes no webhook back; an administrator's deletion
    does."""
    webhooks = store.webhooks([KEY])
    await webhooks.set(ANN, HOOK)
    await store.approvers.set(ANN, Preferences("fr", "Europe/Paris"))
    assert await webhooks.url(ANN) == HOOK
    assert await store.approvers.find(ANN) == Preferences("fr", "Europe/Paris")
    await store.approvers.forget(ANN)
    assert await webhooks.find(ANN) is None


async def test_who_has_none(store: Store) -> None:
    """In the order and the spelling in which they were asked for."""
    await store.webhooks([KEY]).set(ANN, HOOK)
    await store.approvers.set(BEN, Preferences("de"))
    asked = ["carl@example.com", "ANN@example.com", "Ben@example.com"]
    assert await store.approvers.without_webhook(asked) == ["carl@example.com", "Ben@example.com"]


async def test_a_secret_is_kept_sealed(store: Store) -> None:
    """Who reads the database cannot ask in our name with what they find in it."""
    webhooks = store.webhooks([KEY])
    secrets = [await webhooks.set(ANN, HOOK), await webhooks.rotate(ANN)]
    async with store._database.connect() as connection:
        rows = str((await connection.execute(text("SELECT * FROM approvers"))).all())
    for secret in secrets:
        assert secret
        assert secret.removeprefix("whsec_") not in rows
    with pytest.raises(UnreadableError):
        await store.webhooks([NEXT]).find(ANN)


async def test_two_secrets_are_live_for_a_day(store: Store) -> None:
    """The newest first; one older than the previous ends at once."""
    webhooks = store.webhooks([KEY])
    first = await webhooks.set(ANN, HOOK)
    second = await webhooks.rotate(ANN)
    assert await webhooks.find(ANN) == Webhook(HOOK, [str(second), str(first)])
    third = await webhooks.rotate(ANN)
    assert await webhooks.find(ANN) == Webhook(HOOK, [str(third), str(second)])
    yesterday = datetime.now(UTC) - OVERLAP - timedelta(seconds=1)
    async with store._database.begin() as connection:
        await connection.execute(update(approvers).values(webhook_rotated_at=yesterday))
    assert await webhooks.find(ANN) == Webhook(HOOK, [str(third)])


async def test_keys_are_exchanged(store: Store) -> None:
    """Both secrets are sealed anew, and then the old key can go."""
    webhooks = store.webhooks([KEY])
    first, second = await webhooks.set(ANN, HOOK), await webhooks.rotate(ANN)
    await store.webhooks([NEXT, KEY]).reseal()
    assert await store.webhooks([NEXT]).find(ANN) == Webhook(HOOK, [str(second), str(first)])


async def test_a_secret_that_cannot_be_opened_is_left_out(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """The other one signs alone, and the log says what to do."""
    await store.webhooks([KEY]).set(ANN, HOOK)
    webhooks = store.webhooks([NEXT])
    made = await webhooks.rotate(ANN)
    assert await webhooks.find(ANN) == Webhook(HOOK, [str(made)])
    assert f"POST /approvers/{ANN}/webhook-secret" in caplog.text


async def test_several_at_once(store: Store) -> None:
    """One of them is told the secret, which is the one that is kept."""
    webhooks = store.webhooks([KEY])
    told = await asyncio.gather(*(webhooks.set(ANN, HOOK) for _ in range(5)))
    [secret] = [each for each in told if each]
    assert await webhooks.find(ANN) == Webhook(HOOK, [secret])
