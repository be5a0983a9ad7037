"""Files both ways: who may send, who may fetch, and as what they are handed out."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

import httpx2
import pytest
from starlette.datastructures import UploadFile

from api.files.uploads import Uploads, clean
from api.http.downloads import disposition
from api.http.multipart import MAX_FILE
from store import StoreAway
from store.files import open_files
from store.keys import RESOLVE
from tests import web
from tests.api.agent import Agent, in_store, link_to, no_worker, refused_fields, someone
from tests.api.files import PE, png
from tests.api.processes import api_process
from tests.approver import Form, press
from tests.dev_server import DevServer
from tests.s3 import BUCKET, S3Server, s3
from tests.service import RunningService
from tests.support import eventually

__all__ = ["s3"]

NOTE = b"The parcel arrived broken.\n"


async def send(
    agent: Agent, content: bytes = NOTE, name: str = "note.txt", to: str | None = None
) -> httpx2.Response:
    """One file, for the decision `to` or for one that is not asked yet."""
    path = f"/decisions/{to}/attachments" if to else "/attachments"
    return await agent.http.post(path, files={"file": (name, content, "image/png")})


async def sent(agent: Agent, *args: Any, **more: Any) -> dict[str, Any]:
    answer = await send(agent, *args, **more)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def file_link(service: RunningService, approver: str, file: dict[str, Any]) -> str:
    return f"{await link_to(service, approver)}/files/{file['id']}"


def kept(service: RunningService) -> set[str]:
    return names(service.data_dir / "files")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def test_a_file_sent_before_the_question(agent: Agent, service: RunningService) -> None:
    """Is described by what it is, belongs to the decision that names it, and can be fetched."""
    file = await sent(agent, png(), "photo.txt")
    assert file == {
        "id": file["id"],
        "name": "photo.txt",
        "url": f"{service.base_url}/attachments/{file['id']}",
        "type": "image/png",
        "size": len(png()),
        "sha256": hashlib.sha256(png()).hexdigest(),
    }
    decision = await agent.ask(attachment_ids=[file["id"]])
    assert decision["attachments"] == [file]
    listed = await agent.http.get(f"/decisions/{decision['id']}/attachments")
    assert (listed.status_code, listed.json()) == (200, {"attachments": [file]})
    assert (await agent.http.get(file["url"])).content == png()


async def test_a_file_sent_after_the_question(agent: Agent) -> None:
    """The answer lists all files of the decision, in order, and so does the decision."""
    decision = (await agent.ask())["id"]
    first = (await sent(agent, to=decision))["attachments"]
    both = (await sent(agent, png(), "b.png", to=decision))["attachments"]
    assert [file["name"] for file in both] == ["note.txt", "b.png"]
    assert both[:1] == first
    assert (await agent.get(decision))["attachments"] == both
    entries = [e for e in await agent.audit(decision) if e["type"] == "attachment.added"]
    assert [entry["details"]["sha256"] for entry in entries] == [file["sha256"] for file in both]


async def test_what_a_download_says_of_itself(agent: Agent, service: RunningService) -> None:
    """It is saved and never shown, sniffed, run or kept by a proxy, by key and by link alike."""
    approver = someone()
    file = await sent(agent, b"a;b\n", "R\u00e9sum\u00e9 1.csv")
    await agent.ask(approver=approver, attachment_ids=[file["id"]])
    by_link = await file_link(service, approver, file)
    async with web.client() as browser:
        answers = await agent.http.get(file["url"]), await browser.get(by_link)
    for answer in answers:
        assert answer.status_code == 200
        assert answer.content == b"a;b\n"
        headers = answer.headers
        assert headers["Content-Type"] == "text/csv"
        assert headers["Content-Length"] == "4"
        assert headers["Content-Disposition"] == (
            "attachment; filename=\"R_sum_ 1.csv\"; filename*=UTF-8''R%C3%A9sum%C3%A9%201.csv"
        )
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert headers["Cache-Control"] == "private, no-store"
        assert headers["Referrer-Policy"] == "no-referrer"


async def test_who_may_fetch_a_file(
    agent: Agent, another_agent: Agent, service: RunningService
) -> None:
    """Its agent, with any of its keys, and who resolves: for all others it is not there."""
    file = await sent(agent)
    resolver = await Agent.with_new_key(service, scopes=frozenset({RESOLVE}))
    same = await Agent.with_new_key(service, agent.name)
    async with resolver, same:
        for key, status in ((agent, 200), (same, 200), (resolver, 200), (another_agent, 404)):
            assert (await key.http.get(file["url"])).status_code == status
    async with web.client() as nobody:
        assert (await nobody.get(file["url"])).status_code == 401
    missing = await agent.http.get("/attachments/att_0")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


async def test_files_of_a_decision_of_others(agent: Agent, another_agent: Agent) -> None:
    """Neither to be listed nor to be added to; and nobody attaches a file of others."""
    file = await sent(agent)
    decision = (await agent.ask(attachment_ids=[file["id"]]))["id"]
    path = f"/decisions/{decision}/attachments"
    assert (await another_agent.http.get(path)).status_code == 404
    assert (await send(another_agent, to=decision)).status_code == 404
    stolen = await another_agent.post(
        {"action": "x", "approver": someone(), "attachment_ids": [file["id"]]}
    )
    assert stolen.status_code == 422
    assert (await agent.get(decision))["attachments"] == [file]


async def test_who_resolves_lists_files_and_adds_none(
    agent: Agent, service: RunningService
) -> None:
    """What is asked is the agent's alone."""
    decision = (await agent.ask())["id"]
    async with await Agent.with_new_key(service, scopes=frozenset({RESOLVE})) as resolver:
        listed = await resolver.http.get(f"/decisions/{decision}/attachments")
        assert (listed.status_code, listed.json()) == (200, {"attachments": []})
        assert (await send(resolver, to=decision)).status_code == 403


