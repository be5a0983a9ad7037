"""What an approver may choose of the channels: the fields of their page, and back."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.pages.views import page
from api.people import preferences
from api.people.preferences import WAYS
from store.approvers import Preferences, QuietHours, Use
from templates import LANGUAGES, Reader

WEBHOOK = [Use(channel="webhook", after_minutes=0), Use(channel="email", after_minutes=10)]
ODD = [Use(channel="email", after_minutes=0), Use(channel="slack", after_minutes=45)]

uses = st.sampled_from([*WAYS.values(), WEBHOOK, ODD])
clocks = st.times().map(lambda clock: clock.replace(second=0, microsecond=0))
settings = st.builds(
    Preferences,
    language=st.none() | st.sampled_from(LANGUAGES),
    time_zone=st.none() | st.sampled_from(["UTC", "Europe/Berlin"]),
    quiet_hours=st.none()
    | st.builds(QuietHours, clocks, clocks).filter(lambda quiet: quiet.start != quiet.end),
    digest_minutes=st.none() | st.integers(15, 1440),
    channels=st.none() | st.dictionaries(st.sampled_from(preferences.BY_URGENCY), uses, min_size=1),
)
forms = st.dictionaries(
    st.sampled_from([*preferences.fields_of(Preferences())]),
    st.sampled_from(["", "other", "webhook", *WAYS, "fr", "UTC", "60", "20:00", "07:00"]),
)


def sent(
    form: dict[str, str], before: Preferences, *, slack: bool = True
) -> Preferences | set[str]:
    """What is saved, or the fields at fault."""
    fields = preferences.typed(form, before, slack=slack)
    return set(preferences.wrong(fields, before)) or preferences.chosen(fields, before)


@given(settings, st.booleans())
def test_a_form_that_is_sent_as_it_was_changes_nothing(before: Preferences, slack: bool):
    """Whatever an administrator has set that nobody can choose."""
    assert sent(preferences.fields_of(before), before, slack=slack) == before
    assert sent({}, before, slack=slack) == before


@given(settings, forms, st.booleans())
def test_nobody_chooses_what_is_an_administrators_word(
    before: Preferences, form: dict[str, str], slack: bool
):
    """Their system is asked as it was; and without Slack there is nothing to choose."""
    after = sent(form, before, slack=slack)
    if isinstance(after, set):
        return
    was, now = before.channels or {}, after.channels or {}
    for urgency in preferences.BY_URGENCY:
        if was.get(urgency) == WEBHOOK or not slack:
            assert now.get(urgency) == was.get(urgency)
        else:
            assert now.get(urgency) in (None, *WAYS.values(), was.get(urgency))


@pytest.mark.parametrize("way", ["webhook", "other", "fax", "<b>"])
def test_a_way_that_is_not_offered(way: str):
    """It names its field."""
    assert sent({"channels.low": way}, Preferences()) == {"channels.low"}


def test_what_is_chosen():
    """Each way is what it says, and none takes it back."""
    both = sent({"channels.high": "both"}, Preferences())
    assert isinstance(both, Preferences)
    assert both.channels == {"high": WAYS["both"]}
    assert sent({"channels.high": ""}, both) == Preferences()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page(language: str):
    """It offers each way, shows what an administrator has set, and that this cannot be chosen."""
    before = Preferences(
        quiet_hours=QuietHours(time(20), time(7)),
        digest_minutes=45,
        channels={"critical": WEBHOOK, "high": WAYS["in_turn"], "low": ODD},
    )
    context = {
        **preferences.shown(before, preferences.fields_of(before), slack=True),
        "approver": "ann@example.com",
        "languages": LANGUAGES,
        "regions": {},
        "is_listed": True,
        "default_zone": "UTC",
        "wrong": set[str](),
        "saved": False,
        "now": datetime(2026, 3, 12, tzinfo=UTC),
        "inbox": "../token",
    }
    text = bytes(page("settings", context, Reader(language)).body).decode()
    assert 'name="channels.critical"' not in text
    assert "webhook, email (" in text
    for urgency, way in (("high", "in_turn"), ("medium", ""), ("low", "other")):
        [row] = [part for part in text.split("<select ") if f'name="channels.{urgency}"' in part]
        chosen = [option for option in row.split("<option ") if " selected" in option]
        assert [option.partition('"')[2].partition('"')[0] for option in chosen] == [way]
    assert '<option value="45" selected>' in text
