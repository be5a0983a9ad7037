"""Channels by which nothing can be sent, in both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from store import Store, channels


async def test_a_channel_fails_until_it_works(store: Store, monkeypatch: pytest.MonkeyPatch):
    """The last word counts, since the first of them; what nobody has found lately does not."""
    assert await store.channels.failing() == []
    await store.channels.failed("email", "no login", "one")
    [first] = await store.channels.failing()
    await store.channels.failed("email", "no sender", "two")
    await store.channels.failed("slack", "no token", "two")
    email, slack = await store.channels.failing()
    assert (email.channel, email.reason, email.worker) == ("email", "no sender", "two")
    assert email.since == first.since
    assert slack.since > first.since
    await store.channels.works("email")
    await store.channels.works("email")
    assert await store.channels.failing() == [slack]
    monkeypatch.setattr(channels, "KNOWN_FOR", timedelta())
    assert await store.channels.failing() == []
