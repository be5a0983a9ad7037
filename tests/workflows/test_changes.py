"""What an agent adds to a decision that is under way: more time, more files; and typed answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from handover.models import Attachment, Origin, Status
from tests.workflows.harness import ALICE, BOB, Asking, signer, stranger
from workflows import lifecycle, objections
from workflows.statements import (
    ATTACH,
    EXTEND,
    Addition,
    Extension,
    SignedAddition,
    SignedExtension,
)


def file(number: int = 1) -> Attachment:
    return Attachment(
        id=f"att_{number}",
        name="contract.pdf",
        url=f"http://localhost/attachments/att_{number}",
        type="application/pdf",
        size=1000,
        sha256=f"{number:064x}",
    )


def extension(asking: Asking, by: timedelta, **changes: Any) -> Extension:
    return Extension(
        **asking.about(), agent=asking.input.agent, expires_at=asking.input.expires_at + by
    ).model_copy(update=changes)


def addition(asking: Asking, number: int = 1) -> Addition:
    return Addition(**asking.about(), agent=asking.input.agent, attachment=file(number))


async def test_an_extension_moves_the_expiry(time_skipping: WorkflowEnvironment) -> None:
    """Nobody answers: it expires when the new time is over, and the record says who gave it."""
    asking = Asking.of(time_skipping.client, timeout_minutes=60)
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        signed = signer.sign(extension(asking, timedelta(hours=2)), SignedExtension)
        await asking.handle.signal(EXTEND, signed)
        [extended] = await asking.recorded("decision.extended")
        outcome = await asking.result()
    assert outcome.status == Status.EXPIRED
    assert (
        timedelta(hours=3) <= outcome.at - asking.input.created_at < timedelta(hours=3, minutes=1)
    )
    assert extended["by"] == asking.input.agent
    assert datetime.fromisoformat(extended["to"]) == signed.expires_at


@pytest.mark.parametrize(
    ("by", "reason"),
    [
        (timedelta(0), "not_longer"),
        (-timedelta(minutes=1), "not_longer"),
        (objections.MAX_TIMEOUT, "too_long"),
    ],
)
async def test_time_is_never_taken_away(dev_client: Client, by: timedelta, reason: str) -> None:
    """A deadline only moves away, and within a year."""
    asking = Asking.of(dev_client)
    async with asking.worker():
        await asking.start()
        await asking.handle.signal(EXTEND, signer.sign(extension(asking, by), SignedExtension))
        [refused] = await asking.recorded("response.refused")
        await asking.respond("deny")
        await asking.result()
    state = (await asking.reading()).state
    assert state is not None
    assert refused["reason"] == reason
    assert state.rules.expires_at == asking.input.expires_at


async def test_forged_extensions_and_additions(dev_client: Client) -> None:
    """Only the service's signature moves a deadline or shows a file."""
    asking = Asking.of(dev_client)
    async with asking.worker():
        await asking.start()
        await asking.handle.signal(EXTEND, extension(asking, timedelta(hours=1)))
        await asking.handle.signal(
            EXTEND, stranger.sign(extension(asking, timedelta(hours=1)), SignedExtension)
        )
        altered = signer.sign(extension(asking, timedelta(hours=1)), SignedExtension)
        altered.expires_at += timedelta(hours=1)
        await asking.handle.signal(EXTEND, altered)
        await asking.handle.signal(ATTACH, addition(asking))
        await asking.handle.signal(ATTACH, stranger.sign(addition(asking), SignedAddition))
        swapped = signer.sign(addition(asking), SignedAddition)
        swapped.attachment = file(2)
        await asking.handle.signal(ATTACH, swapped)
        refused = await asking.recorded("response.refused", times=6)
        await asking.respond("approve")
        await asking.result()
    reasons = [each["reason"] for each in refused]
    assert reasons == ["malformed", "unproven", "unproven"] * 2


async def test_an_answer_to_what_was_shown_before_does_not_count(dev_client: Client) -> None:
    """Who approved without the file has not approved the file."""
    asking = Asking.of(dev_client)
    async with asking.worker():
        await asking.start()
        before = asking.sign("approve")
        await asking.handle.signal(ATTACH, signer.sign(addition(asking), SignedAddition))
        await asking.recorded("attachment.added")
        await asking.handle.signal("respond", before)
        [refused] = await asking.recorded("response.refused")
        state = (await asking.reading()).state
        assert state is not None
        await asking.respond("approve", request_digest=state.shown_digest)
        outcome = await asking.result()
    assert refused["reason"] == "changed"
    assert outcome.status == Status.APPROVED
    assert [each.id for each in state.attachments] == ["att_1"]


async def test_a_sixth_file_is_refused(dev_client: Client) -> None:
    """Also where six uploads come at the same moment."""
    asking = Asking.of(dev_client)
    async with asking.worker():
        await asking.start()
        for number in range(6):
            signed = signer.sign(addition(asking, number), SignedAddition)
            await asking.handle.signal(ATTACH, signed)
        [refused] = await asking.recorded("response.refused")
        state = (await asking.reading()).state
        await asking.handle.cancel()
        await asking.result()
    assert refused["reason"] == "too_many_attachments"
    assert state is not None
    assert len(state.attachments) == objections.MAX_ATTACHMENTS


async def test_a_scheduled_answer(client: Client) -> None:
    """The moment in the answer makes the status."""
    asking = Asking.of(client, response_type={"type": "schedule"})
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        await asking.respond("approve", data={"execute_at": tomorrow})
        outcome = await asking.result()
    assert outcome.status == Status.SCHEDULED
    state = (await asking.reading()).state
    assert state is not None
    assert outcome.response is not None
    assert lifecycle.execute_at(state.rules, outcome.response) == datetime.fromisoformat(tomorrow)


async def test_an_answer_that_was_not_offered_is_refused_by_the_workflow_too(
    dev_client: Client,
) -> None:
    """Whatever way it came in."""
    asking = Asking.of(dev_client, response_type={"type": "choose", "choices": ["a", "b"]})
    async with asking.worker():
        await asking.start()
        await asking.respond("approve", data={"chosen": "c"})
        [refused] = await asking.recorded("response.refused")
        await asking.respond("approve", data={"chosen": "b"})
        outcome = await asking.result()
    assert refused["reason"] == "invalid_answer"
    assert outcome.response is not None
    assert outcome.response.data == {"chosen": "b"}


async def test_an_operators_answer_tells_all_who_were_asked(client: Client) -> None:
    """It is no approver's: origin `operator`, by the key's name, and no receipt."""
    asking = Asking.of(client, approver=[ALICE, BOB])
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent", times=2)
        await asking.respond("approve", by="ops-key", origin=Origin.OPERATOR)
        outcome = await asking.result()
    assert (outcome.status, outcome.origin, outcome.by) == (
        Status.APPROVED,
        Origin.OPERATOR,
        "ops-key",
    )
    assert sorted(asking.mailroom.told("settled")) == [ALICE, BOB]
    assert asking.mailroom.told("receipt") == []
