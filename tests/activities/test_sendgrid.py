from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from email.utils import format_datetime

import pytest

from activities.channels.email import parse_sender
from activities.channels.errors import DeferredError, RefusedError, UndeliverableError
from activities.channels.sendgrid import SendGrid
from tests.activities.samples import ANN, make_email
from tests.activities.sendgrid_server import API_KEY, Answer, SendGridServer, refusal
from tests.support import free_port

SENDER = parse_sender("Handover <handover@mail.example.com>")
READING = ["sender_verification_eligible", "whitelabel.read"]


@pytest.fixture
def server() -> Iterator[SendGridServer]:
    server = SendGridServer()
    yield server
    server.stop()


@pytest.fixture
def transport(server: SendGridServer) -> SendGrid:
    return SendGrid(API_KEY, server.url)


async def test_a_mail_is_sent_as_sendgrid_wants_it(server: SendGridServer, transport: SendGrid):
    """A server as strict as the documentation takes it, and its id is what is returned."""
    mail = make_email("settled", action="Überweisung 送金")
    assert await transport.send(mail) == "sg-1"
    [sent] = server.mails
    assert sent["personalizations"] == [{"to": [{"email": ANN}]}]
    assert sent["from"] == {"email": "handover@mail.example.com", "name": "Handover"}
    assert sent["subject"] == mail.subject
    assert [part["value"] for part in sent["content"]] == [mail.text, mail.html]
    assert sent["headers"] == mail.headers
    assert {"Message-ID", "In-Reply-To", "References", "Auto-Submitted"} <= set(sent["headers"])


async def test_nothing_is_tracked_and_nothing_told(server: SendGridServer, transport: SendGrid):
    """Links stay as signed, and what SendGrid keeps besides the mail are ids."""
    await transport.send(make_email())
    [sent] = server.mails
    assert sent["custom_args"] == {"decision_id": "dec_1", "message": "decision-request"}
    assert sent["tracking_settings"] == {
        "click_tracking": {"enable": False, "enable_text": False},
        "open_tracking": {"enable": False},
        "subscription_tracking": {"enable": False},
        "ganalytics": {"enable": False},
    }


async def test_a_bad_address_is_permanent(transport: SendGrid):
    """SendGrid names the recipient's field, and no retry would help."""
    mail = replace(make_email(), to=Address(username="ann", domain="localhost"))
    with pytest.raises(UndeliverableError, match="Does not contain a valid address"):
        await transport.send(mail)


async def test_a_wrong_key_is_the_operators(server: SendGridServer):
    """And the message says which setting to look at."""
    with pytest.raises(RefusedError, match="HANDOVER_SENDGRID_API_KEY"):
        await SendGrid("SG.wrong", server.url).send(make_email())


@pytest.mark.parametrize(
    "answer",
    [
        refusal(403, "The from address does not match a verified Sender Identity.", "from"),
        refusal(400, "The from email does not contain a valid address.", "from.email"),
        refusal(413, "The JSON payload you have included in your request is too large."),
        Answer(400),
        Answer(404),
    ],
)
async def test_a_refusal_that_is_not_about_the_recipient_skips_nobody(
    server: SendGridServer, transport: SendGrid, answer: Answer
):
    """The next approver's mail would be refused just the same: an operator has to look."""
    server.answers.append(answer)
    with pytest.raises(RefusedError, match=str(answer.status)):
        await transport.send(make_email())


def in_seconds(seconds: int) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


