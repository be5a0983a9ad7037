"""What `enforce=True` lets through, and what it says when it does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from handover import ActionDenied, DecisionCancelled, DecisionExpired
from handover import _decisions as steps
from tests.sdk.service import Comes, Play, decision

NOW = datetime.now(UTC)
PAST, FUTURE = (NOW - timedelta(minutes=5)).isoformat(), (NOW + timedelta(days=1)).isoformat()
WHO = "approver@example.com"


def enforced(answer: dict[str, Any]) -> Any:
    play = Play([Comes(answer, 201)])
    asked = {name: answer[name] for name in ("action", "approver", "payload")}
    fields = {**asked, "enforce": True}
    return play.run(steps.create(play.options(), fields, wait=True, idempotency_key=None))


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "approved"},
        {"status": "modified", "payload": {"n": 1}, "response_data": {"payload": {"n": 2}}},
        {"status": "scheduled", "execute_at": PAST},
    ],
)
def test_permitted(fields: dict[str, Any]) -> None:
    """What the service permits, and we understand to be permitted, is returned."""
    assert enforced(decision(**fields, action_permitted=True)).status == fields["status"]


@pytest.mark.parametrize("fields", [{}, {"action_permitted": None}, {"action_permitted": False}])
def test_approved_without_the_services_word(fields: dict[str, Any]) -> None:
    """An approval that the service does not call permitted does not permit."""
    with pytest.raises(ActionDenied, match="does not say that it is permitted"):
        enforced(decision("approved", **fields))


@pytest.mark.parametrize(
    ("fields", "error", "told"),
    [
        (
            {"status": "denied", "resolved_by": WHO, "response_notes": "too much"},
            ActionDenied,
            f'denied by {WHO}: "too much"',
        ),
        ({"status": "expired"}, DecisionExpired, "nobody answered before 2026-01-05 10:30:00 UTC"),
        ({"status": "cancelled", "origin": "agent"}, DecisionCancelled, "withdrawn by the agent"),
        ({"status": "cancelled", "origin": "operator"}, DecisionCancelled, "by an operator"),
        (
            {
                "status": "modified",
                "resolved_by": WHO,
                "response_data": {"action": "Refund half"},
            },
            ActionDenied,
            'changed it in words, which nothing can run: "Refund half"',
        ),
        ({"status": "modified", "payload": {"n": 1}}, ActionDenied, "which nothing can run"),
        ({"status": "scheduled", "execute_at": FUTURE}, ActionDenied, "permitted it from"),
        ({"status": "scheduled"}, ActionDenied, "permitted it from"),
        ({"status": "delegated"}, ActionDenied, "does not know the status 'delegated'"),
    ],
)
def test_denied(fields: dict[str, Any], error: type[ActionDenied], told: str) -> None:
    """Everything else raises and says why, also when the service's flag claims otherwise."""
    with pytest.raises(ActionDenied) as caught:
        enforced(decision(**fields, action_permitted=True))
    assert type(caught.value) is error
    assert told in str(caught.value)
    assert str(caught.value).startswith('"Refund order 1142" must not run: ')


def test_long_or_broken_text_stays_on_one_line() -> None:
    """Notes and actions appear in the message on one line, and shortened."""
    noted = decision("denied", response_notes="line\nline\r" + "word " * 500, action="a " * 900)
    with pytest.raises(ActionDenied) as caught:
        enforced(noted)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 600


def test_pending_is_returned() -> None:
    """A decision that is not waited for is returned pending, not raised."""
    play = Play([Comes(decision(), 201)])
    fields = {"action": "a", "approver": WHO, "enforce": True}
    steps_ = steps.create(play.options(), fields, wait=False, idempotency_key=None)
    assert play.run(steps_).status == "pending"
