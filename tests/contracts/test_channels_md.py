"""docs/channels.md: who follows it from top to bottom succeeds. It names nothing that there isn't,
and the Slack app's manifest is one that Slack takes, with what the service uses and no more."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml
from aiosmtplib import SMTPRecipientRefused
from pydantic import BaseModel, ConfigDict, Field

from activities.channels.errors import DeferredError, RefusedError, UndeliverableError
from activities.channels.smtp import CLOSED, FLOODED, delivery_error
from api.operators import approvers
from api.providers import route as events
from api.providers.sendgrid import KEPT
from api.slack import route as slack
from handover.models import DecisionRequest
from settings.model import Settings
from slack_app.web import BUSY, RECIPIENT
from tests.contracts.headings import anchors
from tests.slack_server import METHODS

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "docs/channels.md").read_text()

SCOPES = {
    "auth.test": set[str](),
    "users.lookupByEmail": {"users:read.email", "users:read"},
    "conversations.open": {"im:write"},
    "chat.postMessage": {"chat:write"},
    "chat.update": {"chat:write"},
    "chat.postEphemeral": {"chat:write"},
    "views.open": set[str](),
}
"""What Slack asks for each method, by its reference."""


class Part(BaseModel):
    """Of a manifest, in which Slack takes no field that it does not know."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Display(Part):
    name: Annotated[str, Field(min_length=1, max_length=35)]
    description: Annotated[str, Field(min_length=1, max_length=140)]


class Home(Part):
    home_tab_enabled: bool
    messages_tab_enabled: bool
    messages_tab_read_only_enabled: bool


class Bot(Part):
    display_name: Annotated[str, Field(pattern=r"^[\w .-]{1,80}$")]
    always_online: bool


class Features(Part):
    app_home: Home
    bot_user: Bot


class Scopes(Part):
    bot: Annotated[list[Annotated[str, Field(max_length=50)]], Field(max_length=255)]


class OAuth(Part):
    scopes: Scopes


class Interactivity(Part):
    is_enabled: bool
    request_url: Annotated[str, Field(pattern=r"^https://", max_length=3_500)]


class AppSettings(Part):
    interactivity: Interactivity
    org_deploy_enabled: bool
    socket_mode_enabled: bool
    token_rotation_enabled: bool


class Manifest(Part):
    """What of Slack's schema we use (github.com/slackapi/manifest-schema)."""

    display_information: Display
    features: Features
    oauth_config: OAuth
    settings: AppSettings


def manifest() -> Manifest:
    """As it is pasted: without the space before it."""
    [block] = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    return Manifest.model_validate(yaml.safe_load(block))


def test_the_manifest_has_the_scopes_of_what_is_called() -> None:
    """One more could do harm with a stolen token; without one of them Slack refuses."""
    rooms = ("activities", "api", "slack_app")
    sources = [path for room in rooms for path in (ROOT / room).rglob("*.py")]
    names = re.compile(r'(?:read|write)\(\s*"([a-z]+\.[a-zA-Z]+)"')
    called = {name for path in sources for name in names.findall(path.read_text())}
    assert called == set(SCOPES) == set(METHODS)
    wanted = set[str]().union(*(SCOPES[name] for name in called))
    scopes = manifest().oauth_config.scopes.bot
    assert (set(scopes), len(scopes)) == (wanted, len(wanted))


def test_the_manifest_leads_to_us() -> None:
    """Presses arrive at the route that there is, by HTTP; and messages can be written."""
    settings = manifest().settings
    paths = paths_of(slack)
    assert [settings.interactivity.request_url.partition("example.com")[2]] == paths
    assert settings.interactivity.is_enabled
    assert not settings.socket_mode_enabled
    assert manifest().features.app_home.messages_tab_enabled


def test_the_manifest_makes_a_token_that_we_take() -> None:
    """One that does not change by itself, for one workspace."""
    settings = manifest().settings
    assert not settings.token_rotation_enabled
    assert not settings.org_deploy_enabled


def test_settings() -> None:
    """Each is one of ours; of those that set a channel up none is left out."""
    named = set(re.findall(r"\bHANDOVER_[A-Z_]+\b", TEXT))
    ours = {f"HANDOVER_{name.upper()}" for name in Settings.model_fields}
    of_channels = re.compile(r"HANDOVER_(EMAIL|SENDGRID|SMTP|SLACK)_(?!PER_SECOND)")
    assert named <= ours
    assert {name for name in ours if of_channels.match(name)} - named == set()


