"""Channels are tried before somebody needs them, and what is found is said."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

import pytest

from activities import checking
from activities.channels.errors import DeliveryError, RefusedError
from activities.checking import Checking
from tests.support import eventually

REFUSED = RefusedError("The mail server refuses our login. Check HANDOVER_SMTP_PASSWORD.")
FAILING = "nothing can be sent by email: The mail server refuses our login."


class Channel:
    """Fails as `error` says, and hangs while it is told to."""

    def __init__(self, error: Exception | None = None, *, hangs: bool = False) -> None:
        self.error, self.hangs, self.tries = error, hangs, 0

    async def check(self) -> None:
        self.tries += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.error:
            raise self.error


class Book:
    """What is known now; `is_away` is a store that is."""

    def __init__(self) -> None:
        self.failing: dict[str, str] = {}
        self.is_away = False

    async def failed(self, channel: str, reason: str, worker: str) -> None:
        if self.is_away:
            raise OSError("no store")
        self.failing[channel] = reason

    async def works(self, channel: str) -> None:
        if self.is_away:
            raise OSError("no store")
        self.failing.pop(channel, None)


async def test_each_is_tried_and_a_failure_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """In the log, with what to do, and in the store; a channel that works is passed over."""
    book = Book()
    book.failing["slack"] = "of a worker before"
    await Checking({"email": Channel(REFUSED), "slack": Channel()}, book).all()
    assert book.failing == {"email": str(REFUSED)}
    [told] = caplog.records
    assert (told.levelno, told.getMessage()[: len(FAILING)]) == (logging.ERROR, FAILING)


@pytest.mark.parametrize(
    ("channel", "words"),
    [
        (Channel(hangs=True), "no answer within"),
        (Channel(ValueError("odd")), "could not be tried"),
    ],
)
async def test_whatever_a_channel_does_the_worker_starts(
    monkeypatch: pytest.MonkeyPatch, channel: Channel, words: str
) -> None:
    """In time, also without a store; and it is told."""
    monkeypatch.setattr(checking, "LIMIT", timedelta(seconds=0.05))
    book = Book()
    async with asyncio.timeout(20):
        await Checking({"email": channel}, book).all()
        assert words in book.failing["email"]
        book.is_away = True
        await Checking({"email": channel}, book).all()


async def test_it_is_tried_again_and_clears(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Sooner while it fails, and again once it works: what breaks later is found as well."""
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(checking, "SOONEST", timedelta(milliseconds=1))
    monkeypatch.setattr(checking, "EVERY", timedelta(milliseconds=40))
    channel, book = Channel(REFUSED), Book()
    made = Checking({"email": channel}, book)
    await made.all()
    going_on = asyncio.create_task(made.go_on())
    await eventually(lambda: channel.tries >= 4)
    channel.error = None
    await eventually(lambda: not book.failing)
    assert caplog.messages[-1] == "email works again"
    channel.error = DeliveryError("again")
    await eventually(lambda: book.failing == {"email": "again"})
    going_on.cancel()
