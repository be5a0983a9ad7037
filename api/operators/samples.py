"""Samples of every message, from made-up decisions, for people who work on the texts, and for the
tests that keep them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from handover.models import Attachment, Choice, DecisionRequest, Origin, Status, Urgency
from templates import Reader, RenderedEmail, render_email

NOW = datetime(2026, 3, 12, 14, 5, tzinfo=UTC)
READERS = {
    "en": Reader("en", "America/New_York"),
    "de": Reader("de", "Europe/Berlin"),
    "fr": Reader("fr", "Europe/Paris"),
}
SITE = "https://handover.example.com"
LINK = f"{SITE}/d/k1.ZGVjXzAxSlBYNFQ4V1E3RTpjbGFpcmU.c2lnbmVkLWZvci1jbGFpcmU"
INBOX = f"{SITE}/i/k1.Y2xhaXJlQGV4YW1wbGUuY29t.c2lnbmVkLWZvci1jbGFpcmU"
ANNA, BEN, CLAIRE = "anna.lindt@example.com", "ben.okafor@example.com", "claire.roux@example.com"

OPERATOR = "operator@example.com"


@dataclass(frozen=True, slots=True)
class Story:
    """A decision that an agent could have asked."""

    decision_id: str
    agent: str
    request: DecisionRequest
    minutes_left: int
    attachments: list[Attachment] = field(default_factory=list[Attachment])


def _file(name: str, type: str, size: int) -> Attachment:
    return Attachment(id=f"att_{size}", name=name, url="", type=type, size=size, sha256="0" * 64)


REFUND = Story(
    "dec_01JPX4T8WQ7E",
    "refund-agent",
    DecisionRequest(
        action="Refund 1,249.00 EUR to Maria Keller for order 1142 (espresso machine)",
        approver=CLAIRE,
        urgency=Urgency.HIGH,
        timeout_minutes=30,
        context=(
            "The customer wrote twice: the machine leaks since the first day. The photo shows a"
            " cracked boiler. She has sent it back; the warehouse scanned the parcel this morning"
            " at 09:12.\n\n"
            "Our policy allows a full refund within 30 days. It is above my limit of 500 EUR, so I"
            " have to ask."
        ),
        payload={
            "order": "1142",
            "customer": {"name": "Maria Keller", "email": "maria.keller@example.net"},
            "amount": 1249.0,
            "currency": "EUR",
            "method": "original payment card",
            "notify_customer": True,
        },
        attachment_ids=["att_182340", "att_24110"],
        context_images=["https://files.example.net/1142/boiler.jpg"],
    ),
    25,
    [
        _file("invoice-1142.pdf", "application/pdf", 182_340),
        _file("chat-with-customer.txt", "text/plain", 24_110),
    ],
)
DEPLOYMENT = Story(
    "dec_01JPX5A2M9RD",
    "release-agent",
    DecisionRequest(
        action="Deploy checkout 4.18.0 to production (eu-central-1, all customers)",
        approver=[ANNA, BEN],
        urgency=Urgency.CRITICAL,
        timeout_minutes=15,
        context=(
            "4.17.2 fails one payment in forty since 13:20 UTC. 4.18.0 has the fix and has passed"
            " staging: 2,184 tests, 30 minutes of mirrored traffic without an error.\n\n"
            "Rolling back takes about 4 minutes. The migration in it only adds a column."
        ),
        payload={
            "service": "checkout",
            "version": "4.18.0",
            "region": "eu-central-1",
            "strategy": "rolling, 25 % at a time",
            "migrations": ["0231_add_retry_key"],
        },
        options=[Choice.APPROVE, Choice.DENY],
    ),
    12,
)
CONTRACT = Story(
    "dec_01JPX5H7C3VN",
    "contracts-assistant",
    DecisionRequest(
        action="Send the framework agreement with Nordwind Logistics out for signature",
        approver=CLAIRE,
        timeout_minutes=2 * 24 * 60,
        context="Legal has approved the draft of 9 March. The price list is the one of January.",
        payload={
            "counterparty": "Nordwind Logistics GmbH",
            "term_months": 24,
            "volume_eur": 480_000,
            "notice_days": 90,
        },
    ),
    135,
)

APPROVED = {
    "status": Status.APPROVED,
    "origin": Origin.HUMAN,
    "by": CLAIRE,
    "at": NOW,
    "notes": "Checked with the warehouse: it is back.",
    "choice": Choice.APPROVE,
    "data": None,
}
MODIFIED = {
    **APPROVED,
    "status": Status.MODIFIED,
    "by": BEN,
    "notes": "Twelve months first, as agreed on the phone.",
    "choice": Choice.MODIFY,
    "data": {"payload": {**(CONTRACT.request.payload or {}), "term_months": 12}},
}
FAILURES = [
    {
        "approver": ANNA,
        "channel": "email",
        "reason": "The mail server refuses the address: 550 5.1.1 no such user",
    },
    {"approver": BEN, "channel": "slack", "reason": "Slack knows nobody with this address."},
]


def _question(story: Story) -> dict[str, Any]:
    return {
        "agent": story.agent,
        "request": story.request,
        "expires_at": NOW + timedelta(minutes=story.minutes_left),
        "link": f"{LINK}-{story.decision_id[-4:]}",
    }


PERSONAL = {"link": LINK, "inbox": INBOX}

SAMPLES: Mapping[str, tuple[Story, dict[str, Any]]] = {
    "decision-request": (REFUND, PERSONAL),
    "reminder": (CONTRACT, PERSONAL),
    "escalation": (
        DEPLOYMENT,
        {
            **PERSONAL,
            "asked_before": [ANNA, BEN],
            "escalated_because": "no_answer",
            "step_up": True,
        },
    ),
    "settled": (CONTRACT, {**PERSONAL, "outcome": MODIFIED}),
    "receipt": (REFUND, {**PERSONAL, "outcome": APPROVED}),
    "digest": (
        CONTRACT,
        {**PERSONAL, "link": "", "questions": [_question(REFUND), _question(CONTRACT)]},
    ),
    "code": (DEPLOYMENT, {"code": "482913"}),
    "codes-used-up": (DEPLOYMENT, {"approver": OPERATOR, "without_codes": [CLAIRE]}),
    "delivery-failure": (
        DEPLOYMENT,
        {"approver": OPERATOR, "unreached": FAILURES, "asked_now": [CLAIRE]},
    ),
}
"""The story of each message, and further values for its template."""


def sample(message: str) -> dict[str, Any]:
    """Return the values for the templates of this message. Raises `KeyError` for an unknown one."""
    story, more = SAMPLES[message]
    return {
        "decision_id": story.decision_id,
        "agent": story.agent,
        "request": story.request,
        "attachments": story.attachments,
        "expires_at": NOW + timedelta(minutes=story.minutes_left),
        "now": NOW,
        "approver": CLAIRE,
        "asked_before": [],
        "escalated_because": None,
        "asked_now": [],
        "unreached": [],
        "without_codes": [],
        "is_last_code": False,
        "step_up": False,
        "code": None,
        "link": "",
        "inbox": "",
        "outcome": None,
        "questions": [],
        **more,
    }


def preview(message: str, language: str) -> RenderedEmail:
    """Return this mail in this language. Raises `KeyError` for an unknown one."""
    return render_email(message, sample(message), READERS[language])
