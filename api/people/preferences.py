"""An approver's settings as the fields of their page, and back.

One setting only an administrator makes: their own system. The page shows it and never changes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import time
from typing import Any

from handover.models import BY_URGENCY, Channel
from store.approvers import Preferences, QuietHours, Use
from templates import LANGUAGES
from templates.reader import is_time_zone

DIGESTS = (15, 30, 60, 240, 1440)
"""Minutes of a digest that the page offers."""
SHORTEST_DIGEST, LONGEST_DIGEST = 15, 1440

CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
SLACK = Use(channel=Channel.SLACK, after_minutes=0)
EMAIL = Use(channel=Channel.EMAIL, after_minutes=0)
WAYS: Mapping[str, list[Use]] = {
    "email": [EMAIL],
    "slack": [SLACK],
    "both": [SLACK, EMAIL],
    "in_turn": [SLACK, Use(channel=Channel.EMAIL, after_minutes=5)],
}
"""Ways that somebody may choose, by their value in the form."""

OTHER = "other"
"""The value for an administrator's setting that is none of these."""


def fields_of(preferences: Preferences) -> dict[str, str]:
    """Return the form with these settings."""
    quiet, minutes = preferences.quiet_hours, preferences.digest_minutes
    told = quiet.told() if quiet else {"from": "", "to": ""}
    return {
        "language": preferences.language or "",
        "time_zone": preferences.time_zone or "",
        "quiet_from": told["from"],
        "quiet_to": told["to"],
        "digest_minutes": str(minutes) if minutes else "",
        **{_field(urgency): _way(preferences, urgency) for urgency in BY_URGENCY},
    }


def typed(form: Mapping[str, str], preferences: Preferences, *, slack: bool) -> dict[str, str]:
    """Return the form as it was sent: fields that are missing, or cannot be changed here, stay as
    they were."""
    fields = fields_of(preferences)
    fixed = {
        _field(urgency) for urgency in BY_URGENCY if not slack or asks_them(preferences, urgency)
    }
    return {
        name: form[name].strip() if name in form and name not in fixed else value
        for name, value in fields.items()
    }


def wrong(fields: Mapping[str, str], preferences: Preferences) -> Iterator[str]:
    """Return the fields at fault."""
    if fields["language"] and fields["language"] not in LANGUAGES:
        yield "language"
    if fields["time_zone"] and not is_time_zone(fields["time_zone"]):
        yield "time_zone"
    start, end = fields["quiet_from"], fields["quiet_to"]
    is_quiet = CLOCK.fullmatch(start) and CLOCK.fullmatch(end) and start != end
    if (start or end) and not is_quiet:
        yield "quiet_hours"
    if fields["digest_minutes"] and not _is_digest(fields["digest_minutes"]):
        yield "digest_minutes"
    before = fields_of(preferences)
    for name in map(_field, BY_URGENCY):
        if fields[name] not in ("", *WAYS, before[name]):
            yield name


def chosen(fields: Mapping[str, str], preferences: Preferences) -> Preferences:
    """Return these settings with the values of the fields, none of which is at fault."""
    start, end = fields["quiet_from"], fields["quiet_to"]
    channels = dict(preferences.channels or {})
    for urgency in BY_URGENCY:
        way = fields[_field(urgency)]
        if way in WAYS:
            channels[urgency] = WAYS[way]
        elif not way:
            channels.pop(urgency, None)
    return Preferences(
        language=fields["language"] or None,
        time_zone=fields["time_zone"] or None,
        quiet_hours=QuietHours(time.fromisoformat(start), time.fromisoformat(end))
        if start
        else None,
        digest_minutes=int(fields["digest_minutes"]) if fields["digest_minutes"] else None,
        channels=channels or None,
    )


def asks_them(preferences: Preferences, urgency: str) -> bool:
    """Return whether their own system is asked for this urgency, as an administrator has set it."""
    uses = (preferences.channels or {}).get(urgency, [])
    return any(use["channel"] == Channel.WEBHOOK for use in uses)


def shown(preferences: Preferences, fields: Mapping[str, str], *, slack: bool) -> dict[str, Any]:
    """Return the values for the page. `channels` are the rows for urgencies; there is none if there
    is nothing to choose from."""
    digests = sorted({*DIGESTS, *filter(None, [preferences.digest_minutes])})
    rows = [
        {
            "urgency": urgency,
            "name": _field(urgency),
            "way": fields[_field(urgency)],
            "fixed": asks_them(preferences, urgency),
            "uses": (preferences.channels or {}).get(urgency, []),
        }
        for urgency in BY_URGENCY
    ]
    return {"fields": fields, "digests": digests, "channels": rows if slack else []}


def _field(urgency: str) -> str:
    return f"channels.{urgency}"


def _way(preferences: Preferences, urgency: str) -> str:
    uses = (preferences.channels or {}).get(urgency)
    if uses is None:
        return ""
    return next((way for way, these in WAYS.items() if these == uses), OTHER)


def _is_digest(text: str) -> bool:
    is_number = text.isascii() and text.isdigit() and len(text) <= 4
    return is_number and SHORTEST_DIGEST <= int(text) <= LONGEST_DIGEST
