"""What mails say of response types and files."""

from __future__ import annotations

from typing import Any

import pytest

from activities.channels.email import compose
from handover.models import ResponseType
from tests.activities.samples import (
    BOB,
    SENDER,
    make_decision,
    make_email,
    make_notice,
    make_outcome,
)

CHOOSE = {"type": "choose", "label": "Which?", "choices": ["DHL", "UPS"]}


@pytest.mark.parametrize(
    ("ids", "told"),
    [
        (["att_1"], "One file is attached to the question; it is on the page."),
        (["att_1", "att_2"], "2 files are attached to the question; they are on the page."),
    ],
)
def test_a_mail_says_how_many_files_there_are(ids: list[str], told: str):
    """In both parts; without files neither says a word of them."""
    mail = make_email(attachment_ids=ids)
    assert told in mail.text
    assert told in mail.html
    without = make_email()
    assert "attached" not in without.text + without.html


@pytest.mark.parametrize("message", ["decision-request", "escalation"])
def test_a_mail_says_what_is_asked_for(message: str):
    """A person knows before the page opens that there is something to fill in."""
    mail = make_email(message, BOB, response_type=ResponseType.model_validate(CHOOSE))
    assert "You are asked to choose one of several." in mail.text
    assert "You are asked to choose one of several." in mail.html
    assert "You are asked to" not in make_email(message, BOB).text


@pytest.mark.parametrize("message", ["settled", "receipt"])
@pytest.mark.parametrize(
    ("response_type", "data", "told"),
    [
        (CHOOSE, {"chosen": "DHL"}, "Which? DHL"),
        ({"type": "number_input"}, {"value": 7}, "Value: 7"),
        (
            {"type": "schedule"},
            {"execute_at": "2026-03-12T14:30:00Z"},
            "To be done: Thu, Mar 12, 2026, 2:30 PM UTC",
        ),
    ],
)
def test_a_mail_says_what_was_answered(
    message: str, response_type: dict[str, Any], data: dict[str, Any], told: str
):
    """Marked as somebody's words, in both parts: an agent chose the label."""
    changes = {"response_type": ResponseType.model_validate(response_type)}
    outcome = make_outcome(make_decision(**changes), data=data)
    mail = compose(make_notice(message, BOB, outcome, **changes), SENDER)
    assert f"> {told}" in mail.text
    assert f'<bdi dir="auto">{told}</bdi>' in mail.html
