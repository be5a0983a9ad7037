"""Images that agents point to: fetched once, checked, kept, and shown by the service itself."""

from __future__ import annotations

import asyncio
import base64
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from api.files.images import (
    MAX_IMAGE,
    MAX_PIXELS,
    TRY_AGAIN,
    ImageRefusedError,
    Images,
    examine,
    file_of,
)
from api.files.pixels import measure
from outgoing import Answer, Exceptions, GuardedClient
from store import Store
from store.files import open_files
from tests.api.agent import Agent, in_store, link_to, someone
from tests.api.asked import check_guards
from tests.api.files import png
from tests.approver import press
from tests.dev_server import DevServer
from tests.outgoing.names import HERE, LOCAL, PRIVATE, PUBLIC, Names
from tests.receiver import Receiver, hang_up, say
from tests.service import RunningService
from tests.store.conftest import store
from tests.support import eventually

__all__ = ["store"]

PNG = png()
JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1R"
    "V19iZ2hnPk1xeXBkeFxlZ2P/2wBDARESEhgVGC8aGi9jQjhCY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2Nj"
    "Y2NjY2NjY2NjY2NjY2P/wAARCAACAAMDASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAf/xAAUEAEAAAAAAAAAAAAA"
    "AAAAAAAA/8QAFAEBAAAAAAAAAAAAAAAAAAAAAP/EABQRAQAAAAAAAAAAAAAAAAAAAAD/2gAMAwEAAhEDEQA/AJ+AD//Z"
)
EXTENDED_WEBP = base64.b64decode(
    "UklGRkYAAABXRUJQVlA4WAoAAAAQAAAAAgAAAQAAQUxQSAcAAAAAAAAAAAAAAFZQOCAYAAAAMAEAnQEqAwACAALATCWkAANw"
    "AP74H4AA"
)
LOSSLESS_WEBP = base64.b64decode("UklGRhoAAABXRUJQVlA4TA0AAAAvAkAAEAcQERGIiP4HAA==")
LOSSY_WEBP = b"RIFF\x24\0\0\0WEBP" + EXTENDED_WEBP[EXTENDED_WEBP.index(b"VP8 ") :]
GIF = base64.b64decode("R0lGODlhAwACAIAAAAAAAP///yH5BAEAAAAALAAAAAADAAIAAAIDhG8FADs=")

PIXEL = "image/png"


def of_size(width: int, height: int) -> bytes:
    """A PNG that says so of itself."""
    return PNG[:16] + struct.pack(">II", width, height) + PNG[24:]


# By itself: what is taken, and how often it is asked for.


@pytest.mark.parametrize(
    ("content", "type"),
    [
        (of_size(3, 2), "image/png"),
        (JPEG, "image/jpeg"),
        (JPEG[:2] + b"\xff" + JPEG[2:], "image/jpeg"),
        (GIF, "image/gif"),
        (EXTENDED_WEBP, "image/webp"),
        (LOSSLESS_WEBP, "image/webp"),
        (LOSSY_WEBP, "image/webp"),
    ],
)
def test_an_image_is_told_and_measured_by_its_content(content: bytes, type: str) -> None:
    """Of every kind that is taken, made by programs that people use."""
    assert measure(content, type) == 6
    for claimed in (type, "text/html", "image/svg+xml"):
        assert examine(Answer(200, httpx2.Headers({"Content-Type": claimed}), content)) == type


def test_a_picture_inside_a_photograph_is_not_measured() -> None:
    """Cameras put a small one before the real one."""
    thumbnail = b"\xff\xe1" + struct.pack(">H", 2 + len(JPEG)) + JPEG
    assert (
        measure(JPEG[:2] + thumbnail + JPEG[2:].replace(b"\0\2\0\3", b"\1\0\1\0"), "image/jpeg")
        == 65_536
    )


@pytest.mark.parametrize("content", [PNG, JPEG, GIF, EXTENDED_WEBP, LOSSLESS_WEBP, LOSSY_WEBP])
def test_what_is_broken_has_no_size(content: bytes) -> None:
    """However little of it there is: no error, and no end that is never reached."""
    for end in range(len(content)):
        for type in ("image/png", "image/jpeg", "image/gif", "image/webp"):
            assert measure(content[:end], type) >= 0
            assert measure(content[:end] + b"\0" * 20, type) >= 0