async def test_links_open_the_files_of_their_decision(
    agent: Agent, service: RunningService
) -> None:
    """Before and after the answer; not those of another decision, and not with another link."""
    alice, bob = someone("alice"), someone("bob")
    file, other = await sent(agent), await sent(agent)
    await agent.ask(approver=alice, attachment_ids=[file["id"]])
    await agent.ask(approver=bob, attachment_ids=[other["id"]])
    async with web.client() as browser:
        mine = await file_link(service, alice, file)
        assert (await browser.get(mine)).content == NOTE
        for link in (
            await file_link(service, alice, other),
            await file_link(service, bob, file),
            mine.replace(file["id"], "att_0"),
            f"{service.base_url}/d/none/files/{file['id']}",
        ):
            answer = await browser.get(link)
            assert answer.status_code == 404
            assert NOTE not in answer.content
        await press(await link_to(service, alice), "deny")
        assert (await browser.get(mine)).content == NOTE


async def test_who_is_the_wrong_person_sees_no_files(agent: Agent, service: RunningService) -> None:
    """A link that may no longer answer opens nothing."""
    approver = someone()
    file = await sent(agent)
    escalation = [{"after_minutes": 30, "approvers": [someone("bob")]}]
    await agent.ask(approver=approver, attachment_ids=[file["id"]], escalation=escalation)
    link = await file_link(service, approver, file)
    await press(await link_to(service, approver), "not_me")
    assert (await agent.http.get(link)).status_code == 404


