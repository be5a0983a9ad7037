"""What approvers have set, in both databases."""

from __future__ import annotations

import asyncio

from store import Store
from store.approvers import Preferences

GERMAN = Preferences("de", "Europe/Vienna")
FRENCH = Preferences("fr", None)


async def test_the_last_one_holds(store: Store) -> None:
    """However the address is spelled; nothing is left of what was set before."""
    await store.approvers.set("Ann@example.com", GERMAN)
    await store.approvers.set("ann@example.com", FRENCH)
    assert await store.approvers.find("ANN@example.com") == FRENCH
    assert await store.approvers.find("ben@example.com") == Preferences()


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
