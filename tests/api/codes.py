"""The codes that approvers are mailed, and what asks for one."""

from __future__ import annotations

import re

from tests.approver import mails
from tests.service import RunningService
from tests.support import eventually

CRITICAL = {"urgency": "critical"}
"""A decision whose answer takes a code."""


def codes_mailed(service: RunningService, approver: str) -> list[str]:
    """Oldest first."""
    found: list[str] = []
    for mail in mails(service, approver):
        part = mail.get_body(("plain",))
        digits = re.search(r"^\s*(\d{3}) ?(\d{3})\s*$", part.get_content(), re.M) if part else None
        if digits:
            found.append(digits[1] + digits[2])
    return found


async def mailed_code(service: RunningService, approver: str, number: int = 1) -> str:
    """The code in the mail of this number that has one."""
    return (await eventually(lambda: codes_mailed(service, approver)[number - 1 :]))[0]
