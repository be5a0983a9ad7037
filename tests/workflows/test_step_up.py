"""The code before an answer: asked for, mailed, named in the answer, and proven."""

from __future__ import annotations

from typing import Any

import pytest
from temporalio.client import Client

from handover.models import Status
from handover.proof import response_statement
from tests.workflows.harness import ALICE, BOB, Asking, signer, stranger
from workflows.messages import CODE, CODES_USED_UP
from workflows.objections import MAX_CODES
from workflows.statements import STEP_UP, CodeRequest, SignedCodeRequest


def needing_a_code(client: Client, **request: Any) -> Asking:
    asking = Asking.of(client, **request)
    asking.input.step_up = True
    return asking


def request(asking: Asking, code_id: str = "code_1", by: str = ALICE) -> CodeRequest:
    return CodeRequest(**asking.about(), approver=by, code_id=code_id)


async def test_an_answer_counts_with_the_code_that_was_asked_for(client: Client) -> None:
    """Without one it is refused, with it the outcome says which; by e-mail whatever the channel."""
    asking = needing_a_code(client)
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        await asking.respond("approve")
        [refused] = await asking.recorded("response.refused")
        await asking.handle.signal(STEP_UP, signer.sign(request(asking), SignedCodeRequest))
        [asked] = await asking.recorded("code.requested")
        await asking.recorded("notification.sent", times=2)
        await asking.respond("approve", step_up="code_1")
        outcome = await asking.result()
    assert refused["reason"] == "needs_code"
    assert asked == {"approver": ALICE, "code_id": "code_1", "number": 1}
    [sent] = [each for each in asking.mailroom.sent if each.message == CODE]
    assert (sent.approver, sent.channel, sent.code_id) == (ALICE, "email", "code_1")
    assert outcome.status == Status.APPROVED
    assert outcome.response
    assert outcome.response.step_up == "code_1"
    statement = response_statement(outcome.response, "digest")
    assert b"code_1" in statement


@pytest.mark.parametrize("choice", ["approve", "deny", "not_me"])
async def test_every_answer_needs_it(client: Client, choice: str) -> None:
    """Also a no, and "not me": a scanner may press those as well."""
    asking = needing_a_code(client)
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        await asking.respond(choice)
        [refused] = await asking.recorded("response.refused")
        assert refused["reason"] == "needs_code"
        await asking.handle.cancel()
        await asking.result()


async def test_somebody_elses_code_and_a_made_up_one_do_not_count(client: Client) -> None:
    """It has to be one that was asked for, and for this approver."""
    asking = needing_a_code(client, approver=[ALICE, BOB])
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent", times=2)
        bobs = signer.sign(request(asking, "code_of_bob", BOB), SignedCodeRequest)
        await asking.handle.signal(STEP_UP, bobs)
        await asking.recorded("code.requested")
        for code_id in ("code_of_bob", "code_made_up"):
            await asking.respond("approve", step_up=code_id)
        refused = await asking.recorded("response.refused", times=2)
        assert {each["reason"] for each in refused} == {"needs_code"}
        await asking.handle.cancel()
        await asking.result()


async def test_only_the_service_asks_for_codes(client: Client) -> None:
    """What a stranger signs, or who is not asked, sends nobody a mail."""
    asking = needing_a_code(client)
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        await asking.handle.signal(STEP_UP, stranger.sign(request(asking), SignedCodeRequest))
        await asking.handle.signal(STEP_UP, signer.sign(request(asking, by=BOB), SignedCodeRequest))
        await asking.handle.signal(STEP_UP, {"code_id": "code_1"})
        refused = await asking.recorded("response.refused", times=3)
        assert [each["reason"] for each in refused] == ["unproven", "not_asked", "malformed"]
        await asking.handle.cancel()
        await asking.result()
    assert asking.mailroom.told(CODE) == []


async def test_codes_are_bounded(client: Client) -> None:
    """Whoever presses again and again fills nobody's mailbox and gets no more guesses, and the
    operator is told of it, once."""
    asking = needing_a_code(client)
    asking.input.operator = "ops@example.com"
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        for number in range(MAX_CODES + 1):
            signed = signer.sign(request(asking, f"code_{number}"), SignedCodeRequest)
            await asking.handle.signal(STEP_UP, signed)
        [refused] = await asking.recorded("response.refused")
        assert refused["reason"] == "too_many_codes"
        # The test server loses a task that cancels a message which has just been sent.
        await asking.recorded("notification.sent", times=1 + MAX_CODES + 1)
        await asking.handle.cancel()
        await asking.result()
    assert len(asking.mailroom.told(CODE)) == MAX_CODES
    assert asking.mailroom.told(CODES_USED_UP) == ["ops@example.com"]


async def test_each_person_has_codes_of_their_own(client: Client) -> None:
    """Where two have used up theirs the operator has two mails; where there is none, nobody has."""
    for operator, told in (("ops@example.com", [1, 2]), (None, [])):
        asking = needing_a_code(client, approver=[ALICE, BOB])
        asking.input.operator = operator
        async with asking.worker():
            await asking.start()
            await asking.recorded("notification.sent", times=2)
            for number in range(2 * MAX_CODES):
                by = (ALICE, BOB)[number % 2]
                signed = signer.sign(request(asking, f"code_{number}", by), SignedCodeRequest)
                await asking.handle.signal(STEP_UP, signed)
            await asking.recorded("notification.sent", times=2 + 2 * MAX_CODES + len(told))
            await asking.handle.cancel()
            await asking.result()
        sent = [each for each in asking.mailroom.sent if each.message == CODES_USED_UP]
        assert sorted(each.number for each in sent) == told
