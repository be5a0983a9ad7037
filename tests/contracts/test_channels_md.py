"""docs/channels.md: the Slack app's manifest has what the service uses, and no more."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from api.routes.slack import router
from tests.slack_server import METHODS

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "docs/channels.md").read_text()

SCOPES = {
    "users.lookupByEmail": {"users:read.email", "users:read"},
    "conversations.open": {"im:write"},
    "chat.postMessage": {"chat:write"},
    "chat.update": {"chat:write"},
    "chat.postEphemeral": {"chat:write"},
    "views.open": set[str](),
}
"""What Slack asks for each method, by its reference."""


def manifest() -> dict[str, Any]:
    [block] = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    return yaml.safe_load(block)


def test_the_manifest_has_the_scopes_of_what_is_called() -> None:
    """One more could do harm with a stolen token; without one of them Slack refuses."""
    sources = [*(ROOT / "activities").rglob("*.py"), *(ROOT / "api").rglob("*.py")]
    names = re.compile(r'(?:read|write)\(\s*"([a-z]+\.[a-zA-Z]+)"')
    called = {name for path in sources for name in names.findall(path.read_text())}
    assert called == set(SCOPES) == set(METHODS)
    wanted = set[str]().union(*(SCOPES[name] for name in called))
    assert set(manifest()["oauth_config"]["scopes"]["bot"]) == wanted


def test_the_manifest_leads_to_us() -> None:
    """Presses arrive at the route that there is, by HTTP."""
    settings = manifest()["settings"]
    paths = [getattr(route, "path", "") for route in router.routes]
    assert [settings["interactivity"]["request_url"].partition("example.com")[2]] == paths
    assert settings["interactivity"]["is_enabled"] is True
    assert settings["socket_mode_enabled"] is settings["token_rotation_enabled"] is False
    assert manifest()["features"]["app_home"]["messages_tab_enabled"] is True
