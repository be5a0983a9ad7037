"""A mailbox for aiosmtpd, whose server does as the test says."""

from __future__ import annotations

from aiosmtpd.smtp import SMTP, Envelope, Session


class Mailbox:
    """A mail server's judgement: `rcpt` and `data` are what it answers; `mails` what it took,
    `senders` those of mails that were begun."""

    def __init__(self) -> None:
        self.mails: list[Envelope] = []
        self.senders: list[str] = []
        self.mail, self.rcpt, self.data = "250 OK", "250 OK", "250 OK queued"

    async def handle_MAIL(  # noqa: N802 - the name that aiosmtpd calls
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        self.senders.append(address)
        return self.mail

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.rcpt.startswith("2"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.data.startswith("2"):
            self.mails.append(envelope)
        return self.data
