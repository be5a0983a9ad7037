"""Images that an agent points to: the service fetches each once, checks it, keeps it and serves it.

An approver's browser never asks the agent's server. Nobody there learns who opened the page, when
and from where, nor can they show each approver something else.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from api.files.documents import RefusedFileError
from api.files.filetypes import judge
from api.files.pixels import measure
from outgoing import Answer, GuardedClient, OutgoingError
from store.files import Files, FilesError
from store.images import Image
from store.images import Images as StoredImages

MAX_IMAGE = 5 * 1024 * 1024
"""Bytes of an image."""

MAX_PIXELS = 40_000_000
"""Pixels of an image, because a few bytes may unfold to gigabytes in an approver's browser. A good
phone's photograph has 12 million; so many take 160 MB."""

LIMIT_SECONDS = 10.0
"""Seconds to fetch an image: a page with a gap after ten seconds is better than a page that keeps
loading."""

CONCURRENCY = 8
"""Images whose content one process holds while it arrives; a page has five."""

TRY_AGAIN = timedelta(minutes=5)
"""Time until a failed image is tried again. Its server may be back soon; but each try may delay
somebody's page, and reloading a page must not hammer that server."""

TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""Types that every browser displays and no script can hide in, so no SVG."""

HEADERS = {"Accept": ", ".join(sorted(TYPES)), "User-Agent": "Handover (image)"}

PREFIX = "img_"
"""Prefix of the names of their files."""

log = logging.getLogger(__name__)


class ImageRefusedError(Exception):
    """The image is not shown. The text says why."""


class Images:
    def __init__(self, store: StoredImages, files: Files, outgoing: GuardedClient) -> None:
        self._store = store
        self._files = files
        self._outgoing = outgoing
        self._room = asyncio.Semaphore(CONCURRENCY)
        self._under_way: dict[tuple[str, int], asyncio.Task[Image]] = {}

    async def find(self, decision_id: str, number: int) -> Image | None:
        """Return what is kept of the image, without asking anybody."""
        return await self._store.find(decision_id, number)

    async def get(self, decision_id: str, number: int, url: str) -> Image:
        """Return the image, or why there is none; fetch it if that is still to be tried.

        It is fetched once, however many ask at once, even if they don't wait for it. Raises
        `FilesError`.
        """
        kept = await self.find(decision_id, number)
        if kept and not _is_to_be_tried(kept):
            return kept
        key = (decision_id, number)
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(self._fetch(*key, url))
            task.add_done_callback(lambda _: self._under_way.pop(key))
        return await asyncio.shield(task)

    async def _fetch(self, decision_id: str, number: int, url: str) -> Image:
        kept = await self.find(decision_id, number)
        if kept and not _is_to_be_tried(kept):  # somebody was about to keep it
            return kept
        async with self._room:
            now = datetime.now(UTC)
            try:
                content, type = await self._receive(url)
            except (OutgoingError, ImageRefusedError) as error:
                log.warning("image %d of %s is not shown: %s", number, decision_id, error)
                failed = Image(decision_id, number, url, now, problem=str(error))
                return await self._store.keep(failed)
            file = file_of(decision_id, number, content)
            await self._files.put(file, content)
            new = Image(decision_id, number, url, now, file, type, len(content))
        return await self._keep(new)

    async def _receive(self, url: str) -> tuple[bytes, str]:
        """Fetch its content and its type. Raises `OutgoingError` and `ImageRefusedError`."""
        answer = await self._outgoing.get(
            url, HEADERS, limit_seconds=LIMIT_SECONDS, most_bytes=MAX_IMAGE
        )
        loop = asyncio.get_running_loop()
        return answer.body, await loop.run_in_executor(self._files.threads, examine, answer)

    async def _keep(self, new: Image) -> Image:
        """Keep the image, or return that of another process that was faster, so that all see the
        same."""
        kept = await self._store.keep(new)
        if new.file and kept.file != new.file:
            try:
                await self._files.delete(new.file)
            except FilesError as error:
                log.warning("the unused file %s was not deleted: %s", new.file, error)
        return kept


def examine(answer: Answer) -> str:
    """Return the media type of an image by its content. Raises `ImageRefusedError`."""
    if answer.status_code != HTTPStatus.OK:
        raise ImageRefusedError(f"it was answered with {answer.status_code}")
    try:
        type = judge(answer.body, "")
    except RefusedFileError as error:
        raise ImageRefusedError("it is no image") from error
    if type not in TYPES:
        raise ImageRefusedError(f"it is no PNG, JPEG, GIF or WebP, but {type}")
    if not 0 < (pixels := measure(answer.body, type)) <= MAX_PIXELS:
        raise ImageRefusedError(f"it has {pixels} pixels, which are too many or none")
    return type


def begin_digest(decision_id: str, number: int) -> hashlib.blake2b:
    """Begin a digest of the content, which then names the file, so that the file proves itself."""
    return hashlib.blake2b(f"{decision_id}/{number}/".encode(), digest_size=18)


def file_of(decision_id: str, number: int, content: bytes) -> str:
    """Return the name of the file with this image of this decision."""
    digest = begin_digest(decision_id, number)
    digest.update(content)
    return f"{PREFIX}{digest.hexdigest()}"


def _is_to_be_tried(image: Image) -> bool:
    return image.file is None and datetime.now(UTC) - image.fetched_at > TRY_AGAIN
