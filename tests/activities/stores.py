"""The parts of the store that activities use, in memory."""

from __future__ import annotations

import base64
from collections.abc import Collection
from datetime import datetime
from typing import Any

from activities.deliveries import delivery_key
from handover.models import Channel
from store.approvers import Preferences
from store.held import Claim, HeldMessage
from store.webhooks import Webhook
from tests.activities.samples import ANN
from workflows.messages import SendNotificationInput

NEW, OLD = (f"whsec_{base64.b64encode(bytes([n]) * 32).decode()}" for n in (1, 2))
"""Secrets of webhooks: the one in use, and the one before it."""


class FakeDeliveries:
    """A store in memory, which can be `down`."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.down = False

    async def find(self, key: str) -> str | None:
        self._fail_when_down()
        sent = (r for r in self.rows if r["key"] == key and r["result"] == "sent")
        return next((row["provider_message_id"] for row in sent), None)

    async def record(self, **row: Any) -> None:
        self._fail_when_down()
        self.rows.append(row)

    def _fail_when_down(self) -> None:
        if self.down:
            raise ConnectionError("the store is down")


class FakeContents:
    """What is too large for histories, in memory."""

    def __init__(self) -> None:
        self.bodies: dict[str, str] = {}

    async def get(self, digests: Collection[str]) -> dict[str, str]:
        return {digest: self.bodies[digest] for digest in digests if digest in self.bodies}


class FakeApprovers:
    """What people have set, by address."""

    def __init__(self) -> None:
        self.preferences: dict[str, Preferences] = {}
        self.away = False

    async def find(self, address: str) -> Preferences:
        if self.away:
            raise OSError("the store is away")
        return self.preferences.get(address, Preferences())


class NothingHeld:
    """The store where nobody has several questions in one mail."""

    async def keep(self, message: HeldMessage) -> None:
        raise AssertionError(f"{message} is held")

    async def claim(self, own: HeldMessage, now: datetime) -> Claim | None:
        raise AssertionError(f"{own.approver} has a digest")

    async def give_back(self, claim: Claim) -> None:
        raise AssertionError(f"{claim} was none")

    async def remove(self, keys: Collection[str]) -> None:
        raise AssertionError(f"{keys} were not held")


class Sent:
    """What was sent before, in memory."""

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}
        self.is_down = False

    async def find(self, key: str) -> str | None:
        if self.is_down:
            raise ConnectionError("the store is down")
        return self.ids.get(key)

    def remember(self, message: str, approver: str, id: str) -> None:
        sending = SendNotificationInput(
            decision_id="dec_1", message=message, approver=approver, channel=Channel.SLACK
        )
        self.ids[delivery_key(sending)] = id


class Book:
    """Where each approver's system is, in memory."""

    def __init__(self, url: str) -> None:
        self.webhook: Webhook | None = Webhook(url, [NEW])
        self.error: Exception | None = None

    async def find(self, address: str) -> Webhook | None:
        assert address == ANN
        if self.error:
            raise self.error
        return self.webhook
