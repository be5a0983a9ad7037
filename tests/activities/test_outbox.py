from __future__ import annotations

import email
import email.policy
import re
import resource
import stat
import threading
from pathlib import Path

import pytest

from activities.channels.errors import DeferredError
from activities.channels.outbox import Outbox
from tests.activities.samples import make_email


def listing(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_a_mail_is_a_file_for_its_owner_alone(tmp_path: Path):
    """It can be parsed, its name begins with the time, and it holds a link that can answer."""
    mail = make_email()
    name = await Outbox(tmp_path / "outbox").send(mail)
    [file] = listing(tmp_path / "outbox")
    assert file.name == name
    assert re.fullmatch(r"\d{8}T\d{6}\.\d{6}Z-decision-request-[0-9a-f]{8}\.eml", name)
    parsed = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert parsed["Message-ID"] == mail.message_id
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


async def test_a_reader_never_sees_half_a_mail(tmp_path: Path):
    """Whoever lists `*.eml` while mails are written finds whole ones only."""
    outbox, mail, done, partial = Outbox(tmp_path), make_email(), threading.Event(), list[str]()

    def read() -> None:
        while not done.is_set():
            partial.extend(
                f.name for f in tmp_path.glob("*.eml") if b"</html>" not in f.read_bytes()
            )

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(40):
        await outbox.send(mail)
    done.set()
    reader.join()
    assert partial == []
    assert {file.suffix for file in listing(tmp_path)} == {".eml"}
    assert len(listing(tmp_path)) == 40


async def test_an_outbox_that_cannot_be_written_is_tried_again(tmp_path: Path):
    """A full disk passes; the mail must not be lost for it."""
    (tmp_path / "outbox").write_text("a file where the folder should be")
    with pytest.raises(DeferredError, match="could not be written"):
        await Outbox(tmp_path / "outbox").send(make_email())


async def test_nothing_is_left_of_a_mail_that_could_not_be_written(tmp_path: Path):
    """The system ends the file after 100 bytes, as a full disk does. The folder is as it was, for
    all the tries to come."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        for _ in range(2):
            with pytest.raises(DeferredError, match="File too large"):
                await Outbox(tmp_path).send(make_email())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert listing(tmp_path) == []


async def test_a_check_writes_no_mail(tmp_path: Path):
    """It sees whether one could be written."""
    await Outbox(tmp_path / "outbox").check(make_email().sender)
    assert listing(tmp_path / "outbox") == []
    (tmp_path / "file").write_text("a file where the folder should be")
    with pytest.raises(DeferredError, match="could not be written"):
        await Outbox(tmp_path / "file").check(make_email().sender)
