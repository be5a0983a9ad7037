"""Messages besides asking and telling: in whose words, with which links, and to nobody else."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

import pytest

from activities.channels.notice import Unreached
from activities.deliveries import delivery_key
from activities.task_queues import working
from links import Codes
from store.approvers import Preferences
from tests.activities.samples import ANN, BOB, CARL, SIGNER, make_decision
from tests.activities.scenes import LINK_KEYS, Scene, sending
from tests.readings import read_all
from tests.support import eventually
from tests.workflows.harness import Mailroom
from workflows.messages import (
    CODE,
    CODES_USED_UP,
    DELIVERY_FAILURE,
    REMINDER,
    WORKFLOW,
    DecisionInput,
    SendNotificationInput,
)
from workflows.objections import MAX_CODES
from workflows.statements import STEP_UP, CodeRequest, SignedCodeRequest

OPERATOR = "ops@example.com"


def codes_mail(
    decision: DecisionInput, code_id: str = "code_1", to: str = ANN
) -> SendNotificationInput:
    sent = SendNotificationInput(
        decision_id=decision.id, message=CODE, approver=to, channel="email", number=1
    )
    return sent.model_copy(update={"code_id": code_id})


async def with_codes(scene: Scene, decision: DecisionInput, *code_ids: str) -> None:
    """Let a workflow hear that Ann needs these codes."""
    queue = f"queue-{secrets.token_hex(6)}"
    handle = await scene.client.start_workflow(WORKFLOW, decision, id=decision.id, task_queue=queue)

    async def heard() -> bool:
        events = handle.fetch_history_events()
        reading = await read_all(decision.id, SIGNER.keyring, events)
        asked = [entry for entry in reading.entries if entry.type == "code.requested"]
        return len(asked) == len(code_ids)

    async with working(scene.client, queue, Mailroom().send_notification):
        for code_id in code_ids:
            request = CodeRequest(
                decision_id=decision.id,
                run_id=handle.first_execution_run_id or "",
                request_digest=decision.request_digest,
                received_at=datetime.now(UTC),
                approver=ANN,
                code_id=code_id,
            )
            await handle.signal(STEP_UP, SIGNER.sign(request, SignedCodeRequest))
        await eventually(heard)


async def test_people_are_written_to_as_they_have_set(scene: Scene):
    """In their language and by their clock; by the service's own where they have set nothing, and
    where the store cannot say."""
    decision = await scene.decision()
    scene.approvers.preferences[ANN] = Preferences("de", "Europe/Berlin")
    scene.approvers.preferences[BOB] = Preferences(time_zone="Asia/Tokyo")
    scene.approvers.preferences[CARL] = Preferences("tlh", "Mars/Olympus")
    for approver in (ANN, BOB, CARL):
        await scene.send(sending(decision, approver=approver))
    scene.approvers.away = True
    await scene.send(sending(decision, REMINDER))
    readers = [(n.reader.language, n.reader.time_zone) for n in scene.channel.notices]
    assert readers == [
        ("de", "Europe/Berlin"),
        ("en", "Asia/Tokyo"),
        ("en", "UTC"),
        ("en", "UTC"),
    ]


async def test_an_approver_gets_a_link_to_their_own_inbox(scene: Scene):
    """Made for them, now."""
    before = datetime.now(UTC).replace(microsecond=0)
    await scene.send(sending(await scene.decision(), "escalation", BOB))
    [notice] = scene.channel.notices
    base, token = notice.inbox.split("/i/")
    link = LINK_KEYS.read_personal(token)
    assert base == "https://handover.example.com"
    assert link.approver == BOB
    assert before <= link.minted_at <= datetime.now(UTC)


async def test_a_code_is_mailed_to_whom_it_was_asked_for(scene: Scene):
    """The same at every attempt, and with no link by which it could be used."""
    decision = make_decision(f"dec_{secrets.token_hex(6)}")
    await with_codes(scene, decision, "code_1")
    await scene.send(codes_mail(decision))
    await scene.send(codes_mail(decision), attempt=1)
    first, second = scene.channel.notices
    assert first.code == second.code == Codes(["k" * 32]).of("code_1")
    assert (first.link, first.inbox) == ("", "")
    for other in (codes_mail(decision, "code_2"), codes_mail(decision, to=BOB)):
        assert (await scene.failure(other)).type == "Unproven"
    assert len(scene.channel.notices) == 2


async def test_no_code_is_mailed_that_nobody_asked_for(scene: Scene):
    """Whoever reaches Temporal can start the activity; there is nothing for it to send."""
    decision = await scene.decision()
    assert (await scene.failure(codes_mail(decision))).type == "Unproven"
    assert scene.channel.notices == []


@pytest.mark.parametrize("to", [ANN, "stranger@example.com"])
async def test_only_the_operator_is_told_of_failures(scene: Scene, to: str):
    """The one whom the decision names, and without a link."""
    decision = await scene.decision(operator=OPERATOR)
    await scene.send(sending(decision, DELIVERY_FAILURE, OPERATOR))
    [notice] = scene.channel.notices
    assert (notice.link, notice.inbox, notice.unreached) == ("", "", list[Unreached]())
    assert notice.asked_now == [ANN]
    assert (await scene.failure(sending(decision, DELIVERY_FAILURE, to))).type == "Unproven"
    assert (await scene.failure(sending(decision, approver=OPERATOR))).type == "Unproven"


async def test_an_operator_is_told_who_has_used_up_their_codes(scene: Scene):
    """By the history, and without a link; nobody else is."""
    decision = make_decision(f"dec_{secrets.token_hex(6)}", operator=OPERATOR)
    await with_codes(scene, decision, *(f"code_{number}" for number in range(MAX_CODES)))
    await scene.send(sending(decision, CODES_USED_UP, OPERATOR))
    [notice] = scene.channel.notices
    assert (notice.link, notice.inbox, notice.without_codes) == ("", "", [ANN])
    assert (await scene.failure(sending(decision, CODES_USED_UP, ANN))).type == "Unproven"


async def test_each_reminder_is_a_message_of_its_own(scene: Scene):
    """The second is sent although the first was, and no attempt at it twice."""
    decision = await scene.decision()
    reminders = [
        sending(decision, REMINDER).model_copy(update={"number": number}) for number in (1, 2)
    ]
    assert len({delivery_key(each) for each in [sending(decision, REMINDER), *reminders]}) == 3
    for each in reminders:
        await scene.send(each)
        await scene.send(each, attempt=2)
    assert [notice.number for notice in scene.channel.notices] == [1, 2]
