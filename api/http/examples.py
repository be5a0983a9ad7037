"""Realistic requests for the OpenAPI document; a test sends each."""

from __future__ import annotations

from typing import Any

Examples = dict[str, dict[str, Any]]

DIGEST = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
"""Stands for the digest of a webhook or of `GET /responses/{token}`."""

_ASKED = {"approver": "approver@example.com"}


def _examples(**bodies: tuple[str, dict[str, Any]]) -> Examples:
    return {name: {"summary": summary, "value": body} for name, (summary, body) in bodies.items()}


CREATE = _examples(
    approval=(
        "Approve or deny, with a backup approver",
        {
            "action": "Refund order 1142",
            "context": "The parcel arrived broken; the customer sent photographs.",
            **_ASKED,
            "urgency": "high",
            "timeout_minutes": 120,
            "escalation": [{"after_minutes": 30, "approvers": ["backup@example.com"]}],
        },
    ),
    smallest=("What is required, and no more", {"action": "Send the newsletter", **_ASKED}),
    payload=(
        "The exact arguments, which the approver may modify",
        {
            "action": "Refund 49.90 EUR for order 1142",
            **_ASKED,
            "payload": {"order": "1142", "amount": 49.9, "currency": "EUR"},
            "enforce": True,
            "metadata": {"thread": "8a41", "tool": "refund"},
        },
    ),
    confirm=(
        "Confirm",
        {"action": "Restart the billing job", **_ASKED, "response_type": {"type": "confirm"}},
    ),
    choose=(
        "One of several choices",
        {
            "action": "Deploy release 2.4",
            **_ASKED,
            "response_type": {
                "type": "choose",
                "label": "Where to?",
                "choices": ["staging", "production"],
            },
        },
    ),
    text_input=(
        "Values for named fields",
        {
            "action": "Answer the supplier's offer",
            **_ASKED,
            "response_type": {
                "type": "text_input",
                "fields": [
                    {"name": "reply", "label": "Our answer", "required": True},
                    {"name": "copy_to", "label": "Copy to", "placeholder": "name@example.com"},
                ],
            },
        },
    ),
    number_input=(
        "A number within bounds",
        {
            "action": "Raise the advertising budget",
            **_ASKED,
            "response_type": {
                "type": "number_input",
                "label": "EUR a day",
                "min": 0,
                "max": 500,
                "placeholder": "250",
            },
        },
    ),
    schedule=(
        "When it may be done",
        {
            "action": "Migrate the customer database",
            **_ASKED,
            "response_type": {"type": "schedule", "label": "Begin at", "allow_immediate": True},
        },
    ),
    file_upload=(
        "Files from the approver",
        {
            "action": "Send the contract to the customer",
            **_ASKED,
            "response_type": {
                "type": "file_upload",
                "label": "The signed contract",
                "max_files": 2,
                "accept": [".pdf", "image/*"],
            },
        },
    ),
    large=(
        "A long context; up to 100,000 characters, and 256 KB of payload",
        {
            "action": "Drop 900 tables that nothing has read for a year",
            "context": "\n".join(f"DROP TABLE archive.events_{n:03};" for n in range(900)),
            **_ASKED,
            "timeout_minutes": 1440,
        },
    ),
)

CANCEL = _examples(
    with_notes=("Say why", {"notes": "The customer withdrew the complaint."}),
    without=("Without a word", {}),
)

KEY = _examples(
    agent=(
        "An agent that may ask the people of one domain",
        {
            "name": "refund-bot",
            "approvers": ["@example.com", "owner@example.org"],
            "rate": 60,
            "quota": 1000,
        },
    ),
    resolver=(
        "Somebody on night duty, for a limited time",
        {
            "name": "night-shift",
            "scopes": ["decisions:resolve"],
            "expires_at": "2099-01-01T06:00:00Z",
        },
    ),
)

APPROVER = _examples(
    both=(
        "German, by the clocks of Vienna",
        {"language": "de", "time_zone": "Europe/Vienna"},
    ),
    language=("A language only", {"language": "fr"}),
    quiet=(
        "Not at night, and at most one mail an hour",
        {"quiet_hours": {"from": "20:00", "to": "07:00"}, "digest_minutes": 60},
    ),
    channels=(
        "In their own system, and by e-mail where that has not answered in ten minutes",
        {
            "webhook_url": "https://192.0.3.1:8443/approvals",
            "channels": {"critical": ["webhook", {"channel": "email", "after_minutes": 10}]},
        },
    ),
    webhook=(
        "Asked in their own system, too",
        {"webhook_url": "https://192.0.3.1:8443/approvals", "language": "en"},
    ),
)

EXTEND = _examples(longer=("Four hours from now", {"timeout_minutes": 240}))

RESOLVE = _examples(
    approve=("Approve", {"action": "approve", "notes": "Checked with the warehouse."}),
    deny=("Deny", {"action": "deny", "notes": "The photographs show another parcel."}),
)

CLAIM = _examples(
    named=(
        "Claim, with a name made up at random, so that it can be repeated",
        {"claim_id": "claim-3f0c6b52", "worker": "worker-3, job 1142"},
    ),
    unnamed=("Have the service make up a name", {}),
    again=(
        "Take the place of a claim whose worker has died",
        {"claim_id": "claim-9b1d07e4", "instead_of": "claim-3f0c6b52"},
    ),
)

DONE = _examples(
    succeeded=(
        "It has run",
        {"claim_id": "claim-3f0c6b52", "status": "succeeded", "result": "refund re_1142"},
    ),
    failed=(
        "It has failed",
        {"claim_id": "claim-3f0c6b52", "status": "failed", "result": "The card was refused."},
    ),
    not_run=(
        "It did not run after all, and may be claimed again",
        {"claim_id": "claim-3f0c6b52", "status": "not_run"},
    ),
)

RESPOND = _examples(
    approve=(
        "Approve what `digest` says",
        {"choice": "approve", "digest": DIGEST, "notes": "Checked with the warehouse."},
    ),
    not_me=(
        "Somebody else is to be asked",
        {"choice": "not_me", "digest": DIGEST, "notes": "Ask the branch in Graz."},
    ),
)

DECODE = _examples(
    payload=(
        "A payload as the history has it, all bytes in base64",
        {
            "payloads": [
                {
                    "metadata": {"encoding": "anNvbi9wbGFpbg=="},
                    "data": "IlJlZnVuZCBvcmRlciAxMTQyIg==",
                }
            ]
        },
    )
)
