"""A service that encrypts: Temporal has nothing that one could read, and operators still do."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from google.protobuf.json_format import MessageToDict
from temporalio.api.common.v1 import Payload
from temporalio.client import Client

from handover.models import DecisionRequest
from histories.encryption import ENCODING, Encryption
from settings.keys import new_secrets
from store.keys import AUDIT
from tests import web
from tests.api.agent import Agent, link_to, question, refused_fields, someone
from tests.approver import press
from tests.dev_server import DevServer
from tests.service import RunningService
from tests.support import eventually
from tests.workflows.harness import stranger
from workflows import options
from workflows.statements import RESPOND, Response, SignedResponse

UI = "http://127.0.0.1:8233"
OLD, NEW = (new_secrets()["encryption_keys"] for _ in range(2))


def encrypting(server: DevServer, folder: Path, keys: str) -> RunningService:
    return RunningService(
        server.address, folder, HANDOVER_ENCRYPTION_KEYS=keys, HANDOVER_UI_ORIGIN=f"{UI}/"
    )


@pytest.fixture(scope="module")
async def server(
    dev_server_program: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[DevServer]:
    """A Temporal server whose database these tests search."""
    server = DevServer(dev_server_program, tmp_path_factory.mktemp("searched"))
    await server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
async def service(
    server: DevServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningService]:
    running = encrypting(server, tmp_path_factory.mktemp("encrypted"), OLD)
    await running.start()
    yield running
    running.stop()


@pytest.fixture
async def agent(service: RunningService) -> AsyncIterator[Agent]:
    async with Agent.of(service) as agent:
        yield agent


@pytest.fixture
async def auditor(service: RunningService) -> AsyncIterator[Agent]:
    async with await Agent.with_new_key(service, scopes=frozenset({AUDIT})) as auditor:
        yield auditor


@pytest.fixture
async def temporal(server: DevServer) -> Client:
    """Somebody with access to Temporal and without a key."""
    return await server.client()


def marked(*names: str) -> dict[str, str]:
    """A word for each name, which stands nowhere else."""
    return {name: f"{name}{secrets.token_hex(8)}" for name in names}


async def told(temporal: Client, decision: str) -> bytes:
    """All that Temporal's interface tells of a decision: history, description, index."""
    handle = temporal.get_workflow_handle(decision)
    history = [event.SerializeToString() async for event in handle.fetch_history_events()]
    described = (await handle.describe()).raw_description

    async def indexed() -> list[bytes]:
        query = f"WorkflowId = '{decision}'"
        return [run.raw_info.SerializeToString() async for run in temporal.list_workflows(query)]

    return b"".join([*history, described.SerializeToString(), *await eventually(indexed)])


async def test_temporal_has_no_word_of_a_decision(
    agent: Agent, server: DevServer, temporal: Client
) -> None:
    """Neither its interface nor its database, and no log of ours: not what was asked, of whom, nor
    what they said."""
    words = marked("action", "context", "ann", "bob", "notes", "payload", "metadata", "given")
    ann, bob = f"{words['ann']}@example.com", f"{words['bob']}@example.org"
    decision = await agent.ask(
        action=words["action"],
        context=words["context"],
        approver=ann,
        escalation=[{"after_minutes": 30, "approvers": [bob]}],
        payload={"order": words["payload"]},
        metadata={"thread": words["metadata"]},
    )
    pending = await told(temporal, decision["id"])
    given = json.dumps({"order": words["given"]})
    await press(await link_to(agent.service, ann), "modify", notes=words["notes"], payload=given)
    answer = await agent.get(decision["id"], wait=30)
    assert (answer["status"], answer["response_notes"]) == ("modified", words["notes"])
    assert answer["response_data"] == {"payload": {"order": words["given"]}}
    await agent.audited(decision["id"], "notification.sent", "notification.sent")  # the receipt

    said = await told(temporal, decision["id"])
    stored = b"".join(path.read_bytes() for path in server.folder.glob("temporal.db*"))
    for place in (pending, said, stored):
        assert decision["id"].encode() in place
        assert ENCODING in place
        assert not [word for word in words.values() if word.encode() in place]
    for name in ("api", "worker"):
        assert decision["id"] in (log := agent.service.log(name))
        assert not [word for word in words.values() if word in log], name
    # What is not encrypted would be found.
    plain = marked("plain")["plain"]
    await temporal.start_workflow("Any", plain, id=plain, task_queue="nobody")
    assert plain.encode() in b"".join(
        path.read_bytes() for path in server.folder.glob("temporal.db*")
    )


