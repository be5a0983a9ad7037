"""`/responses/{token}`: approvers' own systems answer in JSON, held to the rules of the page."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from api.access.limiting import READS
from api.problems import handlers
from api.systems import responses
from links import Link, PersonalLink
from tests import web
from tests.api.agent import Agent, link_to, no_worker, refused_fields, someone
from tests.api.codes import CRITICAL, mailed_code
from tests.api.ended import LINKS, Parts, ended
from tests.api.files import PDF
from tests.api.inboxes import link_keys
from tests.api.response_types import CHOOSE, LATER, NUMBER, SCHEDULE, TEXT, UPLOAD
from tests.api.systems import System
from tests.approver import press
from tests.dev_server import DevServer
from tests.service import RunningService
from tests.support import eventually

TOMORROW = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)


async def test_what_is_asked(agent: Agent) -> None:
    """As the agent reads it, with what an answer needs, and nothing of how others were told."""
    ann, ben = someone("ann"), someone("ben")
    system = await System.asked_by(agent, approver=[ann, ben], payload={"amount": 5}, context="Why")
    await agent.audited(system.decision, "notification.sent", "notification.sent")
    asked = await system.read()
    decision = await agent.get(system.decision)
    own = [each for each in decision.pop("notifications") if each["approver"] == ann]
    assert asked.pop("decision") == decision | {"notifications": own}
    assert len(own) == 1
    assert len(asked.pop("digest")) == 64
    assert asked == {
        "approver": ann,
        "respond_url": system.url,
        "page_url": system.page,
        "expires_at": decision["expires_at"],
    }
    assert system.page == await link_to(agent.service, ann)


async def test_an_approval(agent: Agent) -> None:
    """The decision's own answer: proven, and by the approver."""
    system = await System.asked_by(agent)
    answer = await system.answer("approve", notes="Überprüft")
    decision = await agent.get(system.decision)
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "id": system.decision,
            "status": "approved",
            "resolved_by": system.approver,
            "resolved_at": decision["resolved_at"],
        },
    )
    assert (decision["origin"], decision["response_notes"]) == ("human", "Überprüft")
    assert decision["proof"]
    assert (await system.read())["decision"]["status"] == "approved"


ANSWERS: list[Any] = [
    pytest.param({}, "deny", None, "denied", None, id="deny"),
    pytest.param({"response_type": {"type": "confirm"}}, "approve", None, "approved", None),
    pytest.param({}, "modify", {"action": "Half of it"}, "modified", {"action": "Half of it"}),
    pytest.param(
        {"payload": {"n": 2}}, "modify", {"payload": {"n": 1}}, "modified", {"payload": {"n": 1}}
    ),
    pytest.param(
        {"response_type": CHOOSE}, "approve", {"chosen": "DHL"}, "approved", {"chosen": "DHL"}
    ),
    pytest.param(
        {"response_type": TEXT},
        "approve",
        {"choice": "Urgent"},
        "approved",
        {"choice": "Urgent"},
    ),
    pytest.param({"response_type": NUMBER}, "approve", {"value": 7}, "approved", {"value": 7}),
    pytest.param(
        {"response_type": LATER},
        "approve",
        {"execute_at": TOMORROW.isoformat()},
        "scheduled",
        {"execute_at": TOMORROW.isoformat().replace("+00:00", "Z")},
    ),
    pytest.param({"response_type": SCHEDULE}, "approve", {"execute_at": "now"}, "approved", None),
    pytest.param({"response_type": CHOOSE}, "deny", None, "denied", None),
]


@pytest.mark.parametrize(("fields", "choice", "data", "status", "kept"), ANSWERS)
async def test_every_kind_of_answer(
    agent: Agent,
    fields: dict[str, Any],
    choice: str,
    data: dict[str, Any] | None,
    status: str,
    kept: dict[str, Any] | None,
) -> None:
    """Each response type, and each choice."""
    system = await System.asked_by(agent, **fields)
    answer = await system.answer(choice, response_data=data)
    assert (answer.status_code, answer.json()["status"]) == (200, status), answer.text
    told = (await agent.get(system.decision))["response_data"]
    if kept is not None:
        assert {name: told[name] for name in kept} == kept


