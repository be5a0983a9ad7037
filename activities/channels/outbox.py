"""The transport of a laptop: each e-mail is a file, and nothing leaves the machine."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

from activities.channels.email import Email
from activities.channels.errors import DeferredError
from activities.channels.mime import to_bytes


class Outbox:
    """Writes `<folder>/<UTC time>-<message>-<part of the Message-ID>.eml`, readable by us alone."""

    provider = "outbox"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, email: Email) -> str:
        """Returns the file's name."""
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{email.message}-{email.message_id[1:9]}.eml"
        try:
            await asyncio.to_thread(self._write, name, to_bytes(email))
        except OSError as error:
            raise DeferredError(f"The outbox could not be written: {error.strerror}.") from error
        return name

    def _write(self, name: str, content: bytes) -> None:
        """Renaming is what keeps a reader from ever seeing half a mail."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self._folder / f".{name}.{os.getpid()}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            draft.replace(self._folder / name)
        finally:
            draft.unlink(missing_ok=True)  # half of a mail, where the disk is full
