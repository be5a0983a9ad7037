"""The Slack app: whether Slack has sent something, and what is written to people there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from slack_sdk.signature import SignatureVerifier

from slack_app.web import SlackWeb
from templates import blocks
from templates.slack_modals import OPEN

MAX_SIGNED = 20
"""Characters of a time stamp; what is longer is none."""


@dataclass(frozen=True, slots=True)
class Page:
    """Where there is more, and what the button that leads there is called."""

    name: str
    url: str


class ForgedError(Exception):
    """Not signed by Slack, or longer ago than five minutes."""


class SlackApp:
    """`web` writes as the app."""

    def __init__(self, web: SlackWeb, signing_secret: str) -> None:
        self.web = web
        self._verifier = SignatureVerifier(signing_secret)

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Raises `ForgedError`."""
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
        """Tell this one person, where they are, what nobody else sees. Raises `SlackError`."""
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
        """Put these words in the place of a message. Raises `SlackError`."""
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
