"""Interactions: somebody's actions in Slack, as Slack reports them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from api.http.json_checks import read_json
from links import SlackLink


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
    """An interaction by `user`. If an app is installed for a whole organization, there may be no
    `team`."""

    user: User
    team: Team | None = None

    def is_by(self, link: SlackLink) -> bool:
        """Return whether this is the person for whom the link was made. A user's id is another's
        elsewhere, so the workspace has to match: theirs, or that in which they are."""
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
    """An interaction that asks for nothing: a closed form, for example."""

    type: str


Report = Pressed | Submitted | Other
REPORT: TypeAdapter[Report] = TypeAdapter(Annotated[Report, Field(union_mode="left_to_right")])


def read(body: bytes) -> Report:
    """Read Slack's report. Raises `ValueError`."""
    try:
        [payload] = parse_qs(body.decode(), strict_parsing=True)["payload"]
        return REPORT.validate_python(read_json(payload))
    except (KeyError, ValidationError, RecursionError) as error:
        raise ValueError("this is no interaction") from error


def moment_of(seconds: int) -> str:
    """Return the time that somebody chose by their clock, as an answer has it. Raises
    `ValueError`."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (OverflowError, OSError) as error:
        raise ValueError("this time is beyond all calendars") from error
