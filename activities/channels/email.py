"""The e-mail channel: a notice becomes an e-mail, which one of three transports takes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.headerregistry import Address as Mailbox
from typing import Any, Protocol

from activities.channels.notice import Notice
from handover.addresses import Address
from handover.models import BY_URGENCY
from templates import render_email
from workflows.messages import CODE, TO_THE_OPERATOR
from workflows.objections import MAX_CODES

DIGEST = "digest"
"""The message that has several questions in one mail."""

SENDER = re.compile(r"(?P<name>.*?)\s*<(?P<address>[^<>]*)>", re.DOTALL)
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
MAX_NAME = 200
"""Characters of a sender's name."""

ALONE = ("code", *TO_THE_OPERATOR, DIGEST)
"""Messages outside a thread: a code has to be seen at once, operators have no earlier mail, and
several questions have no thread in common."""


@dataclass(frozen=True, slots=True)
class Email:
    """One e-mail to one person.

    `root` is the Message-ID of the first mail of its thread: its own, or that of an earlier one.
    `decision_id` and `message` identify its subject and reveal nothing.
    """

    sender: Mailbox
    to: Mailbox
    subject: str
    text: str
    html: str
    message_id: str
    root: str
    decision_id: str
    message: str

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers besides sender, recipient, date and subject."""
        thread = {"In-Reply-To": self.root, "References": self.root}
        return {
            "Message-ID": self.message_id,
            **(thread if self.root != self.message_id else {}),
            "Auto-Submitted": "auto-generated",
            # No receipts, which tell nothing; but what says that nobody reads this now, a bounce
            # (NDR) or an absence note (OOF), is not asked away, as `All` would.
            "X-Auto-Response-Suppress": "DR, RN, NRN",
        }


class EmailTransport(Protocol):
    @property
    def provider(self) -> str: ...

    async def send(self, email: Email) -> str:
        """Hand the mail over and return the provider's id for it. Raises `DeliveryError`."""
        ...

    async def check(self, sender: Mailbox) -> None:
        """Raise the `DeliveryError` that a mail from this sender would meet, and send nothing."""
        ...


class EmailChannel:
    """Sends notices as e-mails. `sender` is `Name <address>`, or the address alone; anything else
    raises `ValueError`."""

    def __init__(self, transport: EmailTransport, sender: str) -> None:
        self._transport = transport
        self._sender = parse_sender(sender)

    @property
    def provider(self) -> str:
        return self._transport.provider

    async def send(self, notice: Notice) -> str:
        return await self._transport.send(compose(notice, self._sender))

    async def check(self) -> None:
        await self._transport.check(self._sender)

    async def send_together(self, notices: Sequence[Notice]) -> str:
        return await self.send(together(notices))


def compose(notice: Notice, sender: Mailbox) -> Email:
    """Return the e-mail of this notice. Raises `UndeliverableError` for a bad address."""
    to = mailbox(notice.address)
    rendered = render_email(notice.message, template_context(notice), notice.reader)
    return Email(
        sender=sender,
        to=to,
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        message_id=_message_id(notice, notice.message, sender.domain),
        root=_message_id(notice, _root(notice), sender.domain),
        decision_id=notice.decision.id,
        message=notice.message,
    )


def together(notices: Sequence[Notice]) -> Notice:
    """Join these notices into one, the most pressing first."""
    ordered = sorted(notices, key=_pressing)
    return replace(notices[0], message=DIGEST, number=0, link="", together=ordered)


def _pressing(notice: Notice) -> tuple[int, datetime]:
    urgency = str(notice.decision.request.urgency)
    rank = BY_URGENCY.index(urgency) if urgency in BY_URGENCY else len(BY_URGENCY)
    return rank, notice.decision.expires_at


def template_context(notice: Notice) -> dict[str, Any]:
    """Return the names that the templates of messages use."""
    outcome = notice.outcome
    response = outcome.response if outcome else None
    return {
        "decision_id": notice.decision.id,
        "agent": notice.decision.agent,
        "request": notice.decision.request,
        "expires_at": notice.decision.expires_at,
        "approver": notice.approver,
        "attachments": notice.decision.attachments,
        "asked_before": notice.asked_before,
        "link": notice.link,
        "inbox": notice.inbox,
        "escalated_because": notice.escalated_because,
        "asked_now": notice.asked_now,
        "unreached": notice.unreached,
        "without_codes": notice.without_codes,
        "code": notice.code,
        "is_last_code": notice.message == CODE and notice.number == MAX_CODES,
        "step_up": notice.decision.step_up,
        "now": notice.now,
        "questions": [
            {
                "agent": each.decision.agent,
                "request": each.decision.request,
                "expires_at": each.decision.expires_at,
                "link": each.link,
            }
            for each in notice.together
        ],
        "outcome": outcome
        and {
            "status": outcome.status,
            "origin": outcome.origin,
            "by": outcome.by,
            "at": outcome.at,
            "notes": outcome.notes,
            "choice": response.choice if response else None,
            "data": response.data if response else None,
        },
    }


def _root(notice: Notice) -> str:
    """Return the message that began this one's thread."""
    if notice.message in ALONE:
        return notice.message
    return "escalation" if notice.asked_before else "decision-request"


def mailbox(address: Address, name: str = "") -> Mailbox:
    """Return the mailbox of this address for the envelope and the headers."""
    return Mailbox(name, address.local, address.domain)


def parse_sender(text: str) -> Mailbox:
    """Parse `Name <address>`, or the address alone. The name is everything before the brackets, in
    quotation marks or not. Raises `ValueError`."""
    parts = SENDER.fullmatch(text.strip())
    name, address = parts.group("name", "address") if parts else ("", text.strip())
    if quoted := QUOTED.fullmatch(name):
        name = re.sub(r"\\(.)", r"\1", quoted[1])
    if len(name) > MAX_NAME or not name.isprintable():
        raise ValueError(f"the name has up to {MAX_NAME} characters, all of which can be seen")
    return mailbox(Address.parse(address.strip()), name)


def _message_id(notice: Notice, message: str, domain: str) -> str:
    """Return the same Message-ID for every attempt, so that a mail client shows a repeated mail
    once."""
    number = notice.number if message == notice.message else 0
    told_apart = [str(number)] if number else []
    others = [f"{each.decision.id} {each.message} {each.number}" for each in notice.together]
    content = "\n".join((notice.decision.id, notice.approver, message, *told_apart, *others))
    return f"<{hashlib.sha256(content.encode()).hexdigest()[:24]}@{domain}>"
