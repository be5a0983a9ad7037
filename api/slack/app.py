"""The Slack app, as the API has it: what comes from Slack, and what is written back at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs

from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from slack_sdk.signature import SignatureVerifier

from api.http.json_checks import read_json
from links import SlackLink
from slack_web import SlackWeb
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


class Team(BaseModel):
    """A workspace."""

    id: str


class User(BaseModel):
    id: str
    team_id: str | None = None


class Action(BaseModel):
    action_id: str
    value: str = ""


class Container(BaseModel):
    """The message that a button stands in."""

    channel_id: str = ""
    message_ts: str = ""


class ViewState(BaseModel):
    values: dict[str, dict[str, dict[str, Any]]] = {}


class View(BaseModel):
    private_metadata: str = ""
    state: ViewState = ViewState()


class Interaction(BaseModel):
    """`user` did something. Where an app is installed for a whole organization, there may be no
    `team`."""

    user: User
    team: Team | None = None

    def is_by(self, link: SlackLink) -> bool:
        """Whether they are the one whom the link was made for. A user's id is another's elsewhere:
        it takes the workspace, which is theirs or that in which they are."""
        teams = (self.user.team_id, self.team and self.team.id)
        return self.user.id == link.user_id and link.team_id in teams


class Pressed(Interaction):
    """A button was pressed."""

    type: Literal["block_actions"]
    actions: Annotated[list[Action], Field(min_length=1)]
    container: Container = Container()
    trigger_id: str = ""


class Submitted(Interaction):
    """A form was sent."""

    type: Literal["view_submission"]
    view: View


class Other(BaseModel):
    """What asks for nothing: a form was closed, say."""

    type: str


Told = Pressed | Submitted | Other
TOLD: TypeAdapter[Told] = TypeAdapter(Annotated[Told, Field(union_mode="left_to_right")])


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

    async def change(self, message: Container, text: str, page: Page | None) -> None:
        """Put these words in the place of a message. Raises `SlackError`."""
        await self.web.write(
            "chat.update",
            channel=message.channel_id,
            ts=message.message_ts,
            text=blocks.escaped(text),
            blocks=_said(text, page),
            parse="none",
            link_names=False,
        )


def _said(text: str, page: Page | None) -> list[blocks.Block]:
    opens = [blocks.actions([blocks.link(OPEN, page.name, page.url)])] if page else []
    return [blocks.paragraph(text), *opens]


def read(body: bytes) -> Told:
    """What Slack tells. Raises `ValueError`."""
    try:
        [payload] = parse_qs(body.decode(), strict_parsing=True)["payload"]
        return TOLD.validate_python(read_json(payload))
    except (KeyError, ValidationError, RecursionError) as error:
        raise ValueError("this is no interaction") from error


def moment_of(seconds: int) -> str:
    """What somebody chose by their clock, as an answer has it. Raises `ValueError`."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (OverflowError, OSError) as error:
        raise ValueError("this time is beyond all calendars") from error
