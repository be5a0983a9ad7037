from __future__ import annotations

import asyncio
import email
import email.policy
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from activities.channels.email import parse_sender
from activities.channels.errors import DeferredError, RefusedError, UndeliverableError
from activities.channels.smtp import Smtp
from tests.activities.mailbox import Mailbox
from tests.activities.samples import ANN, make_email
from tests.support import free_port

SENDER = parse_sender("Handover <handover@mail.example.com>")
Serve = Callable[..., Awaitable[int]]


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
async def serve(mailbox: Mailbox) -> AsyncIterator[Serve]:
    """Start an SMTP server with these options of aiosmtpd; returns its port."""
    servers: list[asyncio.Server] = []

    async def start(tls: ssl.SSLContext | None = None, **options: Any) -> int:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: SMTP(mailbox, loop=loop, hostname="mail.test", **options),
            "127.0.0.1",
            0,
            ssl=tls,
        )
        servers.append(server)
        return server.sockets[0].getsockname()[1]

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for 127.0.0.1, which nobody but these tests trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("certificate") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture(scope="session")
def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture(scope="session")
def client_tls(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


async def test_a_mail_arrives(serve: Serve, mailbox: Mailbox):
    """From, to and content are ours, and its Message-ID is what is returned."""
    mail = make_email(action="Überweisung 送金")
    assert await Smtp("127.0.0.1", await serve(), tls="none").send(mail) == mail.message_id
    [arrived] = mailbox.mails
    assert (arrived.mail_from, arrived.rcpt_tos) == ("handover@mail.example.com", [ANN])
    assert isinstance(arrived.content, bytes)
    parsed = email.message_from_bytes(arrived.content, policy=email.policy.default)
    assert parsed["Subject"] == mail.subject
    assert parsed["Message-ID"] == mail.message_id


async def test_starttls_and_tls_encrypt(
    serve: Serve, mailbox: Mailbox, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
):
    """With a certificate that the client trusts."""
    upgraded = await serve(tls_context=server_tls, require_starttls=True)
    await Smtp("127.0.0.1", upgraded, tls="starttls", tls_context=client_tls).send(make_email())
    wrapped = await serve(tls=server_tls)
    await Smtp("127.0.0.1", wrapped, tls="tls", tls_context=client_tls).send(make_email())
    assert len(mailbox.mails) == 2


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_a_certificate_that_nobody_vouches_for_is_the_operators(
    serve: Serve, mailbox: Mailbox, server_tls: ssl.SSLContext, tls: Any
):
    """The mail is not sent past it, and retries are slow."""
    port = await serve(tls_context=server_tls) if tls == "starttls" else await serve(tls=server_tls)
    with pytest.raises(RefusedError, match="HANDOVER_SMTP_TLS"):
        await Smtp("127.0.0.1", port, tls=tls).send(make_email())
    assert mailbox.mails == []


async def test_a_server_without_starttls_gets_nothing(serve: Serve, mailbox: Mailbox):
    """Asked for encryption, the transport never falls back to plain text."""
    with pytest.raises(RefusedError, match="HANDOVER_SMTP_TLS"):
        await Smtp("127.0.0.1", await serve(), tls="starttls").send(make_email())
    assert mailbox.mails == []


async def test_a_login_is_made_and_a_refused_one_is_the_operators(
    serve: Serve, mailbox: Mailbox, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
):
    """With the right password the mail goes out, with a wrong one the settings are named."""

    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        right = (data.login, data.password) == (b"us", b"right")
        return AuthResult(success=right, handled=False)

    port = await serve(tls_context=server_tls, authenticator=check, auth_required=True)

    async def send(username: str | None = None, password: str | None = None) -> None:
        transport = Smtp(
            "127.0.0.1", port, tls_context=client_tls, username=username, password=password
        )
        await transport.send(make_email())

    await send("us", "right")
    assert len(mailbox.mails) == 1
    with pytest.raises(RefusedError, match="HANDOVER_SMTP_PASSWORD"):
        await send("us", "wrong")
    with pytest.raises(RefusedError, match="refuses our login"):
        await send()


@pytest.mark.parametrize(
    ("step", "answer", "error"),
    [
        ("rcpt", "550 5.1.1 No such user here", UndeliverableError),
        ("rcpt", "553 mailbox name not allowed", UndeliverableError),
        ("rcpt", "552 5.2.2 Mailbox full", UndeliverableError),
        ("rcpt", "556 5.1.10 This domain takes no mail", UndeliverableError),
        ("rcpt", "550 5.7.124 Sender not in allowed-senders list", UndeliverableError),
        ("rcpt", "550 5.7.133 Sender not authenticated for group", UndeliverableError),
        ("rcpt", "550 5.7.2 Mailing list expansion prohibited", UndeliverableError),
        ("rcpt", "550 5.7.1 RESOLVER.RST.AuthRequired; auth required", UndeliverableError),
        ("rcpt", "550 5.2.122 Receive limit of this hour exceeded", DeferredError),
        ("rcpt", "450 4.2.1 Mailbox busy", DeferredError),
        ("rcpt", "450 4.7.1 Greylisted", DeferredError),
        ("rcpt", "553 5.1.8 Sender address rejected: Domain not found", RefusedError),
        ("rcpt", "554 5.7.1 Relay access denied", RefusedError),
        ("rcpt", "530 5.7.0 Authentication required", RefusedError),
        ("rcpt", "550 5.7.26 Not authenticated: SPF and DKIM", RefusedError),
        ("rcpt", "550 5.7.511 Access denied, banned sender", RefusedError),
        ("rcpt", "550 5.7.13 Sender not authenticated for folder", UndeliverableError),
        ("mail", "553 5.1.8 Sender address rejected", RefusedError),
        ("mail", "451 4.3.0 Try later", DeferredError),
        ("data", "550 5.1.1 No such user here", UndeliverableError),
        ("data", "552 5.2.2 Mailbox full", UndeliverableError),
        ("data", "550 5.1.10 Recipient not found", UndeliverableError),
        ("data", "550 5.7.133 Sender not authenticated for group", UndeliverableError),
        ("data", "550 5.2.121 Receive limit of this hour exceeded", DeferredError),
        ("data", "550 5.1.8 Sender address rejected", RefusedError),
        ("data", "550 5.7.1 Blocked by policy", RefusedError),
        ("data", "554 5.6.0 Message refused", RefusedError),
        ("data", "452 4.3.1 Out of storage", DeferredError),
    ],
)
async def test_a_refusal_means_what_it_says(
    serve: Serve, mailbox: Mailbox, step: str, answer: str, error: type[Exception]
):
    """Only a bad recipient is permanent; what is about us is the operator's; 4xx is tried again."""
    setattr(mailbox, step, answer)
    with pytest.raises(error, match=answer[:3]):
        await Smtp("127.0.0.1", await serve(), tls="none").send(make_email())
    assert mailbox.mails == []


@pytest.mark.parametrize("step", ["handle_MAIL", "handle_RCPT", "handle_DATA"])
async def test_a_server_that_hangs_up_is_tried_again(
    serve: Serve, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch, step: str
):
    """In the middle of it, as one does that is stopped."""

    async def hang_up(server: Any, *_: Any) -> str:
        server.transport.abort()
        return "250 OK"

    monkeypatch.setattr(mailbox, step, hang_up)
    with pytest.raises(DeferredError):
        await Smtp("127.0.0.1", await serve(), tls="none").send(make_email())
    assert mailbox.mails == []


async def test_a_login_that_fails_for_the_moment_is_tried_again(
    serve: Serve, mailbox: Mailbox, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
):
    """It is the server's fault then, and no password is wrong."""

    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=False, handled=False, message="454 4.7.0 Try later")

    port = await serve(tls_context=server_tls, authenticator=check, auth_required=True)
    transport = Smtp("127.0.0.1", port, tls_context=client_tls, username="us", password="right")
    with pytest.raises(DeferredError, match="454"):
        await transport.send(make_email())