async def test_the_index_has_hashes_and_lists_find_by_them(agent: Agent, temporal: Client) -> None:
    """Asked at once or by an escalation: the filter finds both, and nobody reads who they are."""
    ann, bob = someone("ann"), someone("bob")
    decision = await agent.ask(approver=ann, escalation=[{"after_minutes": 30, "approvers": [bob]}])
    for approver in (ann, bob):
        await eventually(lambda approver=approver: lists(agent, approver, decision["id"]), 60)
    assert not await lists(agent, someone(), decision["id"])
    run = await temporal.get_workflow_handle(decision["id"]).describe()
    indexed = run.typed_search_attributes[options.APPROVER_KEY]
    assert [len(bytes.fromhex(name)) for name in indexed] == [16, 16]
    assert run.typed_search_attributes[options.AGENT_KEY] == agent.name


async def lists(agent: Agent, approver: str, *decisions: str) -> bool:
    """Whether the list of this approver's decisions has these."""
    page = (await agent.http.get("/decisions", params={"approver": approver})).json()
    return set(decisions) <= {entry["id"] for entry in page["decisions"]}


async def test_keys_come_change_and_go_while_decisions_are_pending(
    server: DevServer, tmp_path: Path
) -> None:
    """Begun in the clear, under the first key and after the second came: each is listed, read and
    answered by whoever was asked, also where encryption was switched off again."""
    ann = someone("ann")
    service = RunningService(server.address, tmp_path)
    settings: list[dict[str, str]] = [
        {},
        {"HANDOVER_ENCRYPTION_KEYS": OLD},
        {"HANDOVER_ENCRYPTION_KEYS": f"{NEW}, {OLD}"},
        {"HANDOVER_ENCRYPTION_KEYS": f"{NEW}, {OLD}", "HANDOVER_ENCRYPTION": "false"},
    ]
    asked: list[str] = []
    links: list[str] = []
    for number, setting in enumerate(settings):
        service.environment |= setting
        try:
            await service.start()
            async with Agent.of(service) as agent:
                asked.append((await agent.ask(action=f"Order {number}", approver=ann))["id"])
                await agent.audited(asked[-1], "notification.sent")
                links.append(await link_to(service, ann))
                if number:  # one that was asked under the setting before
                    assert (await press(links[number - 1], "approve")).is_success
                    assert (await agent.get(asked[number - 1], wait=30))["approved"]
                await eventually(lambda agent=agent: lists(agent, ann, *asked), 60)
                actions = [(await agent.get(decision))["action"] for decision in asked]
                assert actions == [f"Order {n}" for n in range(number + 1)]
        finally:
            service.stop()


async def test_noise_and_a_forged_approval_change_nothing(agent: Agent, temporal: Client) -> None:
    """In the clear and under an unknown key, signed by somebody else: refused, each with its
    reason, and the one who was asked still answers."""
    ann = someone("ann")
    decision = await agent.ask(approver=ann)
    handle = temporal.get_workflow_handle(decision["id"])
    request = DecisionRequest(action="Refund order 1142", approver=ann)
    forged = stranger.sign(
        Response(
            decision_id=decision["id"],
            run_id=(await handle.describe()).run_id,
            request_digest="0" * 64,
            approver=request.approvers[0],
            choice="approve",
            received_at=decision["created_at"],
        ),
        SignedResponse,
    )
    foreign = Client(**{**temporal.config(), "data_converter": Encryption([NEW]).converter})
    await handle.signal(RESPOND, forged)
    await foreign.get_workflow_handle(decision["id"]).signal(RESPOND, forged)
    entries = await agent.audited(decision["id"], "response.refused", "response.refused")
    reasons = [e["details"]["reason"] for e in entries if e["type"] == "response.refused"]
    assert reasons == ["unproven", "malformed"]
    assert (await agent.get(decision["id"]))["status"] == "pending"
    await press(await link_to(agent.service, ann), "deny")
    assert (await agent.get(decision["id"], wait=30))["status"] == "denied"


async def test_the_longest_question_is_taken(agent: Agent) -> None:
    """Encrypted words are longer, and Temporal limits what it shows of them."""
    for action in ("€" * 2000, '"' * 2000, "\\" * 2000):
        assert (await agent.post(question(action=action))).status_code == 201


async def encoded(temporal: Client, decision: str) -> list[dict[str, Any]]:
    """The payloads with which a decision was started, as Temporal's interface writes them."""
    started = await anext(temporal.get_workflow_handle(decision).fetch_history_events())
    attributes = started.workflow_execution_started_event_attributes
    return [MessageToDict(payload) for payload in attributes.input.payloads]


