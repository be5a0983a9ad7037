"""The file storage: a folder, and a bucket of a server that verifies what is asked of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from store.files import CHUNK, Files, FilesError, open_files
from tests.s3 import BUCKET, S3Server, s3

__all__ = ["s3"]

Kept = Callable[[], list[str]]


@pytest.fixture(params=["folder", "bucket"])
def storage(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Files, Kept]:
    """A storage, and what it holds by its own account."""
    if request.param == "folder":
        folder = tmp_path / "with a space"
        files = open_files(folder.as_uri())
        return files, lambda: sorted(path.name for path in folder.iterdir())
    server: S3Server = request.getfixturevalue("s3")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    prefix = "handover/"
    files = open_files(f"s3://{BUCKET}/{prefix}")
    return files, lambda: [key.removeprefix(prefix) for key in server.objects()]


async def taken(files: Files, id: str) -> bytes:
    content = await files.get(id)
    chunks = [chunk async for chunk in content.chunks]
    assert all(0 < len(chunk) <= CHUNK for chunk in chunks)
    assert content.size == sum(map(len, chunks))
    return b"".join(chunks)


@pytest.mark.parametrize("size", [1, CHUNK - 1, CHUNK, CHUNK + 1, 10 * 1024 * 1024])
async def test_a_file_comes_back_as_it_was(storage: tuple[Files, Kept], size: int) -> None:
    """Of every size around a chunk's, piece by piece, and the storage has its id alone."""
    files, kept = storage
    content = os.urandom(size)
    await files.put("att_1", content)
    assert kept() == ["att_1"]
    assert await taken(files, "att_1") == content


async def test_a_deleted_file_is_gone(storage: tuple[Files, Kept]) -> None:
    """And may be deleted again, as what never was may."""
    files, kept = storage
    await files.put("att_1", b"content")
    await files.delete("att_1")
    await files.delete("att_1")
    assert kept() == []
    with pytest.raises(FileNotFoundError):
        await files.get("att_1")


async def test_many_files_at_once(storage: tuple[Files, Kept]) -> None:
    """None is mistaken for another."""
    files, _ = storage
    contents = {f"att_{number}": os.urandom(CHUNK + number) for number in range(12)}
    await asyncio.gather(*(files.put(id, content) for id, content in contents.items()))
    found = await asyncio.gather(*(taken(files, id) for id in contents))
    assert found == list(contents.values())


async def test_a_wrong_secret_is_refused(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server of these tests verifies signatures, and what it says becomes `FilesError`."""
    for name, value in (s3.environment | {"AWS_SECRET_ACCESS_KEY": "another"}).items():
        monkeypatch.setenv(name, value)
    files = open_files(f"s3://{BUCKET}")
    with pytest.raises(FilesError):
        await files.put("att_1", b"content")
    assert s3.objects() == []


async def test_a_storage_that_is_away(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening it asks nobody; using it is an error of ours, and works again when it is back."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    s3.stop()
    files = open_files(f"s3://{BUCKET}")
    for using in (files.put("att_1", b"content"), files.get("att_1"), files.delete("att_1")):
        with pytest.raises(FilesError):
            await using
    await s3.start()
    await files.put("att_1", b"content")
    assert await taken(files, "att_1") == b"content"


@pytest.mark.parametrize("url", ["nowhere", "ftp://example.com/files", "s3://"])
def test_a_url_that_names_no_storage(url: str) -> None:
    """Is told when the service starts."""
    with pytest.raises(FilesError):
        open_files(url)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """Is told when the service starts."""
    (tmp_path / "file").touch()
    with pytest.raises(FilesError):
        open_files((tmp_path / "file" / "folder").as_uri())


def test_the_folder_is_its_owners(tmp_path: Path) -> None:
    """Nobody else on the machine reads what agents and approvers send."""
    open_files((tmp_path / "files").as_uri())
    assert (tmp_path / "files").stat().st_mode & 0o777 == 0o700