@pytest.mark.parametrize(
    ("greeting", "error"),
    [("421 4.3.2 Too many connections", DeferredError), ("554 5.7.1 Not you", RefusedError)],
)
async def test_a_server_that_greets_nobody(greeting: str, error: type[Exception]):
    """Busy, or not for us: the answer to the connection itself."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{greeting}\r\n".encode())
        await reader.read()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(error, match=greeting[:3]):
            await Smtp("127.0.0.1", port, tls="none").send(make_email())


async def test_a_mail_server_that_is_away_or_silent_is_tried_again():
    """A refused connection and one that never speaks end in the same way, the latter in time."""
    with pytest.raises(DeferredError, match="cannot be reached"):
        await Smtp("127.0.0.1", free_port(), tls="none").send(make_email())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(DeferredError, match="cannot be reached"):
            await Smtp("127.0.0.1", port, tls="none", timeout=0.3).send(make_email())


async def test_a_check_sends_nothing(
    serve: Serve, mailbox: Mailbox, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
):
    """It goes as far as the sender, encrypted and logged in, and takes that back."""
    said: list[str] = []

    def authenticate(_: Any, __: Any, ___: Any, mechanism: str, data: Any) -> AuthResult:
        said.append(data.login.decode())
        return AuthResult(success=True)

    port = await serve(tls_context=server_tls, authenticator=authenticate, auth_required=True)
    transport = Smtp("127.0.0.1", port, tls_context=client_tls, username="us", password="right")
    await transport.check(SENDER)
    assert (said, mailbox.mails, mailbox.senders) == (["us"], [], ["handover@mail.example.com"])


@pytest.mark.parametrize(
    ("answer", "error", "advice"),
    [
        ("553 5.1.8 Sender address rejected", RefusedError, "HANDOVER_EMAIL_FROM"),
        ("530 5.7.0 Authentication required", RefusedError, "HANDOVER_SMTP_USERNAME"),
        ("451 4.3.0 Try later", DeferredError, "asks to try later: 451"),
    ],
)
async def test_a_check_meets_what_a_mail_would(
    serve: Serve, mailbox: Mailbox, answer: str, error: type[Exception], advice: str
):
    """The same error, which names the setting."""
    mailbox.mail = answer
    transport = Smtp("127.0.0.1", await serve(), tls="none")
    with pytest.raises(error, match=advice):
        await transport.check(SENDER)
    with pytest.raises(RefusedError, match="HANDOVER_SMTP_TLS"):
        await Smtp("127.0.0.1", await serve(), tls="starttls").check(SENDER)
    with pytest.raises(DeferredError, match="check HANDOVER_SMTP_HOST"):
        await Smtp("127.0.0.1", free_port(), tls="none").check(SENDER)


async def test_certificates_are_read_once(
    serve: Serve,
    server_tls: ssl.SSLContext,
    client_tls: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
):
    """However many mails a worker sends: reading them takes 30 ms."""
    made: list[ssl.SSLContext] = []

    def make(*_: object) -> ssl.SSLContext:
        made.append(client_tls)
        return client_tls

    monkeypatch.setattr(ssl, "create_default_context", make)
    transport = Smtp("127.0.0.1", await serve(tls_context=server_tls, require_starttls=True))
    for _ in range(3):
        await transport.send(make_email())
    assert len(made) == 1
