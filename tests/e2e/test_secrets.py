"""Secrets stay where they belong: a whole life at the log level DEBUG, then a search for each.

Searched are the logs of API and worker, the histories as Temporal has them, every file that the
service wrote, and all that it answered.
"""

from __future__ import annotations

import asyncio
import base64
import email
import email.policy
import json
import secrets
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx2
import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from temporalio.client import Client

from store.keys import ADMIN, AGENT_SCOPES, RESOLVE
from tests import web
from tests.api.agent import Agent, in_store, link_to, someone
from tests.approver import answer_link, press
from tests.dev_server import DevServer
from tests.receiver import Receiver
from tests.service import RunningService
from tests.support import eventually

PROVIDERS = {
    "HANDOVER_SENDGRID_API_KEY": f"SG.{secrets.token_urlsafe(40)}",
    "HANDOVER_SMTP_PASSWORD": secrets.token_urlsafe(24),
}


class Life:
    """One service, its secrets, and all that was heard of it."""

    def __init__(self, service: RunningService, client: Client) -> None:
        self.service = service
        self.client = client
        self.answers: list[bytes] = []
        self.decisions: list[str] = []
        made = json.loads((service.data_dir / "secrets.json").read_text())
        # What verifies is public.
        self.secrets = {name: value for name, value in made.items() if name != "verify_keys"}
        self.secrets |= PROVIDERS | {"API key": service.api_key}

    def knows(self, name: str, value: str) -> None:
        self.secrets[name] = value

    async def note(self, answer: httpx2.Response) -> None:
        """Keep all that an agent or a browser was told, but the links of pages to themselves."""
        heads = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
        self.answers.append(heads.encode() + b"\n\n" + await answer.aread())

    async def histories(self) -> bytes:
        """Each event of each decision, what is pending, and what lists are made from."""
        parts: list[bytes] = []
        for decision in self.decisions:
            handle = self.client.get_workflow_handle(decision)
            parts += [event.SerializeToString() async for event in handle.fetch_history_events()]
            parts.append((await handle.describe()).raw_description.SerializeToString())
        return b"\n".join(parts)

    def written(self) -> dict[str, bytes]:
        """Every file below the data folder but the two that are made to hold secrets."""
        kept = {self.service.data_dir / name for name in ("secrets.json", "api-key")}
        files = [path for path in self.service.data_dir.rglob("*") if path.is_file()]
        return {path.name: path.read_bytes() for path in files if path not in kept}

    def found_in(self, content: bytes, *but: str) -> list[str]:
        """Names of the secrets that this content tells."""
        return [
            name
            for name, secret in self.secrets.items()
            if name not in but and any(form in content for form in forms(secret))
        ]


