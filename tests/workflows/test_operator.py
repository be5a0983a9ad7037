"""What an operator may decide straight in Temporal, past the API: everything but yes."""

from __future__ import annotations

from typing import Any

import pytest
from temporalio.client import Client

from handover.models import Origin, Status
from tests.workflows.harness import ALICE, BOB, Asking
from workflows.messages import OPERATOR_DECIDE

WHO = {"name": "Olga, on call", "reason": "The customer has cancelled."}


@pytest.mark.parametrize(
    ("decision", "status"), [("deny", Status.DENIED), ("cancel", Status.CANCELLED)]
)
async def test_an_operator_denies_or_cancels(client: Client, decision: str, status: Status) -> None:
    """With a name and a reason, which the record and the approvers are told."""
    asking = Asking.of(client)
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        await asking.handle.signal(OPERATOR_DECIDE, {"decision": decision, **WHO})
        outcome = await asking.result()
    assert (outcome.status, outcome.origin) == (status, Origin.OPERATOR)
    assert (outcome.by, outcome.notes) == (WHO["name"], WHO["reason"])
    assert asking.mailroom.told("settled") == [ALICE]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"decision": "approve", **WHO}, "not_provable"),
        ({"decision": "modify", **WHO}, "not_provable"),
        ({"decision": "deny", "name": "Olga"}, "malformed"),
        ({"decision": "deny", "name": "", "reason": "x"}, "malformed"),
        ({"decision": "deny", "name": "Olga", "reason": "x" * 2001}, "malformed"),
        ({"decision": ["deny"], **WHO}, "malformed"),
        ("deny", "malformed"),
        (None, "malformed"),
    ],
    ids=str,
)
async def test_nobody_approves_past_the_api(dev_client: Client, said: Any, reason: str) -> None:
    """What cannot be proven is no approval, and who it was has to be said."""
    asking = Asking.of(dev_client)
    async with asking.worker():
        await asking.start()
        await asking.handle.signal(OPERATOR_DECIDE, said)
        [refused] = await asking.recorded("response.refused")
        await asking.respond("deny")
        assert (await asking.result()).origin == Origin.HUMAN
    assert refused["reason"] == reason


async def test_an_operator_changes_nothing_that_is_over(dev_client: Client) -> None:
    """The first answer won."""
    asking = Asking.of(dev_client, approver=[ALICE, BOB])
    asking.mailroom.holding = "settled"
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent", times=2)
        await asking.respond("approve")
        await asking.recorded("decision.approved")
        await asking.handle.signal(OPERATOR_DECIDE, {"decision": "deny", **WHO})
        [refused] = await asking.recorded("response.refused")
        asking.mailroom.held.set()
        assert (await asking.result()).status == Status.APPROVED
    assert refused["reason"] == "already_settled"
