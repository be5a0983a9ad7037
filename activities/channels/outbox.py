"""The transport of a laptop: each e-mail is a file, and nothing leaves the machine."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from email.headerregistry import Address as Mailbox
from pathlib import Path
from tempfile import TemporaryFile

from activities.channels.email import Email
from activities.channels.errors import DeferredError
from activities.channels.mime import to_bytes


class Outbox:
    """Writes `<folder>/<UTC time>-<message>-<part of the Message-ID>.eml`, readable by us alone."""

    provider = "outbox"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, email: Email) -> str:
        """Write the mail and return the file's name."""
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{email.message}-{email.message_id[1:9]}.eml"
        try:
            await asyncio.to_thread(self._write, name, to_bytes(email))
        except OSError as error:
            raise _unwritable(error) from error
        return name

    async def check(self, sender: Mailbox) -> None:
        try:
            await asyncio.to_thread(self._try_to_write)
        except OSError as error:
            raise _unwritable(error) from error

    def _try_to_write(self) -> None:
        self._make_folder()
        with TemporaryFile(dir=self._folder) as file:
            file.write(b"\r\n")

    def _make_folder(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def _write(self, name: str, content: bytes) -> None:
        """Write the file and rename it, so that no reader ever sees half a mail."""
        self._make_folder()
        draft = self._folder / f".{name}.{os.getpid()}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            draft.replace(self._folder / name)
        finally:
            draft.unlink(missing_ok=True)  # half of a mail, where the disk is full


def _unwritable(error: OSError) -> DeferredError:
    return DeferredError(f"The outbox could not be written: {error.strerror}.")
