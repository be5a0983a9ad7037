"""E-mail by SMTP."""

from __future__ import annotations

import re
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from email.headerregistry import Address as Mailbox
from typing import Literal

import aiosmtplib
from aiosmtplib import (
    SMTPDataError,
    SMTPRecipientRefused,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from activities.channels.email import Email
from activities.channels.errors import (
    DeferredError,
    DeliveryError,
    RefusedError,
    UndeliverableError,
)
from activities.channels.mime import to_bytes

TIMEOUT = 15.0
"""Seconds for each step of the conversation."""

NOT_AUTHENTICATED = (530, 534, 535, 538)

ENHANCED = re.compile(r"5\.\d{1,3}\.\d{1,3}\b")
"""The enhanced status code (RFC 3463) at the beginning of a refusal. docs/channels.md has those
below in a table, with their sources."""

ABOUT_US = re.compile(r"5\.(7\.\d+|1\.[78])")
"""Codes of policy, and of the sender's address, which servers such as Postfix refuse only when they
hear the recipient."""
ABOUT_THE_RECIPIENT = re.compile(r"5\.(1\.([1236]|10)|2\.\d+|7\.50[45])")
"""Codes of a mailbox that does not exist or takes no mail, even if the server reports it late."""
CLOSED = frozenset(
    {"5.7.2", "5.7.12", "5.7.13", "5.7.124", "5.7.133", "5.7.134", "5.7.135", "5.7.136"}
)
"""Codes of the recipient's own policy: a group or a mailbox that takes no mail from outside."""
RESTRICTED = re.compile(r"RESOLVER\.RST\.(AuthRequired|NotAuthorized|SenderNotAuthenticated)")
"""Exchange's words for such a policy, with codes that may also mean us."""
FLOODED = frozenset({"5.2.121", "5.2.122"})
"""Codes of a mailbox that gets more mail in an hour than it may; Exchange wants a retry."""


class Smtp:
    provider = "smtp"

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: Literal["starttls", "tls", "none"] = "starttls",
        username: str | None = None,
        password: str | None = None,
        tls_context: ssl.SSLContext | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        self._host, self._port, self._tls = host, port, tls
        self._username, self._password = username, password
        # One for all mails: the library would read the system's certificates for each of them.
        self._tls_context = tls_context or ssl.create_default_context()
        self._timeout = timeout

    async def send(self, email: Email) -> str:
        """Send the mail and return the Message-ID, by which a mail server's log can be searched."""
        sender, to = email.sender.addr_spec, email.to.addr_spec
        async with self._connected() as server:
            await server.sendmail(sender, [to], to_bytes(email))
        return email.message_id

    async def check(self, sender: Mailbox) -> None:
        async with self._connected() as server:
            await server.mail(sender.addr_spec)
            await server.rset()

    @asynccontextmanager
    async def _connected(self) -> AsyncGenerator[aiosmtplib.SMTP]:
        """Connect as the settings say, encrypted and logged in. Raises `DeliveryError`."""
        try:
            async with aiosmtplib.SMTP(
                hostname=self._host,
                port=self._port,
                username=self._username,
                password=self._password,
                use_tls=self._tls == "tls",
                start_tls=self._tls == "starttls",
                tls_context=self._tls_context,
                timeout=self._timeout,
            ) as server:
                yield server
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise delivery_error(error) from error


def delivery_error(error: Exception) -> DeliveryError:
    """Return the delivery error that an exception of aiosmtplib means."""
    match error:
        case SMTPRecipientsRefused(recipients=[refused, *_]):
            return delivery_error(refused)
        case SMTPResponseException(code=code) if 400 <= code < 500 or _code(error) in FLOODED:
            return DeferredError(f"The mail server asks to try later: {_answer(error)}")
        case SMTPRecipientRefused() | SMTPDataError() if _is_closed(error):
            return UndeliverableError(
                f"The address takes no mail from outside its organization: {_answer(error)}"
            )
        case SMTPRecipientRefused() | SMTPDataError() if _is_about_the_recipient(error):
            return UndeliverableError(f"The mail server refuses the address: {_answer(error)}")
        case SMTPResponseException(code=code) if code in NOT_AUTHENTICATED:
            return RefusedError(
                f"The mail server refuses our login: {_answer(error)}. Check"
                " HANDOVER_SMTP_USERNAME and HANDOVER_SMTP_PASSWORD."
            )
        case SMTPResponseException():
            return RefusedError(
                f"The mail server refuses our mail: {_answer(error)}. Check HANDOVER_EMAIL_FROM"
                " and that this server may send through it."
            )
        case _ if any(isinstance(e, ssl.SSLError) for e in (error, error.__cause__)):
            return RefusedError(
                f"No safe connection to the mail server: {error}. Check HANDOVER_SMTP_TLS and the"
                " server's certificate."
            )
        case OSError():
            return DeferredError(
                f"The mail server cannot be reached: {error}. Where that stays so, check"
                " HANDOVER_SMTP_HOST and HANDOVER_SMTP_PORT."
            )
        case _:
            # aiosmtplib says so of a server without STARTTLS or without a login.
            return RefusedError(
                f"The mail server cannot do what is asked of it: {error} Check HANDOVER_SMTP_TLS,"
                " HANDOVER_SMTP_USERNAME and HANDOVER_SMTP_PASSWORD."
            )


def _is_about_the_recipient(refused: SMTPRecipientRefused | SMTPDataError) -> bool:
    """Return whether the address is bad, rather than we who may not send (no login, no
    relaying)."""
    if isinstance(refused, SMTPDataError) or ABOUT_THE_RECIPIENT.fullmatch(_code(refused)):
        return ABOUT_THE_RECIPIENT.fullmatch(_code(refused)) is not None
    return refused.code not in NOT_AUTHENTICATED and not ABOUT_US.fullmatch(_code(refused))


def _is_closed(refused: SMTPRecipientRefused | SMTPDataError) -> bool:
    """Return whether it is the recipient's own rule, which no setting of ours changes."""
    return _code(refused) in CLOSED or RESTRICTED.search(refused.message) is not None


def _code(refused: SMTPResponseException) -> str:
    """Return the answer's enhanced code, or an empty text."""
    found = ENHANCED.match(refused.message)
    return found.group() if found else ""


def _answer(error: SMTPResponseException) -> str:
    return f"{error.code} {' '.join(error.message.split())}"[:300]
