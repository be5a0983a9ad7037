"""Reminders over HTTP: what suits a request that says nothing, what one may ask for, the mail."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.decisions.reminders import reminders_of
from handover.models import DecisionRequest
from tests.api.agent import Agent, question, someone
from tests.approver import mails
from tests.support import eventually
from workflows.messages import Reminders


def asking(**fields: Any) -> DecisionRequest:
    return DecisionRequest.model_validate({"action": "act", "approver": "a@example.com"} | fields)


@pytest.mark.parametrize(
    ("fields", "reminders"),
    [
        ({}, (30, 1440, 2)),
        ({"timeout_minutes": 2880}, (60, 1440, 2)),
        ({"urgency": "critical"}, (5, 10, 3)),
        ({"urgency": "high", "timeout_minutes": 10}, (5, 60, 3)),
        ({"urgency": "low", "timeout_minutes": 10_000}, (1440, 1440, 1)),
        ({"remind_after_minutes": 50}, (50, 1440, 2)),
        ({"remind_every_minutes": 7, "max_reminders": 4}, (30, 7, 4)),
        ({"timeout_minutes": 1, "remind_after_minutes": 0.5}, (0.5, 1440, 2)),
        ({"timeout_minutes": 1}, None),
        ({"max_reminders": 0}, None),
    ],
)
def test_what_suits_a_request(fields: dict[str, Any], reminders: tuple[float, float, int] | None):
    """What it says holds; the urgency decides the rest."""
    expected = reminders and Reminders(
        after_minutes=reminders[0], every_minutes=reminders[1], most=reminders[2]
    )
    assert reminders_of(asking(**fields)) == expected


@given(st.sampled_from(["low", "medium", "high", "critical"]), st.floats(0.01, 525_600))
def test_the_first_comes_when_there_is_time_to_answer(urgency: str, timeout: float):
    """At the latest when half of the time is over."""
    reminders = reminders_of(asking(urgency=urgency, timeout_minutes=timeout))
    assert reminders is None or reminders.after_minutes <= timeout / 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("remind_after_minutes", 0),
        ("remind_after_minutes", 525_601),
        ("remind_every_minutes", 0.5),
        ("max_reminders", 11),
        ("max_reminders", -1),
        ("max_reminders", 1.5),
        ("max_reminders", True),
    ],
)
async def test_what_cannot_be_is_refused(agent: Agent, field: str, value: object):
    """Naming the field; nothing is asked."""
    answer = await agent.post(question(**{field: value}))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


async def test_a_reminder_is_mailed_in_the_thread(agent: Agent):
    """It has the link, and mail programs put it below the first."""
    approver = someone()
    decision = await agent.ask(approver=approver, remind_after_minutes=0.02, max_reminders=1)
    first, second = await eventually(
        lambda: found if len(found := mails(agent.service, approver)) == 2 else []
    )
    assert second["In-Reply-To"] == first["Message-ID"]
    part = second.get_body(("plain",))
    assert part
    assert "/d/" in part.get_content()
    told = [(n["message"], n["result"]) for n in (await agent.get(decision["id"]))["notifications"]]
    assert told == [("decision-request", "sent"), ("reminder", "sent")]
    [entry] = [e for e in await agent.audit(decision["id"]) if e["type"] == "approver.reminded"]
    assert entry["details"] == {"approver": approver, "number": 1}
