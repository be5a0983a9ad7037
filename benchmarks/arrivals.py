"""A folder of messages for people, which notifies whoever waits for theirs."""

from __future__ import annotations

import asyncio
import email
import re
from collections.abc import Callable
from pathlib import Path
from typing import cast

LOOK_EVERY = 0.005
"""Seconds between two looks. Both sides wait for them alike, and they are outside of every
latency."""

LINK = re.compile(r"https?://\S+/d/[A-Za-z0-9_.-]+")
Arrival = tuple[str, str]
"""The person, and the message."""


class Arrivals:
    """Watches the folder and removes its files. `read` returns a file's arrival, or None if it is
    for nobody."""

    def __init__(self, folder: Path, read: Callable[[Path], Arrival | None]) -> None:
        self._folder = folder
        self._read = read
        self._expected: dict[str, asyncio.Future[str]] = {}

    def expect(self, whom: str) -> asyncio.Future[str]:
        """Return their message as soon as it arrives."""
        self._expected[whom] = asyncio.get_running_loop().create_future()
        return self._expected[whom]

    async def watch(self) -> None:
        """Watch until cancelled."""
        while True:
            for path in self._folder.iterdir():
                if not path.name.startswith("."):
                    self._take(path)
            await asyncio.sleep(LOOK_EVERY)

    def _take(self, path: Path) -> None:
        arrival = self._read(path)
        path.unlink()
        expected = self._expected.pop(arrival[0], None) if arrival else None
        if arrival and expected and not expected.done():
            expected.set_result(arrival[1])


def read_name(path: Path) -> Arrival:
    """Read an empty file, whose name is the person's."""
    return path.name, ""


def read_mail(path: Path) -> Arrival | None:
    """Return the approver's address and the link; None for a mail that asks nothing."""
    if "-decision-request-" not in path.name:
        return None
    mail = email.message_from_bytes(path.read_bytes())
    part = next(part for part in mail.walk() if part.get_content_type() == "text/plain")
    text = cast(bytes, part.get_payload(decode=True))
    link = LINK.search(text.decode())
    if link is None:
        raise ValueError(f"{path.name} has no link")
    return mail["To"], link[0]
