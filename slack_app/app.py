"""The Slack app: it verifies Slack's requests, and writes to people there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from slack_sdk.signature import SignatureVerifier

from slack_app.web import SlackWeb
from templates import blocks
from templates.slack_modals import OPEN

MAX_SIGNED = 20
"""Characters of a time stamp; a longer text is none."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page with more, and the label of the button that opens it."""

    name: str
    url: str


class ForgedError(Exception):
    """The request was not signed by Slack, or longer ago than five minutes."""


class SlackApp:
    """The app, which writes by `web`."""

    def __init__(self, web: SlackWeb, signing_secret: str) -> None:
        self.web = web
        self._verifier = SignatureVerifier(signing_secret)

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Verify a request. Raises `ForgedError`."""
        timestamp = headers.get("x-slack-request-timestamp", "")
        signature = headers.get("x-slack-signature", "")
        is_time = timestamp.isascii() and timestamp.isdigit() and len(timestamp) < MAX_SIGNED
        if not (is_time and signature.isascii()):
            raise ForgedError("it is not signed")
        try:
            if not self._verifier.is_valid(body, timestamp, signature):
                raise ForgedError("its signature does not hold, or not any more")
        except UnicodeDecodeError as error:
            raise ForgedError("it is no text") from error

    async def whisper(self, conversation: str, user_id: str, text: str, page: Page | None) -> None:
        """Send this one person a message that nobody else sees, where they are. Raises
        `SlackError`."""
        await self.web.write(
            "chat.postEphemeral",
            channel=conversation,
            user=user_id,
            text=blocks.escaped(text),
            blocks=_said(text, page),
            parse="none",
            link_names=False,
        )

    async def change(self, conversation: str, message: str, text: str, page: Page | None) -> None:
        """Replace a message with these words. Raises `SlackError`."""
        await self.web.write(
            "chat.update",
            channel=conversation,
            ts=message,
            text=blocks.escaped(text),
            blocks=_said(text, page),
            parse="none",
            link_names=False,
        )


def _said(text: str, page: Page | None) -> list[blocks.Block]:
    opens = [blocks.actions([blocks.link(OPEN, page.name, page.url)])] if page else []
    return [blocks.paragraph(text), *opens]
