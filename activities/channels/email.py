"""The e-mail channel: a notice becomes an e-mail, which one of three transports takes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.utils import parseaddr
from typing import Any, Protocol

from activities.channels.errors import UndeliverableError
from activities.channels.notice import Notice
from templates import render_email
from workflows.messages import CODE, TO_THE_OPERATOR
from workflows.objections import MAX_CODES

DIGEST = "digest"
"""Several questions in one mail."""

URGENCIES = ("critical", "high", "medium", "low")

ALONE = ("code", *TO_THE_OPERATOR, DIGEST)
"""Messages outside a thread: a code is to be seen at once, operators have been told nothing, and
several questions have no thread in common."""


@dataclass(frozen=True, slots=True)
class Email:
    """One e-mail to one person.

    `root` is the Message-ID of the first mail of its thread: its own, or that of an earlier one.
    `decision_id` and `message` say what it is about without saying anything.
    """

    sender: Address
    to: Address
    subject: str
    text: str
    html: str
    message_id: str
    root: str
    decision_id: str
    message: str

    @property
    def headers(self) -> dict[str, str]:
        """Those beside sender, recipient, date and subject."""
        thread = {"In-Reply-To": self.root, "References": self.root}
        return {
            "Message-ID": self.message_id,
            **(thread if self.root != self.message_id else {}),
            "Auto-Submitted": "auto-generated",
            # Outlook and Exchange answer automatic mail with absence notes unless told not to.
            "X-Auto-Response-Suppress": "All",
        }


class EmailTransport(Protocol):
    @property
    def provider(self) -> str: ...

    async def send(self, email: Email) -> str:
        """Hand it over and return the provider's id for it. Raises `DeliveryError`."""
        ...


class EmailChannel:
    """`sender` is what mails come from: `Name <address>`. Raises `ValueError` when it is not."""

    def __init__(self, transport: EmailTransport, sender: str) -> None:
        self._transport = transport
        self._sender = parse_sender(sender)

    @property
    def provider(self) -> str:
        return self._transport.provider

    async def send(self, notice: Notice) -> str:
        return await self._transport.send(compose(notice, self._sender))

    async def send_together(self, notices: Sequence[Notice]) -> str:
        return await self.send(together(notices))


def compose(notice: Notice, sender: Address) -> Email:
    """The e-mail of this notice. Raises `UndeliverableError` for what is no address."""
    try:
        to = parse_address(notice.approver)
    except ValueError as error:
        raise UndeliverableError(f"{notice.approver!r} is not an e-mail address.") from error
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
    """All of these as one notice, the most pressing first."""
    ordered = sorted(notices, key=_pressing)
    return replace(notices[0], message=DIGEST, number=0, link="", together=ordered)


def _pressing(notice: Notice) -> tuple[int, datetime]:
    urgency = str(notice.decision.request.urgency)
    rank = URGENCIES.index(urgency) if urgency in URGENCIES else len(URGENCIES)
    return rank, notice.decision.expires_at


def template_context(notice: Notice) -> dict[str, Any]:
    """The names that the templates of messages know."""
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
    """The message that began the thread of this one."""
    if notice.message in ALONE:
        return notice.message
    return "escalation" if notice.asked_before else "decision-request"


def parse_address(text: str) -> Address:
    """One plain address; its domain in ASCII. Raises `ValueError`."""
    local, at, domain = text.rpartition("@")
    try:
        return Address(addr_spec=f"{local}{at}{domain.encode('idna').decode()}")
    except (ValueError, MessageError, IndexError) as error:
        # The standard library raises each of these for some bad address.
        raise ValueError(f"{text!r} is not an e-mail address") from error


def parse_sender(text: str) -> Address:
    """`Name <address>`, or the address alone. Raises `ValueError`."""
    name, address = parseaddr(text)
    plain = parse_address(address)
    return Address(display_name=name, username=plain.username, domain=plain.domain)


def _message_id(notice: Notice, message: str, domain: str) -> str:
    """The same for every attempt, so that a mail client folds a repeated mail into one."""
    number = notice.number if message == notice.message else 0
    told_apart = [str(number)] if number else []
    others = [f"{each.decision.id} {each.message} {each.number}" for each in notice.together]
    content = "\n".join((notice.decision.id, notice.approver, message, *told_apart, *others))
    return f"<{hashlib.sha256(content.encode()).hexdigest()[:24]}@{domain}>"
