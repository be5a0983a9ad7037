"""An e-mail as the bytes that travel."""

from __future__ import annotations

from datetime import UTC, datetime
from email.headerregistry import HeaderRegistry, MessageIDHeader
from email.message import EmailMessage
from email.policy import SMTP

from activities.channels.email import Email

_headers = HeaderRegistry()
# To the standard library these are free text, and it would encode a long id until no client
# recognizes it.
for _name in ("in-reply-to", "references"):
    _headers.map_to_type(_name, MessageIDHeader)  # pyright: ignore[reportArgumentType] - it is a mixin, and typeshed wants the class it is mixed into
POLICY = SMTP.clone(header_factory=_headers)


def to_bytes(email: Email) -> bytes:
    """RFC 5322, with CRLF and in ASCII alone."""
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