async def test_files_of_an_answer(
    agent: Agent, another_agent: Agent, service: RunningService
) -> None:
    """The agent that asked fetches what it was sent, the approver's link too, and nobody else."""
    approver = someone()
    response_type = {"type": "file_upload", "accept": ["image/*"]}
    decision = (await agent.ask(approver=approver, response_type=response_type))["id"]
    async with await Agent.with_new_key(service, scopes=frozenset({RESOLVE})) as resolver:
        file = await sent(resolver, png(), "signed.png")
        assert (await agent.http.get(file["url"])).status_code == 404
        body = {"action": "approve", "response_data": {"uploaded_files": [{"id": file["id"]}]}}
        answer = await resolver.http.post(f"/decisions/{decision}/resolve", json=body)
        assert answer.status_code == 200, answer.text
    link = await file_link(service, approver, file)
    for key, url, status in (
        (agent, file["url"], 200),
        (agent, link, 200),
        (another_agent, file["url"], 404),
    ):
        assert (await key.http.get(url)).status_code == status
    assert (await agent.get(decision))["response_data"]["uploaded_files"] == [file]


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("report.pdf", PE, "file_type_refused"),
        ("run.bat", NOTE, "file_type_refused"),
        ("note.txt", b"", "file_empty"),
    ],
)
async def test_a_refused_file_leaves_nothing(
    agent: Agent, service: RunningService, name: str, content: bytes, code: str
) -> None:
    """The answer names the field and the file, in both ways to send one."""
    before = kept(service)
    decision = (await agent.ask())["id"]
    for answer in (await send(agent, content, name), await send(agent, content, name, decision)):
        assert refused_fields(answer) == ["file"]
        assert answer.json()["code"] == code
        assert name in answer.json()["error"]
    assert kept(service) == before
    assert (await agent.get(decision))["attachments"] == []


async def test_ten_megabytes_and_no_byte_more(agent: Agent, service: RunningService) -> None:
    """The largest file comes back whole; of a larger one nothing is kept."""
    content = b"x" * MAX_FILE
    file = await sent(agent, content)
    assert file["size"] == MAX_FILE
    assert (await agent.http.get(file["url"])).content == content
    before = kept(service)
    answer = await send(agent, content + b"x")
    assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")
    assert answer.json()["errors"][0]["field"] == "file"
    much = await send(agent, content + content)
    assert (much.status_code, much.json()["code"]) == (413, "content_too_large")
    assert kept(service) == before


async def test_other_bodies_are_no_larger_than_before(agent: Agent) -> None:
    """What is let through for a file is not let through for a question."""
    answer = await agent.http.post("/decisions", content=b" " * (3 * 1024 * 1024))
    assert (answer.status_code, answer.json()["code"]) == (413, "content_too_large")