def forms(secret: str) -> list[bytes]:
    """As it is, its end alone, and as it stands in URLs, base64 and escaped JSON."""
    texts = [secret, secret[-20:], quote(secret, safe=""), json.dumps(secret)[1:-1]]
    return [*(text.encode() for text in texts), base64.b64encode(secret.encode()).rstrip(b"=")]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Where callbacks go."""
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
async def life(dev_server: DevServer, tmp_path: Path, receiver: Receiver) -> AsyncIterator[Life]:
    service = RunningService(
        dev_server.address,
        tmp_path,
        HANDOVER_LOG_LEVEL="DEBUG",
        HANDOVER_EMAIL_TRANSPORT="outbox",
        HANDOVER_OUTGOING_EXCEPTIONS=f"127.0.0.1:{receiver.port}",
        **PROVIDERS,
    )
    await service.start()
    yield Life(service, await dev_server.client())
    service.stop()


async def test_a_whole_life_tells_no_secret(life: Life, receiver: Receiver):
    """Asked, shown, answered, resolved, called back, withdrawn, and all that was refused."""
    service = life.service
    scopes = AGENT_SCOPES | {RESOLVE, ADMIN}
    async with Agent.of(service) as agent, await Agent.with_new_key(service, "ops", scopes) as ops:
        life.knows("operator's key", str(ops.http.headers["Authorization"]).split()[1])
        await make_what_is_shown_once(life, agent, ops)
        for each in (agent, ops):
            each.http.event_hooks = {"request": [], "response": [life.note]}
        await live(life, agent, ops, receiver.url)
        await provoke(life, agent)
    assert len(receiver.requests) == 3
    told = b"\n".join(str(request).encode() for request in receiver.requests)
    assert life.found_in(told) == []

    history = await life.histories()
    assert life.decisions[0].encode() in history
    assert life.found_in(history) == []
    assert len(life.answers) > 20
    assert life.found_in(b"\n".join(life.answers)) == []
    links = [name for name in life.secrets if name.startswith("link of ")]
    assert len(links) == 3
    for name, content in life.written().items():
        assert life.found_in(content, *(links if name.endswith(".eml") else ())) == [], name


async def test_the_log_has_no_word_of_anybody(life: Life):
    """Not what was asked, nor what was answered, nor what a failing store would not take."""
    words = {kind: f"{kind} {secrets.token_hex(8)}" for kind in ("action", "context", "notes")}
    async with Agent.of(life.service) as agent:
        approver = someone()
        fields = {"action": words["action"], "context": words["context"] * 1000}
        decision = await agent.ask(**fields, approver=approver)
        link = await link_to(life.service, approver)
        await press(link, "deny", notes=words["notes"])
        in_store(life.service, "ALTER TABLE refused_responses DROP COLUMN message")
        late = {"choice": "approve", "digest": "x", "notes": words["notes"]}
        assert (await agent.http.post(link, data=late)).status_code == 503
        await agent.get(decision["id"])
    logs = life.service.log("api") + life.service.log("worker")
    assert decision["id"] in logs
    assert [kind for kind, text in words.items() if text in logs] == []


async def make_what_is_shown_once(life: Life, agent: Agent, ops: Agent) -> None:
    """A key, which is used and revoked, and a secret for callbacks: both are in one answer."""
    made = (await ops.http.post("/auth/api-keys", json={"name": "short-lived"})).json()
    life.knows("revoked key", made["key"])
    headers = {"Authorization": f"Bearer {made['key']}"}
    assert (await agent.http.get("/decisions", headers=headers)).status_code == 200
    assert (await ops.http.delete(f"/auth/api-keys/{made['id']}")).status_code == 204
    assert (await agent.http.get("/decisions", headers=headers)).status_code == 401
    for _ in range(2):
        answer = await agent.http.post("/auth/callback-secret")
        life.knows(f"callback secret {answer.json()['id']}", answer.json()["secret"])


async def live(life: Life, agent: Agent, ops: Agent, callback_url: str) -> None:
    """Three decisions: one is answered by its link, one resolved, one withdrawn."""
    links: list[str] = []
    for _ in range(3):
        approver = someone()
        file = {"file": ("note.txt", b"The parcel arrived broken.", "text/plain")}
        uploaded = (await agent.http.post("/attachments", files=file)).json()
        made = await agent.ask(
            approver=approver,
            context="x" * 20_000,
            attachment_ids=[uploaded["id"]],
            callback_url=callback_url,
        )
        life.decisions.append(made["id"])
        links.append(await link_to(life.service, approver))
        life.knows(f"link of {approver}", token_of(links[-1]))
    _, resolved, withdrawn = life.decisions
    assert (await press(links[0], "approve", notes="Fine")).status_code == 200
    assert (await ops.resolve(resolved, "deny", notes="No")).status_code == 200
    assert (await agent.cancel(withdrawn)).status_code == 200
    for decision in life.decisions:
        await agent.http.get(f"/decisions/{decision}?wait=10")
        await agent.http.get(f"/decisions/{decision}/audit")
        await life.client.get_workflow_handle(decision).result()
    for path in ("/decisions", "/auth/callback-secret", "/.well-known/handover-keys"):
        assert (await agent.http.get(path)).status_code == 200
    assert (await ops.http.get("/auth/api-keys")).status_code == 200
    outbox = f"/outbox/{life.secrets['outbox_token']}"
    async with web.client(base_url=life.service.base_url) as browser:
        assert (await browser.get(outbox)).status_code == 200


async def provoke(life: Life, agent: Agent) -> None:
    """Keys and tokens that are wrong, or in the wrong place; faults of ours and of others."""
    link = next(value for name, value in life.secrets.items() if name.startswith("link of "))
    key, outbox = life.secrets["API key"], life.secrets["outbox_token"]
    life.knows("mistyped key", key[:-4] + "XXXX")
    life.knows("wrong key", f"ho_{secrets.token_urlsafe(32)}")
    life.knows("wrong link", link[:-6] + "XXXXXX")
    for wrong in ("mistyped key", "wrong key"):
        headers = {"Authorization": f"Bearer {life.secrets[wrong]}"}
        assert (await agent.http.get("/decisions", headers=headers)).status_code == 401
    for method, path in (
        ("GET", f"/decisions?api_key={key}"),
        ("GET", f"/decisions?cursor={link}"),
        ("GET", f"/decisions/{key}"),
        ("GET", f"/nothing/{key}"),
        ("GET", f"/d/{life.secrets['wrong link']}"),
        ("GET", f"/d/{link}/nothing"),
        ("DELETE", f"/d/{link}"),
        ("GET", f"/d/{link}/files/att_nothing"),
        ("GET", f"/outbox/{outbox}/nothing.eml"),
        ("GET", f"/outbox/{outbox[:-2]}XX"),
        ("POST", f"/d/{life.secrets['wrong link']}"),
    ):
        answer = await agent.http.request(method, path)
        assert answer.status_code in (200, 404, 405, 422), (path, answer.status_code)
    in_store(life.service, "ALTER TABLE api_keys RENAME TO away")
    assert (await agent.http.get("/decisions")).status_code in (500, 503)
    in_store(life.service, "ALTER TABLE away RENAME TO api_keys")
    await broken_download(life, agent)


async def broken_download(life: Life, agent: Agent) -> None:
    """A file that somebody changed in the storage: our own exception, with its traceback."""
    listed = await agent.http.get(f"/decisions/{life.decisions[0]}/attachments")
    [file] = listed.json()["attachments"]
    (life.service.data_dir / "files" / file["id"]).write_text("The parcel arrived in order")
    with pytest.raises(httpx2.RemoteProtocolError):
        await agent.http.get(f"/attachments/{file['id']}")
    assert "is not what was kept" in life.service.log("api")


def token_of(link: str) -> str:
    return urlsplit(link).path.removeprefix("/d/")


class Mailbox:
    """A mail server that asks for a password, and refuses the first."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.logins: list[bytes] = []

    def login(
        self, server: object, session: object, envelope: object, mechanism: str, data: object
    ) -> AuthResult:
        self.logins.append(getattr(data, "password", b""))
        return AuthResult(success=len(self.logins) > 1)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        self.mails.append(envelope.original_content or b"")
        return "250 OK"