def test_settings_reach_who_needs_them() -> None:
    """What is written into `.env` is handed on, to the worker or the API."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    given = {name for each in ("api", "worker") for name in services[each]["environment"]}
    assert set(re.findall(r"\bHANDOVER_[A-Z_]+\b", TEXT)) <= given


def test_the_lines_of_mailpit_are_as_many_as_are_to_be_deleted() -> None:
    """What is left of them would send every mail there."""
    example = (ROOT / ".env.example").read_text()
    lines = example.partition("COMPOSE_PROFILES=mailpit")[2].partition("\n\n")[0].splitlines()
    assert len(lines) == 5
    assert "delete the five lines about Mailpit" in TEXT


@pytest.mark.parametrize(
    ("path", "routes"),
    [
        ("/slack/interactions", slack),
        ("/events/sendgrid", events),
        ("/approvers/{address}", approvers),
        ("/approvers/{address}/webhook-secret", approvers),
    ],
)
def test_paths(path: str, routes: Any) -> None:
    """Where Slack, SendGrid and administrators are told to send things is somebody there."""
    assert path in paths_of(routes)
    assert path.partition("/{")[0] in TEXT


def paths_of(routes: Any) -> list[str]:
    return [route.path for route in routes.router.routes]


def test_what_providers_say_is_what_we_know() -> None:
    """The tables name no error or event that is handled otherwise."""
    slack = TEXT[TEXT.index("| Slack says |") :]
    gone, later, *_ = slack.splitlines()[2:]
    assert set(re.findall(r"`([a-z]+_[a-z_]+)`", gone)) <= RECIPIENT
    assert set(re.findall(r"`([a-z]+_?[a-z_]+)`", later)) <= BUSY
    sendgrid = TEXT[TEXT.index("| SendGrid reports |") :].split("\n\n")[0]
    told = [row.split("|")[1] for row in sendgrid.splitlines()[2:]]
    assert {name for row in told for name in re.findall(r"`([a-z]+)`", row)} == set(KEPT)


def test_reply_codes_mean_what_the_table_says() -> None:
    """Each code of each row, as a mail server says it to the recipient."""
    table = TEXT[TEXT.index("| code | what it says |") :].split("\n\n")[0]
    meant = {
        "the address is bad": UndeliverableError,
        "the address takes no mail from outside": UndeliverableError,
        "tried again": DeferredError,
        "it refuses us": RefusedError,
    }
    named: set[str] = set()
    for row in table.splitlines()[2:]:
        _, codes, _, what, _ = (cell.strip() for cell in row.split("|"))
        for code in re.findall(r"`(5\.[\d.x]+)`", codes):
            named.add(code)
            refused = SMTPRecipientRefused(550, f"{code.replace('x', '0')} No", "ann@example.com")
            assert isinstance(delivery_error(refused), meant[what]), code
        for said in re.findall(r"`(RESOLVER[.\w]+)`", codes):
            refused = SMTPRecipientRefused(550, f"5.7.1 {said}; no", "ann@example.com")
            assert isinstance(delivery_error(refused), meant[what]), said
    assert named >= CLOSED | FLOODED


def test_the_staggered_list_is_one() -> None:
    """It is what agents may send."""

    [block] = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    request: dict[str, Any] = {"action": "x", "approver": "a@example.com"}
    channels = DecisionRequest(**request, channel=json.loads(block)).channels
    assert [(each.channel, each.after_minutes) for each in channels] == [("slack", 0), ("email", 5)]


def test_links() -> None:
    """Every page that is linked to is there, and the heading on it."""
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        file, _, anchor = target.partition("#")
        page = (ROOT / "docs" / file).read_text() if file else TEXT
        assert not anchor or anchor in anchors(page), target


@pytest.mark.parametrize(
    "page", ["README.md", *(f"docs/{name}.md" for name in ("deploying", "running", "operating"))]
)
def test_who_sets_things_up_finds_it(page: str) -> None:
    """From where they begin."""
    assert "channels.md" in (ROOT / page).read_text()
