"""The example of an agent: the tool that asks, and the middleware that asks about a tool."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from examples import langchain_agent as example
from tests.approver import answer_link, newest_mail, press
from tests.examples.programs import output, running

PAID = "Refunded 49.90 EUR for order 1142."
CHANGED = json.dumps({"order": 1142, "amount": 20})


@pytest.mark.parametrize(
    ("choice", "typed", "said", "unsaid"),
    [
        ("approve", {}, f"tool: {PAID}", "place"),
        ("approve", {"field.respond": "I paid it by hand."}, "tool: I paid it by hand.", PAID),
        ("modify", {"payload": CHANGED}, "Refunded 20.00 EUR for order 1142.", PAID),
        ("deny", {"notes": "not on a Friday"}, "not on a Friday", PAID),
    ],
    ids=["approve", "respond", "edit", "reject"],
)
async def test_tool_runs_as_the_approver_says(
    service: Any, choice: str, typed: dict[str, str], said: str, unsaid: str
) -> None:
    """All four decisions, pressed and typed on the page that the e-mail leads to."""
    approver = f"{uuid4().hex}@example.com"
    async with running(service, example, "--approver", approver) as process:
        question = await newest_mail(service, to=approver, subject="complaint")
        await press(answer_link(question), "approve")
        call = await newest_mail(service, to=approver, subject="Refund order")
        await press(answer_link(call), choice, **typed)
        told = await output(process)
    assert f"Approved by {approver}. You may do this: Close the complaint" in told
    assert said in told
    assert unsaid not in told
    assert "ai: That is done." in told
