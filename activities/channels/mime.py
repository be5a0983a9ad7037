"""An e-mail as the bytes that are sent."""

from __future__ import annotations

from collections.abc import MutableMapping
from datetime import UTC, datetime
from email.header import Header
from email.headerregistry import Address as Mailbox
from email.headerregistry import HeaderRegistry, MessageIDHeader
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from typing import Any, cast

from activities.channels.email import Email

WIDTH = 78
"""Characters of a line that no program finds too long (RFC 5322)."""
SHORT = WIDTH // 2
"""Characters of an unencoded name, which stays below `WIDTH` even if all of them are escaped."""


class _Subject:
    """A subject that is taken literally.

    The standard library's class decodes parts that look encoded, line breaks as well, and then
    writes them as they are: whoever chooses the subject could add headers of their own. It also
    loses spaces between words that it encodes.
    """

    max_count = 1

    @classmethod
    def parse(cls, value: str, kwds: MutableMapping[str, Any]) -> None:
        kwds["parse_tree"], kwds["decoded"] = None, value

    def fold(self, *, policy: EmailPolicy) -> str:
        text = str(self)
        charset = "us-ascii" if text.isascii() and "=?" not in text else "utf-8"
        encoded = Header(text, charset, header_name="Subject").encode(linesep=policy.linesep)
        return f"Subject: {encoded}{policy.linesep}"


class _Sender:
    """The sender of a mail, with any name.

    The standard library's class forgets the quotation marks of a name that it folds, and makes two
    addresses of it at a comma; it also loses spaces of a long name that it encodes.
    """

    max_count = 1

    @classmethod
    def parse(cls, value: Mailbox, kwds: MutableMapping[str, Any]) -> None:
        kwds["parse_tree"], kwds["decoded"] = value, str(value)

    def fold(self, *, policy: EmailPolicy) -> str:
        sender = cast(Mailbox, vars(self)["_parse_tree"])
        address = f"<{sender.addr_spec}>"
        if not sender.display_name:
            return f"From: {address}{policy.linesep}"
        named = f"From: {_phrase(sender.display_name, policy.linesep)}"
        fits = len(named) + len(address) < WIDTH
        return f"{named}{'' if fits else policy.linesep} {address}{policy.linesep}"


def _phrase(name: str, linesep: str) -> str:
    """Return a name for the place before an address (RFC 5322), with no special meaning left in
    it."""
    if name.isascii() and "=?" not in name and len(name) < SHORT:
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return Header(name, "utf-8", header_name="From").encode(linesep=linesep)


_headers = HeaderRegistry()
_headers.map_to_type("subject", _Subject)  # pyright: ignore[reportArgumentType] - as below
_headers.map_to_type("from", _Sender)  # pyright: ignore[reportArgumentType] - as below
# To the standard library these are free text, and it would encode a long id until no client
# recognizes it.
for _name in ("in-reply-to", "references"):
    _headers.map_to_type(_name, MessageIDHeader)  # pyright: ignore[reportArgumentType] - it is a mixin, and typeshed wants the class it is mixed into
POLICY = SMTP.clone(header_factory=_headers)


def to_bytes(email: Email) -> bytes:
    """Encode the mail after RFC 5322, with CRLF and in ASCII alone."""
    message = EmailMessage(policy=POLICY)
    message["From"] = email.sender
    message["To"] = email.to
    message["Subject"] = email.subject
    message["Date"] = datetime.now(UTC)
    for name, value in email.headers.items():
        message[name] = value
    message.set_content(email.text, cte="quoted-printable")
    message.add_alternative(email.html, subtype="html", cte="quoted-printable")
    return message.as_bytes()