@pytest.mark.parametrize("status", [429, 500, 502, 503])
@pytest.mark.parametrize(
    ("header", "value", "seconds"),
    [
        ("Retry-After", lambda: "40", 40),
        ("Retry-After", lambda: format_datetime(in_seconds(90)), 90),
        ("X-RateLimit-Reset", lambda: str(int(in_seconds(60).timestamp())), 60),
        ("X-RateLimit-Reset", lambda: str(int(in_seconds(-60).timestamp())), 1),
        ("Retry-After", lambda: "86400", 300),
    ],
    ids=["seconds", "date", "reset", "reset in the past", "a day"],
)
async def test_a_busy_sendgrid_says_when_to_come_back(
    server: SendGridServer,
    transport: SendGrid,
    status: int,
    header: str,
    value: Callable[[], str],
    seconds: int,
):
    """Within bounds: not at once, and not after most decisions are over."""
    server.answers.append(refusal(status, "too many requests", headers={header: value()}))
    with pytest.raises(DeferredError) as caught:
        await transport.send(make_email())
    assert caught.value.retry_after
    assert seconds - 30 <= caught.value.retry_after.total_seconds() <= seconds


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "soon"}, {"X-RateLimit-Reset": "9" * 30}])
async def test_without_a_usable_time_the_retry_policy_decides(
    server: SendGridServer, transport: SendGrid, headers: dict[str, str]
):
    """An absent or absurd header is no reason to fail otherwise."""
    server.answers.append(refusal(503, "busy", headers=headers))
    with pytest.raises(DeferredError) as caught:
        await transport.send(make_email())
    assert caught.value.retry_after is None


async def test_a_sendgrid_that_is_away_or_silent_is_tried_again(server: SendGridServer):
    """A refused connection and one that never answers end in the same way, the latter in time."""
    away = SendGrid(API_KEY, f"http://127.0.0.1:{free_port()}")
    with pytest.raises(DeferredError, match="cannot be reached"):
        await away.send(make_email())
    server.hang = True
    with pytest.raises(DeferredError, match="timed out"):
        await SendGrid(API_KEY, server.url, timeout=1).send(make_email())


async def test_the_library_logs_no_secret(transport: SendGrid, caplog: pytest.LogCaptureFixture):
    """Its debug lines hold the API key and the links, so they are never written."""
    with caplog.at_level(logging.DEBUG):
        await transport.send(make_email())
    assert API_KEY not in caplog.text
    assert "/d/" not in caplog.text


async def test_a_check_sees_whether_the_key_may_send(server: SendGridServer, transport: SendGrid):
    """By its scopes; an unknown key, and a SendGrid that is away, are told as of a mail."""
    await transport.check(SENDER)
    server.scopes = ["stats.read"]
    with pytest.raises(RefusedError, match="HANDOVER_SENDGRID_API_KEY may not send mail"):
        await transport.check(SENDER)
    with pytest.raises(RefusedError, match=r"\(401\).*Check HANDOVER_SENDGRID_API_KEY"):
        await SendGrid("SG.another", server.url).check(SENDER)
    with pytest.raises(DeferredError, match="check HANDOVER_SENDGRID_HOST"):
        await SendGrid(API_KEY, f"http://127.0.0.1:{free_port()}").check(SENDER)
    assert server.mails == []


@pytest.mark.parametrize(
    ("senders", "domains", "is_verified"),
    [
        ([], [], False),
        ([{"from_email": "Handover@Mail.example.com", "verified": True}], [], True),
        ([{"from_email": "handover@mail.example.com", "verified": False}], [], False),
        ([{"from_email": "someone@mail.example.com", "verified": True}], [], False),
        ([], [{"domain": "mail.example.com", "valid": True}], True),
        ([], [{"domain": "example.com", "valid": True}], True),
        ([], [{"domain": "example.com", "valid": False}], False),
        ([], [{"domain": "le.com", "valid": True}], False),
        ([], [{"domain": f"{n}.example.org", "valid": True} for n in range(50)], True),
    ],
)
async def test_a_check_sees_whether_the_sender_is_verified(
    server: SendGridServer,
    transport: SendGrid,
    senders: list[dict[str, object]],
    domains: list[dict[str, object]],
    is_verified: bool,
):
    """Itself, or its domain; where the key may not read that, or there is more, nothing is said."""
    server.senders, server.domains = {"results": senders}, domains
    await transport.check(SENDER)
    server.scopes += READING
    if is_verified:
        await transport.check(SENDER)
    else:
        with pytest.raises(RefusedError, match=r"is not verified .* HANDOVER_EMAIL_FROM"):
            await transport.check(SENDER)