@pytest.fixture
async def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
async def by_smtp(dev_server: DevServer, tmp_path: Path, mailbox: Mailbox) -> AsyncIterator[Life]:
    loop = asyncio.get_running_loop()

    def serve() -> SMTP:
        with warnings.catch_warnings():
            # That passwords should not travel without TLS is right, and they go no farther here.
            warnings.simplefilter("ignore")
            return SMTP(
                mailbox,
                loop=loop,
                authenticator=mailbox.login,
                auth_require_tls=False,
                auth_required=True,
            )

    server = await loop.create_server(serve, "127.0.0.1", 0)
    service = RunningService(
        dev_server.address,
        tmp_path,
        HANDOVER_LOG_LEVEL="DEBUG",
        HANDOVER_EMAIL_TRANSPORT="smtp",
        HANDOVER_SMTP_HOST="127.0.0.1",
        HANDOVER_SMTP_PORT=str(server.sockets[0].getsockname()[1]),
        HANDOVER_SMTP_TLS="none",
        HANDOVER_SMTP_USERNAME="handover",
        **PROVIDERS,
    )
    await service.start()
    yield Life(service, await dev_server.client())
    service.stop()
    server.close()
    await server.wait_closed()


async def test_a_mail_server_that_refuses_us_tells_no_secret(by_smtp: Life, mailbox: Mailbox):
    """The password went to the mail server and nowhere else, also where that said no."""
    async with Agent.of(by_smtp.service) as agent:
        by_smtp.decisions.append((await agent.ask())["id"])
        await eventually(lambda: mailbox.logins, timeout=60)
        assert mailbox.logins[0].decode() == PROVIDERS["HANDOVER_SMTP_PASSWORD"]

        async def failed() -> bool:
            return b"535" in await by_smtp.histories() or bool(mailbox.mails)

        await eventually(failed, timeout=60)
        if mailbox.mails:
            mail = email.message_from_bytes(mailbox.mails[0], policy=email.policy.default)
            by_smtp.knows("link", token_of(answer_link(mail)))
        await agent.cancel(by_smtp.decisions[0])
    assert by_smtp.found_in(await by_smtp.histories()) == []
    for name, content in by_smtp.written().items():
        assert by_smtp.found_in(content) == [], name
