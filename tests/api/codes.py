"""The codes that approvers are mailed, and what asks for one."""

from __future__ import annotations

import re

from tests.api.agent import in_store
from tests.approver import mails
from tests.service import RunningService
from tests.support import eventually

CRITICAL = {"urgency": "critical"}
"""A decision whose answer takes a code."""


def use_up_codes(service: RunningService, decision: str, approver: str) -> None:
    """As if all ten had been mailed, the last of them eleven minutes ago."""
    for number in range(1, 11):
        in_store(
            service,
            "INSERT INTO codes (decision_id, approver, number, id, form, tries, others, expires_at)"
            " VALUES (?, ?, ?, ?, 'form', 0, 0, datetime('now', '-1 minute'))",
            *(decision, approver, number, f"code_{number}"),
        )


def age_codes(service: RunningService, decision: str, minutes: int) -> None:
    """As if those of this decision had been mailed so much earlier."""
    in_store(
        service,
        "UPDATE codes SET expires_at = datetime(expires_at, ?) WHERE decision_id = ?",
        *(f"-{minutes} minutes", decision),
    )


def codes_mailed(service: RunningService, approver: str, words: str = "") -> list[str]:
    """Those in mails with these words, oldest first."""
    found: list[str] = []
    for mail in mails(service, approver):
        part = mail.get_body(("plain",))
        text = part.get_content() if part else ""
        digits = re.search(r"^\s*(\d{3}) ?(\d{3})\s*$", text, re.M)
        if digits and words in text:
            found.append(digits[1] + digits[2])
    return found


async def mailed_code(service: RunningService, approver: str, number: int = 1) -> str:
    """The code in the mail of this number that has one."""
    return (await eventually(lambda: codes_mailed(service, approver)[number - 1 :]))[0]
