"""Channels that approvers have set for themselves: where the agent names none, those are used."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from api.decisions.routing import routes_of
from api.decisions.schemas import NewDecision
from handover.models import ChannelStep
from store import Store, open_store
from store.approvers import Preferences

ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"
EMAIL = {"channel": "email", "after_minutes": 0.0}
SLACK = {"channel": "slack", "after_minutes": 0.0}
LATER = {"channel": "email", "after_minutes": 5.0}
WEBHOOK = {"channel": "webhook", "after_minutes": 0.0}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path}/store.db")
    yield store
    await store.close()


async def routes(
    store: Store, steps: list[dict[str, Any]], lacking: tuple[str, ...] = (), **asked: Any
) -> dict[str, list[tuple[str, float]]]:
    """Of a decision of high urgency to Alice, Bob and Carol, where Bob has set these steps."""
    channels: Any = {"high": steps}
    await store.approvers.set(BOB, Preferences(channels=channels))
    await store.approvers.set(CAROL, Preferences(language="de"))
    request = {"action": "act", "approver": [ALICE, BOB.upper()], "urgency": "high"}
    later = [{"after_minutes": 5, "approvers": [CAROL]}]
    body = NewDecision.model_validate(request | {"escalation": later} | asked)
    found = await routes_of(store.approvers, body.to_request(), lacking)
    return {address: [told(step) for step in route] for address, route in found.items()}


def told(step: ChannelStep) -> tuple[str, float]:
    return step.channel, step.after_minutes


async def test_what_is_set_holds_for_its_urgency(store: Store) -> None:
    """For whoever has set it, and for nobody else."""
    assert await routes(store, [SLACK, LATER]) == {"BOB@example.com": [("slack", 0), ("email", 5)]}
    assert await routes(store, [SLACK, LATER], urgency="low") == {}


@pytest.mark.parametrize("channel", ["email", ["email"], [{"channel": "email"}]])
async def test_what_the_agent_names_stands_before_it(store: Store, channel: object) -> None:
    """Also where it names what is the default."""
    assert await routes(store, [SLACK, LATER], channel=channel) == {}


async def test_what_is_not_to_be_had_is_left_out(store: Store) -> None:
    """The rest is used from the beginning; with nothing left, the default is."""
    lacking = ("HANDOVER_SLACK_BOT_TOKEN",)
    assert await routes(store, [SLACK, LATER], lacking) == {"BOB@example.com": [("email", 0)]}
    assert await routes(store, [WEBHOOK, EMAIL]) == {"BOB@example.com": [("email", 0)]}
    assert await routes(store, [SLACK, WEBHOOK], lacking) == {}
