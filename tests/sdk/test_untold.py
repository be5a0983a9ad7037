"""An agent that waits learns that nobody was told, and why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from handover import Decision, HandoverClient
from handover._untold import untold
from handover._verdicts import details
from handover.models import Notification
from handover.testing import FakeHandover
from tests.sdk.service import Service, decision, replies

Serve = Callable[..., Service]
REFUSED = "The mail server refuses our login. Check HANDOVER_SMTP_PASSWORD."
SINCE = "2026-01-05T10:00:00Z"
APPROVER = "approver@example.com"
ASK: dict[str, Any] = {"action": "Refund order 1142", "approver": APPROVER}


def message(**fields: object) -> dict[str, object]:
    told = {"message": "decision-request", "approver": "approver@example.com", "channel": "email"}
    return {**told, "result": "pending", "at": SINCE, **fields}


def test_the_log_says_it_once(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """Each time that it changes; no line where all is well."""
    kept = decision(notifications=[message(reason=REFUSED, since=SINCE)])
    unreached = decision(unreachable=True, notifications=[message(reason="a\nb", since=SINCE)])
    service = serve(
        replies(decision(notifications=[message()]), 201),
        replies(kept),
        replies(kept),
        replies(unreached),
        replies(decision("approved", notifications=[message(result="sent")])),
    )
    with HandoverClient("ho_key", service.url) as client:
        assert client.decisions.create(**ASK).approved
    about = "email to approver@example.com since 2026-01-05 10:00:00 UTC:"
    assert caplog.messages == [
        f"dec_one waits, and not sent yet: {about} {REFUSED}",
        f"dec_one waits, and nobody was reached. {about} a b",
    ]


def test_the_first_answer_says_it_too(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """Of a decision that was asked before, for example, and found again."""
    unreached = decision(unreachable=True, id="dec_two")
    service = serve(replies(unreached, 201), replies(decision("approved", id="dec_two")))
    with HandoverClient("ho_key", service.url) as client:
        assert client.decisions.create(**ASK).approved
    assert caplog.messages == ["dec_two waits, and nobody was reached."]


def test_the_fake_keeps_messages_as_the_service_does() -> None:
    """From ten seconds on it says why, from five minutes on that nobody was reached, until it is
    answered; half of the time is enough where there is less."""
    fake = FakeHandover()
    client = fake.client()
    step = {"after_minutes": 1, "approvers": ["backup@example.com"]}
    fake.stays_pending(unsent=REFUSED)
    asked = client.decisions.create(**ASK, channel="slack", escalation=[step], wait=False)
    assert (asked.undelivered, asked.unreachable) == ([], False)
    fake.advance(minutes=2)
    now = client.decisions.get(asked.id)
    assert [(each.message, each.approver, each.channel) for each in now.undelivered] == [
        ("decision-request", "approver@example.com", "slack"),
        ("escalation", "backup@example.com", "slack"),
    ]
    assert {each.reason for each in now.undelivered} == {REFUSED}
    assert [each.since for each in now.undelivered] == [each.at for each in now.notifications]
    assert not now.unreachable
    assert details(now)["untold"].startswith("not sent yet: slack to approver@example.com since")
    fake.advance(minutes=3)
    assert client.decisions.get(asked.id).unreachable
    told = fake.answer(asked.id, "approve")
    assert (told.approved, told.unreachable, told.notifications) == (True, False, [])
    fake.stays_pending(unsent=REFUSED)
    short = client.decisions.create(**ASK, timeout_minutes=2, wait=False)
    fake.advance(minutes=1)
    assert client.decisions.get(short.id).unreachable


def test_nothing_is_said_of_what_went_out() -> None:
    """Or is under way, or has failed for good, which the escalation says."""
    now = datetime.now(UTC)
    results = (("sent", None), ("pending", None), ("failed", "no such user"))
    told = Decision(
        id="dec_one",
        status="pending",
        created_at=now,
        expires_at=now + timedelta(minutes=1),
        notifications=[
            Notification.model_validate(message(result=result, reason=reason))
            for result, reason in results
        ],
    )
    assert untold(told) == ""
    assert "untold" not in details(told)
