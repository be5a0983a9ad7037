"""The file storage: the content of each file, under its id and no name of a user's.

A local folder (`file:///…`) or a bucket (`s3://bucket/prefix`), for which the library reads `AWS_*`
itself. One process keeps few files in memory at a time, whoever sends them and however many.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

if TYPE_CHECKING:
    from obstore.store import RetryConfig

AT_ONCE = 2
"""Files of which one process holds the whole content at a time."""

CHUNK = 128 * 1024
"""Bytes of a download that are in memory at a time."""

PATIENCE: RetryConfig = {"max_retries": 2, "retry_timeout": timedelta(seconds=30)}
"""The library's own is three minutes, which no request waits for. Its options for the connection
stay as they are, because giving any of them would undo what it reads from `AWS_*`."""


class FilesError(Exception):
    """The storage is away or refuses us, or the URL is none that it could be found by."""


@dataclass(frozen=True, slots=True)
class Content:
    """`size` in bytes, and the bytes, read as they are taken."""

    size: int
    chunks: AsyncGenerator[bytes]


class Files:
    """Each method raises `FilesError`; `get`, for what is not there, `FileNotFoundError`."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self.room = asyncio.Semaphore(AT_ONCE)
        """To be held by whoever has a whole file in memory."""
        self.threads = ThreadPoolExecutor(AT_ONCE, "files")
        """Where files are read and judged. Always the same threads, because an allocator gives each
        thread memory of its own, and keeps what was freed for it."""

    async def put(self, id: str, content: bytes) -> None:
        """Keep this: all of it or nothing.

        In one request, because an upload in parts that breaks off leaves parts in a bucket which
        nobody sees and somebody pays for.
        """
        with _mapped():
            await obstore.put_async(self._store, id, content, use_multipart=False)

    async def get(self, id: str) -> Content:
        """Each chunk is a request of its own: a slow reader holds no connection to the storage."""
        with _mapped():
            first = await obstore.get_async(self._store, id, options={"range": (0, CHUNK)})
            size, beginning = first.meta["size"], bytes(await first.bytes_async())
        return Content(size, self._chunks(id, beginning, size))

    async def delete(self, id: str) -> None:
        """See to it that this is gone, also where it never was."""
        with suppress(FileNotFoundError), _mapped():
            await obstore.delete_async(self._store, id)

    async def _chunks(self, id: str, beginning: bytes, size: int) -> AsyncGenerator[bytes]:
        yield beginning
        for start in range(len(beginning), size, CHUNK):
            with _mapped():
                chunk = await obstore.get_range_async(
                    self._store, id, start=start, end=min(start + CHUNK, size)
                )
            yield bytes(chunk)


def open_files(url: str) -> Files:
    """The storage behind this URL; a folder is made where it is missing. Raises `FilesError`."""
    parts = urlsplit(url)
    with _mapped():
        if parts.scheme != "file":
            return Files(from_url(url, retry_config=PATIENCE))
        folder = Path(unquote(parts.path))
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Files(LocalStore(folder))


@contextmanager
def _mapped() -> Generator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except (BaseError, OSError, ValueError) as error:
        # The library's message goes on with a dump of its internals.
        raise FilesError(str(error).partition("\n")[0]) from error