@pytest.mark.parametrize(
    ("status", "content"),
    [
        *((status, PNG) for status in (204, 206, 301, 302, 307, 401, 404, 500)),
        (200, b""),
        (200, b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        (200, b"<html><body><script>alert(1)</script>"),
        (200, b"%PDF-1.7\n"),
        (200, b"GIF is a format"),
        (200, b"BM" + b"\0" * 60),
        (200, PNG[:8]),
        (200, of_size(0, 5)),
        (200, of_size(MAX_PIXELS + 1, 1)),
        (200, of_size(2**31 - 1, 2**31 - 1)),
        (200, b"\0\0\0\x1cftypavif\0\0\0\0mif1avif"),
    ],
)
def test_what_is_no_such_image_is_not_shown(status: int, content: bytes) -> None:
    """Neither what could run, nor what would fill a telephone's memory, nor an error's picture."""
    with pytest.raises(ImageRefusedError):
        examine(Answer(status, httpx2.Headers({"Content-Type": "image/png"}), content))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


def images_of(store: Store, folder: Path, client: GuardedClient | None = None) -> Images:
    return Images(store.images, open_files(f"file://{folder}"), client or GuardedClient(LOCAL))


def kept(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_an_image_is_fetched_once(store: Store, tmp_path: Path, receiver: Receiver) -> None:
    """However many ask at once, and whoever asks afterwards, also in another process."""
    receiver.behaviours += [say(200, PNG), say(200, JPEG)]
    folder = tmp_path / "files"
    images = images_of(store, folder)
    found = await asyncio.gather(*(images.get("dec_1", 1, receiver.url) for _ in range(20)))
    [image] = set(found)
    assert (image.type, image.size) == ("image/png", len(PNG))
    assert await images_of(store, folder).get("dec_1", 1, receiver.url) == image
    assert len(receiver.requests) == 1
    assert kept(folder) == [image.file]
    assert (folder / str(image.file)).read_bytes() == PNG


async def test_the_first_image_is_everybodys(
    store: Store, tmp_path: Path, receiver: Receiver
) -> None:
    """Two processes that fetch at the same time show the same, whatever each of them got."""
    receiver.behaviours += [say(200, PNG), say(200, JPEG)]
    folder = tmp_path / "files"
    both = [images_of(store, folder) for _ in range(2)]
    first, second = await asyncio.gather(*(i.get("dec_1", 1, receiver.url) for i in both))
    assert first == second
    assert kept(folder) == [first.file]
    assert await both[0].find("dec_1", 1) == first


async def test_images_of_decisions_are_kept_apart(
    store: Store, tmp_path: Path, receiver: Receiver
) -> None:
    """The same content has another name for each, which says whose it is and what is in it."""
    receiver.behaviours += [say(200, PNG)] * 3
    images = images_of(store, tmp_path / "files")
    found = [await images.get(*key, receiver.url) for key in (("a", 1), ("a", 2), ("b", 1))]
    assert len({image.file for image in found}) == 3
    assert [image.file for image in found] == [
        file_of(image.decision_id, image.number, PNG) for image in found
    ]


async def test_one_who_leaves_stops_nothing(
    store: Store, tmp_path: Path, receiver: Receiver
) -> None:
    """Who asked first may close the page: what was begun is kept for the next one."""
    may_go_on = asyncio.Event()

    async def wait(writer: asyncio.StreamWriter) -> None:
        await may_go_on.wait()
        await say(200, PNG)(writer)

    receiver.behaviours.append(wait)
    images = images_of(store, tmp_path / "files")
    first = asyncio.create_task(images.get("dec_1", 1, receiver.url))
    await eventually(lambda: receiver.requests)
    first.cancel()
    may_go_on.set()
    assert (await images.get("dec_1", 1, receiver.url)).file
    assert len(receiver.requests) == 1


async def test_a_failure_is_kept_for_a_while(
    store: Store, tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its server is not asked again at once, but later; then what came is kept for ever."""
    receiver.behaviours += [hang_up, say(200, PNG)]
    images = images_of(store, tmp_path / "files")
    failed = await images.get("dec_1", 1, receiver.url)
    assert (failed.file, failed.type) == (None, None)
    assert failed.problem
    assert await images.get("dec_1", 1, receiver.url) == failed
    assert len(receiver.requests) == 1
    monkeypatch.setattr("api.files.images.TRY_AGAIN", -TRY_AGAIN)
    image = await images.get("dec_1", 1, receiver.url)
    assert image.type == "image/png"
    assert await images.get("dec_1", 1, receiver.url) == image
    assert len(receiver.requests) == 2


@pytest.mark.parametrize("body", [b"x" * (MAX_IMAGE + 1), b"<svg/>", b"<script>alert(1)</script>"])
async def test_nothing_is_kept_of_what_is_refused(
    store: Store, tmp_path: Path, receiver: Receiver, body: bytes
) -> None:
    """Only why."""
    receiver.behaviours.append(say(200, body, Content_Type="image/png"))
    failed = await images_of(store, tmp_path / "files").get("dec_1", 1, receiver.url)
    assert (failed.file, failed.size) == (None, None)
    assert failed.problem
    assert kept(tmp_path / "files") == []


async def test_the_largest_image_is_taken(store: Store, tmp_path: Path, receiver: Receiver) -> None:
    """Up to its last byte."""
    receiver.behaviours.append(say(200, PNG + b"\0" * (MAX_IMAGE - len(PNG))))
    image = await images_of(store, tmp_path / "files").get("dec_1", 1, receiver.url)
    assert (image.type, image.size) == ("image/png", MAX_IMAGE)


@pytest.mark.parametrize("address", [PRIVATE, HERE, "169.254.169.254", "::1", "::ffff:10.0.0.1"])
async def test_an_image_does_not_lead_inside(store: Store, tmp_path: Path, address: str) -> None:
    """By its address, by a name, and by a name that is public when it is looked at first."""
    async with Receiver() as inside:
        names = Names([PUBLIC], [address])
        client = GuardedClient(resolve=names)
        await client.check("https://example.com/a.png")
        images = images_of(store, tmp_path / "files", client)
        host = f"[{address}]" if ":" in address else address
        for number, url in enumerate(
            (
                f"https://{host}/a.png",
                f"http://{host}:{inside.port}/a.png",
                "https://example.com/a.png",
                f"http://example.com:{inside.port}/",
                "file:///etc/passwd",
                "data:image/png;base64,AAAA",
                "gopher://127.0.0.1/",
            )
        ):
            failed = await images.get("dec_1", number, url)
            assert failed.file is None
            assert address not in str(failed.problem)
        assert inside.connections == 0


async def test_a_redirect_is_not_followed(store: Store, tmp_path: Path, receiver: Receiver) -> None:
    """A public place could lead inside by it."""
    async with Receiver() as inside:
        receiver.behaviours.append(say(302, Location=inside.url))
        only = GuardedClient(Exceptions.parse([f"127.0.0.1:{receiver.port}"]))
        failed = await images_of(store, tmp_path / "files", only).get("dec_1", 1, receiver.url)
        assert failed.problem == "it was answered with 302"
        assert inside.connections == 0


# Over HTTP.


@pytest.fixture(scope="module")
async def fetching(
    dev_server: DevServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningService]:
    """A service that may fetch from this machine."""
    running = RunningService(
        dev_server.address,
        tmp_path_factory.mktemp("fetching"),
        HANDOVER_OUTGOING_EXCEPTIONS="127.0.0.0/8",
    )
    await running.start()
    yield running
    running.stop()


@pytest.fixture
async def painter(fetching: RunningService) -> AsyncIterator[Agent]:
    """An agent that shows pictures."""
    async with await Agent.with_new_key(fetching) as agent:
        yield agent


async def test_an_image_is_shown_by_us(painter: Agent, receiver: Receiver) -> None:
    """To everybody who is asked, the same bytes, also after the end; its server hears of it once,
    and nothing of who looked."""
    receiver.behaviours.append(say(200, JPEG, Content_Type="text/html", Set_Cookie="a=b"))
    first, second = someone(), someone()
    url = f"{receiver.url}?a=b"
    decision = await painter.ask(approver=[first, second], context_images=[url])
    links = [await link_to(painter.service, each) for each in (first, second)]
    for link in [*links, *links]:
        shown = await painter.http.get(f"{link}/images/1", headers={"Cookie": "secret=1"})
        assert (shown.status_code, shown.content) == (200, JPEG)
        check_image_guards(shown)
        assert "Set-Cookie" not in shown.headers
    [request] = receiver.requests
    assert request.path == "/hook?a=b"
    assert set(request.headers) == {"host", "accept", "user-agent"}
    await press(links[0], "approve")
    assert (await painter.http.get(f"{links[1]}/images/1")).content == JPEG
    assert len(receiver.requests) == 1
    assert (await painter.get(decision["id"]))["context_images"] == [url]


def check_image_guards(shown: httpx2.Response) -> None:
    headers = shown.headers
    assert headers["Content-Type"] == "image/jpeg"
    assert headers["Content-Disposition"] == 'inline; filename="image-1.jpeg"'
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "private, no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Content-Length"] == str(len(JPEG))


async def test_head_has_nothing_fetched(painter: Agent, receiver: Receiver) -> None:
    """It answers from what is kept."""
    receiver.behaviours.append(say(200, JPEG))
    approver = someone()
    await painter.ask(approver=approver, context_images=[receiver.url])
    link = f"{await link_to(painter.service, approver)}/images/1"
    assert (await painter.http.head(link)).status_code == 404
    assert receiver.connections == 0
    await painter.http.get(link)
    head = await painter.http.head(link)
    assert (head.status_code, head.content) == (200, b"")
    check_image_guards(head)


async def test_what_nobody_saw_before_the_end_is_not_fetched_after_it(
    painter: Agent, receiver: Receiver
) -> None:
    """It would pass for what the decision was made by."""
    approver = someone()
    await painter.ask(approver=approver, context_images=[receiver.url])
    link = await link_to(painter.service, approver)
    await press(link, "deny")
    assert (await painter.http.get(f"{link}/images/1")).status_code == 404
    assert receiver.connections == 0


async def test_an_image_that_cannot_be_had(painter: Agent, receiver: Receiver) -> None:
    """A page says so, in the reader's language and with a status that no browser takes for an
    image; the decision is answered as always."""
    receiver.behaviours.append(say(404, PNG, Content_Type="image/png"))
    approver = someone()
    await painter.ask(approver=approver, context_images=[receiver.url])
    link = await link_to(painter.service, approver)
    for _ in range(2):
        shown = await painter.http.get(f"{link}/images/1")
        assert shown.status_code == 502
        assert "This image cannot be shown" in shown.text
        check_guards(shown)
    assert len(receiver.requests) == 1
    assert (await press(link, "approve")).status_code == 200


async def test_an_image_is_for_who_may_read(painter: Agent, receiver: Receiver) -> None:
    """No link, no number that there is, another's decision, somebody who is not asked any more."""
    approver, other, last = someone(), someone(), someone()
    await painter.ask(
        approver=[approver, last], context_images=[receiver.url, "https://example.com/2.png"]
    )
    await painter.ask(approver=other)
    link, others = [await link_to(painter.service, each) for each in (approver, other)]
    for url in (
        f"{others}/images/1",
        f"{link[:-3]}abc/images/1",
        f"{link}/images/0",
        f"{link}/images/3",
        f"{link}/images/-1",
        f"{link}/images/x",
        f"{link}/images/1.png",
        f"{link}/images/\u0661",
        f"{link}/images/{'9' * 5000}",
    ):
        for method in ("GET", "HEAD"):
            assert (await painter.http.request(method, url)).status_code == 404, url
    for method in ("POST", "PUT", "DELETE"):
        assert (await painter.http.request(method, f"{link}/images/1")).status_code == 405
    await press(link, "not_me")
    assert (await painter.http.get(f"{link}/images/1")).status_code == 404
    assert receiver.connections == 0


async def test_a_changed_file_is_not_shown(painter: Agent, receiver: Receiver) -> None:
    """Who can write to the storage shows nobody anything."""
    receiver.behaviours.append(say(200, PNG))
    approver = someone()
    decision = await painter.ask(approver=approver, context_images=[receiver.url])
    link = f"{await link_to(painter.service, approver)}/images/1"
    assert (await painter.http.get(link)).content == PNG
    statement = "SELECT file FROM images WHERE decision_id = ?"
    [(file,)] = in_store(painter.service, statement, decision["id"])
    path = painter.service.data_dir / "files" / file
    path.write_bytes(PNG[:-1] + b"x")
    with pytest.raises(Exception, match=r"peer closed|incomplete|disconnected"):
        await painter.http.get(link)
    path.unlink()
    assert (await painter.http.get(link)).status_code == 404


async def test_this_machine_is_not_asked_for_images(agent: Agent, receiver: Receiver) -> None:
    """By a service as it is shipped."""
    approver = someone()
    urls = [receiver.url, f"https://127.0.0.1:{receiver.port}/", "https://localhost/a.png"]
    await agent.ask(approver=approver, context_images=urls)
    link = await link_to(agent.service, approver)
    for number in (1, 2, 3):
        assert (await agent.http.get(f"{link}/images/{number}")).status_code == 502
    assert receiver.connections == 0
