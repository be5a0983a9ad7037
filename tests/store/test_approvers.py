"""What approvers have set, in both databases."""

from __future__ import annotations

import asyncio
from datetime import time

from store import Store
from store.approvers import Preferences, QuietHours

GERMAN = Preferences("de", "Europe/Vienna")
FRENCH = Preferences("fr", None)


async def test_the_last_one_holds(store: Store) -> None:
    """However the address is spelled; nothing is left of what was set before."""
    await store.approvers.set("Ann@example.com", GERMAN)
    await store.approvers.set("ann@example.com", FRENCH)
    assert await store.approvers.find("ANN@example.com") == FRENCH
    assert await store.approvers.find("ben@example.com") == Preferences()


async def test_domains_that_fold_to_one_are_two(store: Store) -> None:
    """What one has set holds for the other in no spelling."""
    await store.approvers.set("ann@straße.de", GERMAN)
    await store.approvers.set("ann@strasse.de", FRENCH)
    assert await store.approvers.find("Ann@xn--strae-oqa.DE") == GERMAN
    assert await store.approvers.find("ann@STRASSE.de") == FRENCH
    assert await store.approvers.without_webhook(["ann@straße.de"]) == ["ann@straße.de"]


async def test_forgotten(store: Store) -> None:
    """Also where there is nothing to forget, and what others have set stays."""
    await store.approvers.set("ann@example.com", GERMAN)
    await store.approvers.set("ben@example.com", FRENCH)
    for _ in range(2):
        await store.approvers.forget("Ann@example.com")
    assert await store.approvers.find("ann@example.com") == Preferences()
    assert await store.approvers.find("ben@example.com") == FRENCH


async def test_several_at_once(store: Store) -> None:
    """One of them is last, and none of them fails."""
    setting = [store.approvers.set("ann@example.com", each) for each in (GERMAN, FRENCH) * 5]
    await asyncio.gather(*setting)
    assert await store.approvers.find("ann@example.com") in (GERMAN, FRENCH)


async def test_everything_that_can_be_set(store: Store) -> None:
    """Comes back as it was, for one person and for several at once."""
    full = Preferences(
        language="fr",
        time_zone="Europe/Paris",
        quiet_hours=QuietHours(time(20), time(7, 30)),
        digest_minutes=60,
        channels={"low": [{"channel": "email", "after_minutes": 0.5}]},
    )
    await store.approvers.set("Ann@example.com", full)
    await store.approvers.set("ben@example.com", GERMAN)
    assert await store.approvers.find("ann@example.com") == full
    asked = ["ANN@example.com", "ben@example.com", "carl@example.com"]
    found = {"ann@example.com": full, "ben@example.com": GERMAN}
    assert await store.approvers.find_all(asked) == found
    assert await store.approvers.find_all([]) == {}


def test_the_hours_that_are_quiet() -> None:
    """The first minute is, the last one isn't; also over midnight."""
    noon, night = QuietHours(time(12), time(13)), QuietHours(time(22), time(7))
    quiet = [time(12), time(12, 59, 59)], [time(22), time(0), time(6, 59)]
    loud = [time(11, 59), time(13)], [time(7), time(21, 59)]
    for hours, inside, outside in zip((noon, night), quiet, loud, strict=True):
        assert all(hours.covers(each) for each in inside)
        assert not any(hours.covers(each) for each in outside)
        assert QuietHours.of(hours.told()) == hours