BAD_ANSWERS: list[Any] = [
    ({"options": ["approve", "deny"]}, "modify", {"action": "x"}, "choice"),
    ({}, "modify", None, "response_data.action"),
    ({}, "modify", {"action": " "}, "response_data.action"),
    ({"payload": {"n": 1}}, "modify", {"payload": 1}, "response_data.payload"),
    ({"payload": {"n": 1}}, "modify", {"payload": {}, "more": 1}, "response_data.more"),
    ({}, "approve", {"more": 1}, "response_data.more"),
    ({}, "deny", {"more": 1}, "response_data.more"),
    ({"response_type": CHOOSE}, "approve", {"chosen": "Pigeon"}, "response_data.chosen"),
    ({"response_type": CHOOSE}, "approve", None, "response_data.chosen"),
    ({"response_type": NUMBER}, "approve", {"value": 101}, "response_data.value"),
    ({"response_type": TEXT}, "approve", {}, "response_data.choice"),
    ({"response_type": LATER}, "approve", {"execute_at": "now"}, "response_data.execute_at"),
    ({"response_type": UPLOAD}, "approve", None, "response_data.uploaded_files"),
]


@pytest.mark.parametrize(("fields", "choice", "data", "field"), BAD_ANSWERS)
async def test_what_is_no_answer(
    agent: Agent, fields: dict[str, Any], choice: str, data: Any, field: str
) -> None:
    """422 names the field; the decision is as pending as before, and the attempt in its record."""
    system = await System.asked_by(agent, **fields)
    answer = await system.answer(choice, response_data=data)
    assert refused_fields(answer) == [field]
    assert answer.json()["code"] == "invalid_answer"
    assert (await agent.get(system.decision))["status"] == "pending"
    assert len(await system.refusals()) == 1
    assert (await system.answer("deny")).status_code == 200


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"choice": "approve"}, ["digest"]),
        ({"digest": "x"}, ["choice"]),
        ({"choice": "yes", "digest": "x"}, ["choice"]),
        ({"choice": None, "digest": None}, ["choice", "digest"]),
        ({"choice": "approve", "digest": "x" * 101}, ["digest"]),
        ({"choice": "approve", "digest": "x", "approver": "ann@example.com"}, ["approver"]),
        ({"choice": "approve", "digest": "x", "notes": "n" * 10_001}, ["notes"]),
        ({"choice": "approve", "digest": "x", "notes": "\ud800"}, ["notes"]),
        ({"choice": "approve", "digest": "x", "code": 123456}, ["code"]),
        ({"choice": "not_me", "digest": "\ud800", "code": "\ud800"}, ["digest", "code"]),
        ({"choice": "approve", "digest": "x", "response_data": []}, ["response_data"]),
        ({"choice": "approve", "digest": "x", "response_data": {"n": 2**60}}, ["response_data.n"]),
        ({"choice": "not_me", "digest": "x", "response_data": {"n": 1}}, ["response_data"]),
        ([], ["body"]),
    ],
)
async def test_what_is_no_request(agent: Agent, body: object, fields: list[str]) -> None:
    """Each field at fault is named; nothing reaches the decision."""
    system = await System.asked_by(agent)
    assert refused_fields(await system.post(body)) == fields
    assert (await agent.get(system.decision))["status"] == "pending"
    assert await system.refusals() == []


async def test_what_is_no_json(agent: Agent) -> None:
    """A form, too, is none."""
    system = await System.asked_by(agent)
    async with web.client() as client:
        form = await client.post(system.url, data={"choice": "approve"})
        broken = await client.post(
            system.url, content=b"\xff{", headers={"Content-Type": "application/json"}
        )
        large = await client.post(system.url, content=b" " * (2 * 1024 * 1024 + 1))
    assert (form.status_code, broken.status_code, large.status_code) == (422, 400, 413)
    assert (await agent.get(system.decision))["status"] == "pending"


async def test_not_me(agent: Agent) -> None:
    """The next one is asked at once; said twice it is the same, and it takes back the right to
    answer."""
    ben = someone("ben")
    step = {"after_minutes": 30, "approvers": [ben]}
    system = await System.asked_by(agent, escalation=[step])
    digest = (await system.read())["digest"]
    for _ in range(2):
        answer = await system.answer("not_me", digest=digest, notes="Ask Ben")
        assert (answer.status_code, answer.json()["status"]) == (200, "pending")
    assert (await agent.get(system.decision))["escalation_level"] == 1
    assert (await system.get()).status_code == 404
    refused = await system.answer("approve", digest=digest)
    assert (refused_fields(refused), refused.json()["code"]) == (["choice"], "invalid_answer")
    assert (await System(agent, system.decision, ben).answer("approve")).status_code == 200
    assert (await system.read())["decision"]["resolved_by"] == ben