async def test_operators_decode_what_the_history_has(
    agent: Agent, auditor: Agent, temporal: Client
) -> None:
    """The protocol of Temporal's remote codecs: payloads in, payloads out, in order."""
    word = marked("word")["word"]
    payloads = await encoded(temporal, (await agent.ask(action=word))["id"])
    plain = {"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "Mg=="}
    foreign = MessageToDict((await Encryption([NEW]).encode([Payload(data=b"x")]))[0])
    answer = await auditor.http.post(
        "/codec/decode", json={"payloads": [*payloads, plain, foreign]}
    )
    assert answer.status_code == 200, answer.text
    opened, *rest = answer.json()["payloads"]
    assert opened["metadata"]["encoding"] == plain["metadata"]["encoding"]
    assert json.loads(base64.b64decode(opened["data"]))["request"]["action"] == word
    assert rest == [plain, foreign]


async def test_nobody_else_decodes(agent: Agent, auditor: Agent, temporal: Client) -> None:
    """No key: 401. An agent's, also for what it asked itself: 403. And nobody encrypts here."""
    body = {"payloads": await encoded(temporal, (await agent.ask())["id"])}
    async with web.client(base_url=agent.service.base_url) as stranger:
        assert (await stranger.post("/codec/decode", json=body)).status_code == 401
    refused = await agent.http.post("/codec/decode", json=body)
    assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")
    assert (await auditor.http.post("/codec/encode", json=body)).status_code == 404


@pytest.mark.parametrize(
    "payload",
    [{"data": "no base64!"}, {"data": "Mg"}, {"metadata": {"encoding": 7}}, {"data": None}, "Mg=="],
)
async def test_what_is_no_payload_is_refused(auditor: Agent, payload: object) -> None:
    """422, and the field is named."""
    answer = await auditor.http.post("/codec/decode", json={"payloads": [payload]})
    assert all(field.startswith("payloads.0") for field in refused_fields(answer))


async def test_only_the_ui_may_ask_from_a_browser(auditor: Agent) -> None:
    """CORS for the origin in the settings, for this path: no other page reads an answer."""
    asks = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-namespace",
    }

    async def preflight(path: str, origin: str) -> httpx2.Response:
        return await auditor.http.options(path, headers={**asks, "Origin": origin})

    allowed = await preflight("/codec/decode", UI)
    assert allowed.status_code == 200
    assert allowed.headers["Access-Control-Allow-Origin"] == UI
    assert "Access-Control-Allow-Credentials" not in allowed.headers
    for path, origin in (("/codec/decode", "http://evil.example"), ("/decisions", UI)):
        refused = await preflight(path, origin)
        assert refused.status_code in (400, 405)
        assert "Access-Control-Allow-Origin" not in refused.headers
    for origin, given in ((UI, UI), ("http://evil.example", None)):
        headers = {"Origin": origin, "X-Namespace": "default"}
        answer = await auditor.http.post("/codec/decode", json={"payloads": []}, headers=headers)
        assert answer.json() == {"payloads": []}
        assert answer.headers.get("Access-Control-Allow-Origin") == given
    # Also what is refused, so that the UI can say why.
    answer = await auditor.http.post("/codec/decode", headers={"Origin": UI})
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (422, UI)


async def test_the_temporal_program_reads_with_an_operators_key(
    agent: Agent, auditor: Agent, server: DevServer, dev_server_program: Path
) -> None:
    """`temporal workflow show` with the codec endpoint: words with the right key, none without."""
    words = marked("action", "ann")
    decision = await agent.ask(action=words["action"], approver=f"{words['ann']}@example.com")
    await agent.audited(decision["id"], "notification.sent")
    key = auditor.http.headers["Authorization"]
    history = await show(dev_server_program, server, decision["id"], auditor.service, key)
    assert all(word in history for word in words.values())
    nobody = await show(dev_server_program, server, decision["id"])
    assert decision["id"] in nobody
    assert not any(word in nobody for word in words.values())
    agents = agent.http.headers["Authorization"]
    with pytest.raises(AssertionError, match="failed getting next history event"):
        await show(dev_server_program, server, decision["id"], agent.service, agents)


async def show(
    program: Path,
    server: DevServer,
    decision: str,
    service: RunningService | None = None,
    authorization: str = "",
) -> str:
    """The history as the program writes it, all base64 in it opened."""
    command = ["workflow", "show", "--workflow-id", decision, "--output", "json"]
    command += ["--address", server.address]
    if service:
        endpoint = f"{service.base_url}/codec"
        command += ["--codec-endpoint", endpoint, "--codec-auth", authorization]
    process = await asyncio.create_subprocess_exec(
        program, *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    written, complaint = await process.communicate()
    assert process.returncode == 0, complaint.decode()
    return written.decode() + "".join(opened(json.loads(written)))


def opened(value: Any) -> list[str]:
    """What the `data` of payloads inside say."""
    if isinstance(value, list):
        return [text for each in value for text in opened(each)]
    if not isinstance(value, dict):
        return []
    data = value.get("data")
    inside = [text for each in value.values() for text in opened(each)]
    return (
        [*inside, base64.b64decode(data).decode(errors="replace")]
        if isinstance(data, str)
        else inside
    )