@pytest.mark.parametrize(
    "body",
    [
        {"json": {"file": "x"}},
        {"data": {"file": "x"}},
        {"content": b"", "headers": {"Content-Type": "multipart/form-data"}},
        {"content": b"nonsense", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {
            "content": b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx',
            "headers": {"Content-Type": "multipart/form-data; boundary=x"},
        },
        {"files": {"other": ("note.txt", NOTE)}},
        {"files": {"file": (None, NOTE)}},
        {"files": {"file": ("", NOTE)}},
        {"files": [("file", ("a.txt", NOTE)), ("file", ("b.txt", NOTE))]},
        {"files": [("file", (f"{n}.txt", NOTE)) for n in range(30)]},
        {"files": {"file": ("note.txt", NOTE)}, "data": {"much": "x" * 100_000}},
    ],
    ids=["json", "urlencoded", "no boundary", "nonsense", "no end", "another part", "a field",
         "no filename", "two", "thirty", "a large field"],
)  # fmt: skip
async def test_what_is_no_upload(
    agent: Agent, service: RunningService, body: dict[str, Any]
) -> None:
    """422 naming the part, and nothing is kept."""
    before = kept(service)
    assert refused_fields(await agent.http.post("/attachments", **body)) == ["file"]
    assert kept(service) == before


async def test_the_key_is_looked_at_before_the_body(agent: Agent, service: RunningService) -> None:
    """Nobody's bytes are waited for without a key, nor for a decision that is not there."""
    known = f"Authorization: {agent.http.headers['Authorization']}\r\n"
    for path, key, status in (
        ("/attachments", "", b"401"),
        ("/decisions/dec_0/attachments", "", b"401"),
        ("/decisions/dec_0/attachments", known, b"404"),
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(
            f"POST {path} HTTP/1.1\r\nHost: x\r\n{key}Content-Length: 1000000\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\n\r\n".encode()
        )
        answer = await asyncio.wait_for(reader.readline(), 30)
        assert status in answer
        writer.close()


async def test_an_upload_that_breaks_off(agent: Agent, service: RunningService) -> None:
    """Leaves no file behind, neither kept nor open, and no fault in the log."""
    before = kept(service), len(service.log("api"))
    head = (
        "POST /attachments HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n"
        f"Authorization: {agent.http.headers['Authorization']}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
        '--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    )
    files = api_process(service) / "fd"

    def spooled() -> int:
        """Temporary files, which have no name: on Linux they are open until they are gone."""
        return sum("(deleted)" in os.readlink(each) for each in files.iterdir())  # noqa: PTH115 - no path

    open_before = spooled()
    _, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(head.encode() + b"x" * 1_000_000)
    await writer.drain()
    await eventually(lambda: spooled() > open_before)
    writer.close()
    await eventually(lambda: spooled() == open_before)
    await eventually(lambda: "/attachments" in service.log("api")[before[1] :])
    assert kept(service) == before[0]
    assert "Traceback" not in service.log("api")[before[1] :]


async def test_five_files_and_a_sixth(agent: Agent, service: RunningService) -> None:
    """The sixth is refused and not kept, whether it comes alone or in a race."""
    decision = (await agent.ask())["id"]
    before = kept(service)
    answers = await asyncio.gather(
        *(send(agent, NOTE, f"{number}.txt", decision) for number in range(8))
    )
    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [422] * 3
    refused = [answer for answer in answers if answer.status_code == 422]
    refused.append(await send(agent, to=decision))
    for answer in refused:
        assert refused_fields(answer) == ["file"]
        assert answer.json()["code"] == "too_many_attachments"
    files = (await agent.get(decision))["attachments"]
    assert len(files) == 5
    assert kept(service) - before == {file["id"] for file in files}


async def test_a_settled_decision_takes_no_file(agent: Agent, service: RunningService) -> None:
    """409 with the outcome, and nothing is kept."""
    decision = (await agent.ask())["id"]
    await agent.cancel(decision)
    before = kept(service)
    answer = await send(agent, to=decision)
    assert (answer.status_code, answer.json()["code"]) == (409, "already_settled")
    assert answer.json()["decision"]["status"] == "cancelled"
    assert kept(service) == before


async def test_a_page_that_was_opened_before(agent: Agent, service: RunningService) -> None:
    """Shows itself again, because nobody approves a file that they have not seen."""
    approver = someone()
    decision = (await agent.ask(approver=approver))["id"]
    link = await link_to(service, approver)
    async with web.client() as browser:
        opened = Form.of((await browser.get(link)).text).fields
        await sent(agent, to=decision)
        again = await browser.post(link, data={**opened, "choice": "approve"})
        assert again.status_code == 409
        assert (await agent.get(decision))["status"] == "pending"
        fields = Form.of(again.text).fields
        assert fields["digest"] != opened["digest"]
        decided = await browser.post(link, data={**fields, "choice": "approve"})
        assert decided.status_code == 200
    assert (await agent.get(decision))["status"] == "approved"


async def test_a_file_that_no_worker_has_heard_of(spare: Agent) -> None:
    """202 while it is on its way; it is there when a worker is."""
    decision = (await spare.ask())["id"]
    await spare.audited(decision, "notification.sent")
    async with no_worker(spare.service):
        answer = await send(spare, to=decision)
        assert (answer.status_code, answer.json()) == (202, {"attachments": []})

    async def attached() -> bool:
        return len((await spare.get(decision))["attachments"]) == 1

    await eventually(attached)
    [file] = (await spare.get(decision))["attachments"]
    assert (await spare.http.get(file["url"])).content == NOTE


async def test_a_file_that_was_changed_in_the_storage(
    agent: Agent, service: RunningService
) -> None:
    """Is not handed out as what was attached: the download breaks off."""
    file = await sent(agent)
    (service.data_dir / "files" / file["id"]).write_bytes(NOTE.replace(b"broken", b"intact"))
    with pytest.raises(httpx2.TransportError):
        await agent.http.get(file["url"])


async def test_a_file_that_is_gone_from_the_storage(agent: Agent, service: RunningService) -> None:
    """404, and not a fault."""
    file = await sent(agent)
    (service.data_dir / "files" / file["id"]).unlink()
    assert (await agent.http.get(file["url"])).status_code == 404


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\a.pdf", "a.pdf"),
        ("a\r\nSet-Cookie: x.txt", "aSet-Cookie: x.txt"),
        ("invoice\u202efdp.txt", "invoicefdp.txt"),
        ("a\0\x1b\u2028\ud800.txt", "a.txt"),
        ("run.bat. . ", "run.bat"),
        ("..", "file"),
        ("folder/", "folder"),
        ("", "file"),
        ("x" * 300 + ".pdf", "x" * 251 + ".pdf"),
        ("x." + "y" * 300, "x." + "y" * 253),
        ("x" * 250 + ".bat." + "y" * 30, "x" * 250 + ".bat"),
        ("\u8acb\u6c42\u66f8 \U0001f44b.pdf", "\u8acb\u6c42\u66f8 \U0001f44b.pdf"),
    ],
)
def test_a_name_becomes_one_that_can_be_shown(given: str, name: str) -> None:
    """One line of visible characters without a path, whose ending is the one that counts."""
    assert clean(given) == name
    assert clean(name) == name


@pytest.mark.parametrize(
    "name", ['a";x=y.txt', "a\\b%41.txt", "\u8acb\u6c42\u66f8.pdf", "a b'c.txt"]
)
def test_a_name_in_a_header(name: str) -> None:
    """Is quoted for old readers and exact for new ones, and cannot end the header."""
    header = disposition(name)
    plain, _, exact = header.removeprefix('attachment; filename="').partition('"; filename*=')
    assert not set('"\\%') & set(plain)
    assert header.isascii()
    assert unquote(exact.removeprefix("UTF-8''")) == name
    assert not set(" ;\"'") & set(exact.removeprefix("UTF-8''").replace("%27", ""))


async def test_a_hostile_name_over_http(agent: Agent) -> None:
    """It is cleaned before it is judged, kept and sent."""
    hostile = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="../a\x0b\xe2\x80\xae.txt"'
    )
    answer = await agent.http.post(
        "/attachments",
        content=hostile + b"\r\n\r\nhello\r\n--x--\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    assert (answer.status_code, answer.json()["name"]) == (201, "a.txt")


class Full:
    """Attachments of a store without room."""

    async def add(self, _: object) -> None:
        raise StoreAway("disk full")


async def test_a_row_that_cannot_be_written(tmp_path: Path) -> None:
    """The file is deleted again, and the error is the store's."""

    uploads = Uploads(open_files(tmp_path.as_uri()), cast(Any, Full()), "http://x")
    upload = UploadFile(io.BytesIO(NOTE), filename="a.txt", size=len(NOTE))
    with pytest.raises(StoreAway):
        await uploads.receive(upload, agent="a", uploaded_by="a", decision_id=None)
    assert names(tmp_path) == set()


async def test_everything_with_a_bucket(
    dev_server: DevServer, tmp_path: Path, s3: S3Server
) -> None:
    """The same service with S3: send, ask, fetch by key and link; 503 while the bucket is away."""
    url = f"s3://{BUCKET}/of/ours"
    service = RunningService(dev_server.address, tmp_path, HANDOVER_FILES_URL=url, **s3.environment)
    await service.start()
    try:
        async with Agent.of(service) as agent:
            approver, content = someone(), os.urandom(MAX_FILE - 100).hex()[:MAX_FILE].encode()
            file = await sent(agent, content)
            decision = (await agent.ask(approver=approver, attachment_ids=[file["id"]]))["id"]
            [_, later] = (await sent(agent, png(), "b.png", to=decision))["attachments"]
            assert s3.objects() == sorted(f"of/ours/{each['id']}" for each in (file, later))
            assert (await agent.http.get(file["url"])).content == content
            assert (
                await agent.http.get(await file_link(service, approver, later))
            ).content == png()
            await press(await link_to(service, approver), "approve")
            assert (await agent.get(decision))["status"] == "approved"
            s3.stop()
            rows = in_store(service, "SELECT count(*) FROM attachments")
            for answer in (await send(agent), await agent.http.get(file["url"])):
                assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
                assert answer.headers["Retry-After"]
            assert in_store(service, "SELECT count(*) FROM attachments") == rows
            await s3.start()
            await sent(agent)
    finally:
        service.stop()
    assert not (tmp_path / "files").exists()