async def test_the_same_answer_again(agent: Agent) -> None:
    """A program repeats what got no answer: it is told the outcome, and nothing is recorded."""
    system = await System.asked_by(agent, payload={"n": 2})
    digest, data = (await system.read())["digest"], {"payload": {"n": 1}}
    both = await asyncio.gather(
        *(system.answer("modify", digest=digest, response_data=data) for _ in range(2))
    )
    both.append(await system.answer("modify", digest=digest, response_data=data))
    assert {answer.status_code for answer in both} == {200}
    assert len({answer.text for answer in both}) == 1


async def test_another_answer_was_faster(agent: Agent) -> None:
    """409 with the outcome, as this approver may see it; the attempt is in the record."""
    ann, ben = someone("ann"), someone("ben")
    system = await System.asked_by(agent, approver=[ann, ben])
    digest = (await system.read())["digest"]
    await press(await link_to(agent.service, ben), "approve")
    for choice in ("approve", "deny", "not_me"):
        answer = await system.answer(choice, digest=digest)
        assert (answer.status_code, answer.json()["code"]) == (409, "already_settled")
        told = answer.json()["decision"]
        assert (told["status"], told["resolved_by"]) == ("approved", ben)
        assert {each["approver"] for each in told["notifications"]} <= {ann}
    assert await system.refusals() == ["already_settled"] * 3


async def test_the_page_and_the_system_are_one_approver(agent: Agent) -> None:
    """Answered on the page, the system is told the outcome; another answer of its is too late."""
    system = await System.asked_by(agent)
    digest = (await system.read())["digest"]
    await press(system.page, "approve")
    assert (await system.answer("approve", digest=digest)).status_code == 200
    assert (await system.answer("deny", digest=digest)).status_code == 409


async def test_what_is_asked_has_changed(agent: Agent) -> None:
    """A further file makes an answer to what was shown before none; read again, it counts."""
    system = await System.asked_by(agent)
    before = (await system.read())["digest"]
    files = {"file": ("note.txt", b"The parcel arrived broken.")}
    added = await agent.http.post(f"/decisions/{system.decision}/attachments", files=files)
    assert added.status_code == 201
    answer = await system.answer("approve", digest=before)
    assert (answer.status_code, answer.json()["code"]) == (409, "changed")
    assert await system.refusals() == ["changed"]
    asked = await system.read()
    [file] = asked["decision"]["attachments"]
    async with web.client() as client:
        shown = await client.get(f"{asked['page_url']}/files/{file['id']}")
    assert shown.content == b"The parcel arrived broken."
    assert (await system.answer("approve")).status_code == 200


async def test_too_late(spare: Agent) -> None:
    """The moment when it was received decides: 409, also while nobody works on it."""
    system = await System.asked_by(spare, timeout_minutes=0.1)
    digest = (await system.read())["digest"]
    async with no_worker(spare.service):
        expires_at = datetime.fromisoformat((await spare.get(system.decision))["expires_at"])
        await eventually(lambda: datetime.now(UTC) > expires_at)
        answer = await system.answer("approve", digest=digest)
        assert (answer.status_code, answer.json()["code"]) == (409, "late")
    assert (await spare.get(system.decision, wait=60))["status"] == "expired"


async def test_received_while_nobody_works(spare: Agent) -> None:
    """202: it is in the history, and counts as soon as there is a worker."""
    system = await System.asked_by(spare)
    digest = (await system.read())["digest"]
    async with no_worker(spare.service):
        answer = await system.answer("approve", digest=digest)
        assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    assert (await spare.get(system.decision, wait=60))["status"] == "approved"


@pytest.mark.parametrize("path", ["", "/files"])
async def test_a_token_that_is_not_ours(agent: Agent, path: str) -> None:
    """Changed, cut, made for another purpose or another approver: 404, and nothing is decided."""
    system = await System.asked_by(agent)
    digest = (await system.read())["digest"]
    base, _, token = system.url.rpartition("/")
    keys = link_keys(agent.service)
    personal = keys.mint_personal(PersonalLink(system.approver, datetime.now(UTC)))
    nobody = keys.mint(Link("dec_" + "0" * 26, system.approver))
    for forged in (token[:-1], token + "A", f"x{token}", token.upper(), personal, nobody, "x"):
        async with web.client(base_url=f"{base}/") as client:
            body = {"choice": "approve", "digest": digest}
            answer = await client.post(f"{forged}{path}", json=body)
            read = await client.get(forged)
        assert (answer.status_code, read.status_code) == (404, 404)
        assert answer.json()["code"] == read.json()["code"] == "not_found"
    stranger = System(agent, system.decision, someone("mallory"))
    assert refused_fields(await stranger.answer("approve", digest=digest)) == ["choice"]
    assert (await stranger.get()).status_code == 404
    assert (await agent.get(system.decision))["status"] == "pending"


