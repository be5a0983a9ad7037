"""The file storage: the content of each file, under its id and under no name of a user's.

It is a local folder (`file:///…`) or a bucket (`s3://bucket/prefix`), for which the library reads
`AWS_*` itself. A process keeps few files in memory at a time, however many people send.
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

CONCURRENCY = 2
"""Files of which one process holds the whole content at a time."""

CHUNK = 128 * 1024
"""Bytes of a download that are in memory at a time."""

PATIENCE: RetryConfig = {"max_retries": 2, "retry_timeout": timedelta(seconds=30)}
"""Limits of retries. The library's own is three minutes, which no request waits for. Its options
for the connection stay as they are, because setting any of them would undo its reading of
`AWS_*`."""


class FilesError(Exception):
    """The storage is away or refuses us, or the URL leads to none."""


@dataclass(frozen=True, slots=True)
class Content:
    """The content of a file: its `size` in bytes, and the bytes, read as they are taken."""

    size: int
    chunks: AsyncGenerator[bytes]


class Files:
    """The storage. Each method raises `FilesError`; `get` also raises `FileNotFoundError`."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self.room = asyncio.Semaphore(CONCURRENCY)
        """Whoever has a whole file in memory holds this."""
        self.threads = ThreadPoolExecutor(CONCURRENCY, "files")
        """The threads that read and judge files. They are always the same, because an allocator
        gives each thread memory of its own, and keeps freed memory for it."""

    async def put(self, id: str, content: bytes) -> None:
        """Keep this file: all of it or nothing.

        One request does this, because an upload in parts that breaks off leaves parts in a bucket
        which nobody sees and somebody pays for.
        """
        with _mapped():
            await obstore.put_async(self._store, id, content, use_multipart=False)

    async def get(self, id: str) -> Content:
        """Read a file. Each chunk is a request of its own, so that a slow reader holds no
        connection to the storage."""
        with _mapped():
            first = await obstore.get_async(self._store, id, options={"range": (0, CHUNK)})
            size, beginning = first.meta["size"], bytes(await first.bytes_async())
        return Content(size, self._chunks(id, beginning, size))

    async def delete(self, id: str) -> None:
        """Make sure that this file is gone, even if it never existed."""
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
    """Open the storage of this URL; a missing folder is made. Raises `FilesError`."""
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