@asynccontextmanager
async def serving(days: int) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of an application whose decisions ended so many days ago."""

    app = FastAPI()
    app.include_router(responses.router)
    handlers.install(app)
    app.state.service = Parts(lambda: ended(timedelta(days=days)))
    transport = httpx2.ASGITransport(app)
    async with web.client(transport=transport, base_url="http://handover") as client:
        yield client


@pytest.mark.parametrize(("days", "status"), [(89, 200), (91, 410)])
async def test_the_outcome_is_told_for_ninety_days(days: int, status: int) -> None:
    """Then the link is over, for reading and for answering."""
    token = LINKS.mint(Link("dec_1", "alice@example.com"))
    async with serving(days) as client:
        answer = await client.get(f"/responses/{token}")
        assert answer.status_code == status
        if status == 410:
            body = {"choice": "approve", "digest": "x"}
            assert (await client.post(f"/responses/{token}", json=body)).status_code == 410


async def test_nobodys_bytes_are_taken_without_a_token() -> None:
    """A body behind a token that is not ours is not read, and one behind ours is."""
    taken: list[bytes] = []

    async def body() -> AsyncIterator[bytes]:
        taken.append(b'{"choice": "deny", "digest": "x"}')
        yield taken[-1]

    ours = LINKS.mint(Link("dec_1", "alice@example.com"))
    headers = {"Content-Type": "application/json"}
    async with serving(91) as client:
        answer = await client.post(f"/responses/{ours[:-1]}", content=body(), headers=headers)
        assert (answer.status_code, taken) == (404, [])
        answer = await client.post(f"/responses/{ours}", content=body(), headers=headers)
        assert (answer.status_code, len(taken)) == (410, 1)


async def test_a_code_besides(agent: Agent) -> None:
    """The first attempt has it mailed, a wrong one counts for nothing, and with it it counts."""
    system = await System.asked_by(agent, **CRITICAL)
    digest = (await system.read())["digest"]
    for _ in range(2):
        first = await system.answer("approve", digest=digest)
        assert (refused_fields(first), first.json()["code"]) == (["code"], "needs_code")
        assert system.approver in first.json()["error"]
    code = await mailed_code(agent.service, system.approver)
    wrong = await system.answer("approve", digest=digest, code=f"{(int(code) + 1) % 10**6:06}")
    assert (refused_fields(wrong), wrong.json()["code"]) == (["code"], "needs_code")
    assert "tries left: 1" in wrong.json()["error"]
    assert (await agent.get(system.decision))["status"] == "pending"
    answer = await system.answer("approve", digest=digest, code=code)
    assert (answer.status_code, answer.json()["status"]) == (200, "approved")
    decision = await agent.get(system.decision)
    assert decision["proof"]["step_up"]
    assert (await system.answer("approve", digest=digest)).status_code == 200
    assert await system.refusals() == ["wrong_code"]


async def test_a_code_belongs_to_whom_it_was_mailed_for(agent: Agent) -> None:
    """Whoever sends its `form` has five tries of their own, whatever others with the link send."""
    system = await System.asked_by(agent, **CRITICAL)
    digest = (await system.read())["digest"]
    form = (await system.answer("approve", digest=digest)).json()["form"]
    code = await mailed_code(agent.service, system.approver)
    mine = {"digest": digest, "form": form}
    wrong = f"{(int(code) + 1) % 10**6:06}"
    for _ in range(9):
        refused = await system.answer("approve", digest=digest, code=wrong)
        assert refused_fields(refused) == ["code"]
    refused = await system.answer("approve", digest=digest, code=wrong)
    assert re.search(r"the next can be mailed in \d+ s", refused.json()["error"])
    own = await system.answer("approve", **mine, code=wrong)
    assert (own.json()["form"], "tries left: 4" in own.json()["error"]) == (form, True)
    assert refused_fields(await system.answer("approve", digest=digest, form="x")) == ["form"]
    assert (await system.answer("approve", **mine, code=code)).status_code == 200


async def test_no_code_for_what_would_not_count(agent: Agent) -> None:
    """What is wrong otherwise is told first, and nobody gets a mail for it."""
    system = await System.asked_by(agent, **CRITICAL)
    assert (await system.answer("approve", digest="x")).json()["code"] == "changed"
    refused = await system.answer("modify")
    assert refused_fields(refused) == ["response_data.action"]
    types = [entry["type"] for entry in await agent.audit(system.decision)]
    assert "code.requested" not in types


async def test_files(agent: Agent) -> None:
    """Sent first, named by their ids then; afterwards the agent has them."""
    system = await System.asked_by(agent, response_type=UPLOAD)
    sent = await system.upload(PDF[0], PDF[1])
    assert sent.status_code == 201, sent.text
    file = sent.json()
    answer = await system.answer("approve", response_data={"uploaded_files": [file["id"]]})
    assert answer.status_code == 200, answer.text
    [kept] = (await agent.get(system.decision))["response_data"]["uploaded_files"]
    assert kept == file
    assert (await agent.http.get(f"/attachments/{kept['id']}")).content == PDF[1]
    again = await system.upload(PDF[0], PDF[1])
    assert (again.status_code, again.json()["code"]) == (409, "already_settled")


async def test_files_of_others(agent: Agent, another_agent: Agent) -> None:
    """Neither an agent's, nor another approver's, nor what was sent for another decision."""
    ann, ben = someone("ann"), someone("ben")
    system = await System.asked_by(agent, approver=[ann, ben], response_type=UPLOAD)
    bens = System(agent, system.decision, ben)
    elsewhere = await System.asked_by(agent, approver=ann, response_type=UPLOAD)
    files = [
        (await agent.http.post("/attachments", files={"file": ("a.pdf", PDF[1])})).json()["id"],
        (await bens.upload("b.pdf", PDF[1])).json()["id"],
        (await elsewhere.upload("c.pdf", PDF[1])).json()["id"],
        "att_" + "0" * 32,
        7,
    ]
    for file in files:
        answer = await system.answer("approve", response_data={"uploaded_files": [file]})
        assert refused_fields(answer) == ["response_data.uploaded_files.0"]
        assert answer.json()["code"] == "unknown_attachment"


async def test_files_that_are_not_taken(agent: Agent) -> None:
    """Where none are asked for, or not of this kind, or no file at all."""
    none_asked = await System.asked_by(agent)
    assert refused_fields(await none_asked.upload("a.pdf", PDF[1])) == ["file"]
    system = await System.asked_by(agent, response_type=UPLOAD)
    stranger = System(agent, system.decision, someone("mallory"))
    assert refused_fields(await stranger.upload("a.pdf", PDF[1])) == ["file"]
    codes = [
        (await system.upload("a.exe", b"MZ\x90\0")).json()["code"],
        (await system.upload("a.pdf", b"")).json()["code"],
        (await system.upload("a.pdf", b"%PDF" + b" " * 10 * 1024 * 1024)).json()["code"],
        (await system.upload("a.pdf", b"%PDF" + b" " * 11 * 1024 * 1024)).json()["code"],
    ]
    assert codes == ["file_type_refused", "file_empty", "file_too_large", "content_too_large"]
    async with web.client() as client:
        assert refused_fields(await client.post(f"{system.url}/files", json={})) == ["file"]


async def test_as_many_files_as_are_kept(agent: Agent) -> None:
    """Whoever has the link cannot fill the storage."""
    system = await System.asked_by(agent, response_type=UPLOAD)
    for _ in range(responses.MOST_FILES):
        assert (await system.upload("a.pdf", PDF[1])).status_code == 201
    assert refused_fields(await system.upload("a.pdf", PDF[1])) == ["file"]


async def test_as_often_as_a_link_may_be_used(dev_server: DevServer, tmp_path: Any) -> None:
    """Reading it again and again keeps nobody from answering; answers are counted by themselves."""
    rate = 3
    service = RunningService(dev_server.address, tmp_path, HANDOVER_LINK_RATE_LIMIT=str(rate))
    await service.start()
    try:
        async with Agent.of(service) as agent:
            system = await System.asked_by(agent)
            digest = (await system.read())["digest"]
            wrong = [(await system.answer("approve", digest="x")) for _ in range(rate)]
            refused = await system.answer("approve", digest=digest)
            assert [each.status_code for each in wrong] == [409] * rate
            assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
            assert int(refused.headers["Retry-After"]) > 0
            used = 1 + rate + 1
            reads = [(await system.get()).status_code for _ in range(rate * READS - used + 1)]
            assert reads == [200] * (rate * READS - used) + [429]
    finally:
        await asyncio.to_thread(service.stop)


async def test_no_log_has_a_token(agent: Agent) -> None:
    """Read, answered, refused and mistyped."""
    system = await System.asked_by(agent)
    await system.answer("modify")
    await system.upload("a.pdf", PDF[1])
    async with web.client() as client:
        await client.put(system.url)
        await client.get(system.url + "/more")
        await client.get(system.url[:-1])
    await system.answer("deny")
    await eventually(lambda: system.decision in agent.service.log("api"))
    signature = system.url.rpartition(".")[2]
    assert signature[:-1] not in agent.service.log("api")
