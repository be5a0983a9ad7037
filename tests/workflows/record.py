"""Record a history of every shape that decisions take, for `test_replay.py`.

`python -m tests.workflows.record` writes those that are missing into `histories/`. A released
history is never recorded anew: it is what running decisions look like.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from embedded.programs import get_dev_server
from handover.models import Attachment, ChannelStep, Origin
from tests.dev_server import DevServer
from tests.support import eventually
from tests.workflows.harness import ALICE, BOB, CAROL, Asking, signer
from workflows.messages import (
    GIVE_UP_CALLBACK,
    OPERATOR_DECIDE,
    RETRY_CALLBACK,
    UNDELIVERABLE,
    Reminders,
)
from workflows.objections import MAX_CODES
from workflows.statements import (
    ATTACH,
    CANCEL,
    DELIVERY_FAILED,
    EXTEND,
    RESPOND,
    STEP_UP,
    Addition,
    CodeRequest,
    Extension,
    FailedDelivery,
    SignedAddition,
    SignedCodeRequest,
    SignedExtension,
    SignedFailedDelivery,
    SignedWithdrawal,
)

HISTORIES = Path(__file__).parent / "histories"
STACK_TRACE = re.compile(r'"stackTrace": "(?:[^"\\]|\\.)*",?\s*')
"""Names files of the machine that recorded it, and plays no part in a replay."""

BACKUP = [{"after_minutes": 0.02, "approvers": [BOB]}]
LATER = [{"after_minutes": 30, "approvers": [BOB]}]
SPELLINGS = ["Alice@example.com", "ALICE@example.com"]
SPELLED_TWICE = [
    {"after_minutes": 0.02, "approvers": SPELLINGS[:1]},
    {"after_minutes": 0.04, "approvers": SPELLINGS[1:]},
    {"after_minutes": 30, "approvers": [BOB]},
]
AT_LAST = [{"after_minutes": 30, "approvers": [CAROL]}]


async def approved(client: Client) -> Asking:
    asking = Asking.of(client)
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        await asking.respond("approve", notes="fine")
        await asking.result()
    return asking


async def modified_with_receipt(client: Client) -> Asking:
    asking = Asking.of(client, approver=[ALICE, BOB], payload={"amount": 10})
    asking.input.receipts = True
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent", times=2)
        await asking.respond("modify", data={"payload": {"amount": 5}})
        await asking.result()
    return asking


async def escalated_and_expired(client: Client) -> Asking:
    asking = Asking.of(client, timeout_minutes=0.05, escalation=BACKUP)
    async with asking.worker():
        await asking.start()
        await asking.result()
    return asking


async def not_me_then_denied(client: Client) -> Asking:
    asking = Asking.of(client, escalation=LATER)
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        await asking.respond("not_me")
        await asking.recorded("notification.sent", times=2)
        await asking.respond("deny", by=BOB)
        await asking.result()
    return asking


async def undeliverable(client: Client) -> Asking:
    asking = Asking.of(client, escalation=LATER)
    asking.mailroom.fail[ALICE] = ApplicationError("no", type=UNDELIVERABLE, non_retryable=True)
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        await asking.respond("approve", by=BOB)
        await asking.result()
    return asking


async def withdrawn(client: Client) -> Asking:
    asking = Asking.of(client)
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        await asking.handle.signal(CANCEL, signer.sign(asking.withdrawal(), SignedWithdrawal))
        await asking.result()
    return asking


async def cancelled_by_an_operator(client: Client) -> Asking:
    asking = Asking.of(client)
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        await asking.handle.cancel()
        await asking.result()
    return asking


async def noise_then_approved_in_one_task(client: Client) -> Asking:
    asking = Asking.of(client)
    await asking.start()
    await asking.handle.signal(RESPOND, args=[])
    await asking.handle.signal("unknown", "what")
    await asking.respond("approve")
    async with asking.worker():
        await asking.result()
    return asking


async def answered_after_an_outage(client: Client) -> Asking:
    asking = Asking.of(client, timeout_minutes=1 / 60)
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
    await asking.happened(EventType.EVENT_TYPE_TIMER_FIRED)
    await asking.respond("approve", received_at=asking.input.expires_at)
    async with asking.worker():
        await asking.result()
    return asking


async def without_search_attributes(client: Client) -> Asking:
    asking = Asking.of(client)
    asking.input.indexed = False
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        await asking.respond("deny")
        await asking.result()
    return asking


async def extended_with_a_file_and_scheduled(client: Client) -> Asking:
    asking = Asking.of(client, escalation=BACKUP, response_type={"type": "schedule"})
    until = asking.input.expires_at + timedelta(hours=1)
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        extension = Extension(**asking.about(), agent=asking.input.agent, expires_at=until)
        await asking.handle.signal(EXTEND, signer.sign(extension, SignedExtension))
        file = Attachment(
            id="att_1", name="a.txt", url="/a", type="text/plain", size=1, sha256="0" * 64
        )
        addition = Addition(**asking.about(), agent=asking.input.agent, attachment=file)
        await asking.handle.signal(ATTACH, signer.sign(addition, SignedAddition))
        await asking.recorded("notification.sent", times=2)
        state = (await asking.reading()).state
        assert state
        data = {"execute_at": (asking.input.created_at + timedelta(days=30)).isoformat()}
        await asking.respond("approve", by=BOB, data=data, request_digest=state.shown_digest)
        await asking.result()
    return asking


async def resolved_by_an_operator(client: Client) -> Asking:
    asking = Asking.of(client, response_type={"type": "choose", "choices": ["a", "b"]})
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        await asking.respond("approve", data={"chosen": "c"})
        await asking.recorded("response.refused")
        await asking.respond("approve", by="ops-key", data={"chosen": "b"}, origin=Origin.OPERATOR)
        await asking.result()
    return asking


async def large_parts_in_the_store(client: Client) -> Asking:
    large = {"context": "0" * 64, "payload": "1" * 64}
    asking = Asking.of(client)
    asking.input.stored = large
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        await asking.respond("modify", stored={"notes": "2" * 64, "data": "3" * 64})
        await asking.result()
    return asking


async def callback_retried_and_delivered(client: Client) -> Asking:
    asking = Asking.of(client, callback_url="https://agent.example.com/hook")
    asking.mailroom.callbacks = ["the server answered 500"]
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        await asking.respond("approve")
        await asking.recorded("callback.failed")
        await asking.handle.signal(RETRY_CALLBACK)
        await asking.result()
    return asking


async def callback_given_up(client: Client) -> Asking:
    asking = Asking.of(client, callback_url="https://agent.example.com/hook")
    asking.mailroom.callbacks = ["the server answered 500"]
    async with asking.worker():
        await asking.start()
        await asking.handle.signal(
            OPERATOR_DECIDE, {"decision": "deny", "name": "Olga", "reason": "Not today"}
        )
        await asking.recorded("callback.failed")
        await asking.handle.signal(GIVE_UP_CALLBACK)
        await asking.result()
    return asking


async def reminded_and_stepped_up(client: Client) -> Asking:
    asking = Asking.of(client, escalation=LATER)
    asking.input.reminders = Reminders(after_minutes=0.02, every_minutes=10, most=2)
    asking.input.step_up = True
    asking.input.operator = "ops@example.com"
    asking.mailroom.fail[ALICE] = ApplicationError("no", type=UNDELIVERABLE, non_retryable=True)
    async with asking.worker():
        await asking.start()
        await asking.recorded("approver.reminded")
        code = CodeRequest(**asking.about(), approver=BOB, code_id="code_1")
        await asking.handle.signal(STEP_UP, signer.sign(code, SignedCodeRequest))
        # The question, the operator's mail, the reminder and the code.
        await asking.recorded("notification.sent", times=4)
        await asking.respond("approve", BOB, step_up="code_1")
        await asking.result()
    return asking


async def codes_used_up(client: Client) -> Asking:
    asking = Asking.of(client)
    asking.input.step_up = True
    asking.input.operator = "ops@example.com"
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        for number in range(1, MAX_CODES + 1):
            code = CodeRequest(**asking.about(), approver=ALICE, code_id=f"code_{number}")
            await asking.handle.signal(STEP_UP, signer.sign(code, SignedCodeRequest))
        # The question, and each code; by now the operator's mail.
        await asking.recorded("notification.sent", times=MAX_CODES + 2)
        await asking.respond("approve", step_up="code_3")
        await asking.result()
    return asking


async def told_within_bounds(client: Client) -> Asking:
    """The closing phase of the third version of the rules, with everything that it may have."""
    asking = Asking.of(client, approver=[ALICE, BOB], callback_url="https://agent.example/hook")
    asking.input.receipts = True
    asking.mailroom.fail[BOB] = ApplicationError("busy", next_retry_delay=timedelta(minutes=10))
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        await asking.respond("approve")
        await asking.result()
    return asking


async def completed_by_hand(client: Client) -> Asking:
    asking = Asking.of(client)
    asking.mailroom.fail[ALICE] = ApplicationError("busy", next_retry_delay=timedelta(minutes=10))
    async with asking.worker():
        await asking.start()
        await eventually(lambda: asking.mailroom.attempts)
        sent = client.get_async_activity_handle(
            workflow_id=asking.input.id, run_id=None, activity_id="1"
        )
        await sent.complete({"sent": "by hand"})
        await asking.recorded("notification.sent")
        await asking.respond("approve")
        await asking.result()
    return asking


async def bounced(client: Client) -> Asking:
    asking = Asking.of(client, approver=[ALICE, BOB], escalation=AT_LAST)
    asking.input.operator = "ops@example.com"
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent", times=2)
        for number, approver in enumerate([ALICE, ALICE, CAROL], start=1):
            failed = FailedDelivery(
                **asking.about(),
                approver=approver,
                channel="email",
                message="decision-request" if approver == ALICE else "escalation",
                reason="550 5.1.1 No such user",
                provider_message_id=f"id-{number}",
                provider_event_id=f"event-{number}",
            )
            await asking.handle.signal(DELIVERY_FAILED, signer.sign(failed, SignedFailedDelivery))
            # Carol's question, the operator's mail.
            await asking.recorded("notification.sent", times=4)
        await asking.recorded("notification.sent", times=5)
        await asking.respond("deny", BOB)
        await asking.result()
    return asking


async def channels_in_turn(client: Client) -> Asking:
    """The first channel fails at once, the second by its bounce, and the third is left."""
    later: list[Any] = [{"channel": "email"}, {"channel": "webhook", "after_minutes": 9}]
    asking = Asking.of(client, approver=[ALICE, BOB], channel=["slack", *later])
    asking.input.routes = {BOB: [ChannelStep(channel="slack")]}
    asking.input.receipts = True
    gone = ApplicationError("no such user", type=UNDELIVERABLE, non_retryable=True)
    asking.mailroom.fail = {"slack": gone}
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent")
        await asking.recorded("delivery.failed", times=2)
        failed = FailedDelivery(
            **asking.about(),
            approver=ALICE,
            channel="email",
            message="decision-request",
            reason="550 5.1.1 No such user",
            provider_message_id="id-1",
            provider_event_id="event-1",
        )
        await asking.handle.signal(DELIVERY_FAILED, signer.sign(failed, SignedFailedDelivery))
        await asking.recorded("notification.sent", times=2)
        await asking.respond("approve")
        await asking.result()
    return asking


async def spelled_twice_by_the_first_rules(client: Client) -> Asking:
    """Recorded by a release that knew no others: two spellings are two people, and a step that
    names nobody new is an escalation."""
    asking = Asking.of(client, approver=SPELLINGS[0], escalation=SPELLED_TWICE)
    asking.input.rules_version = 1
    async with asking.worker():
        await asking.start()
        await asking.recorded("notification.sent", times=2)
        await asking.respond("not_me", SPELLINGS[0])
        await asking.recorded("approver.declined")
        await asking.respond("deny", SPELLINGS[1])
        await asking.result()
    return asking


async def spelled_twice(client: Client) -> Asking:
    """One person, whom both steps remind, and who is replaced at once."""
    asking = Asking.of(client, approver=SPELLINGS[0], escalation=SPELLED_TWICE)
    async with asking.worker():
        await asking.start()
        await asking.recorded("approver.reminded", times=2)
        await asking.respond("not_me", SPELLINGS[0])
        await asking.recorded("decision.escalated")
        await asking.respond("approve", BOB)
        await asking.result()
    return asking


SHAPES: list[Callable[[Client], Awaitable[Asking]]] = [
    approved,
    modified_with_receipt,
    escalated_and_expired,
    not_me_then_denied,
    undeliverable,
    withdrawn,
    cancelled_by_an_operator,
    noise_then_approved_in_one_task,
    answered_after_an_outage,
    without_search_attributes,
    extended_with_a_file_and_scheduled,
    resolved_by_an_operator,
    large_parts_in_the_store,
    callback_retried_and_delivered,
    callback_given_up,
    reminded_and_stepped_up,
    codes_used_up,
    told_within_bounds,
    completed_by_hand,
    bounced,
    channels_in_turn,
    spelled_twice_by_the_first_rules,
    spelled_twice,
]


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = DevServer(await get_dev_server(), Path(folder))
        await server.start()
        client = await server.client()
        for shape in SHAPES:
            path = HISTORIES / f"{shape.__name__}.json"
            if not path.exists():
                history = await (await shape(client)).handle.fetch_history()
                path.write_text(STACK_TRACE.sub("", history.to_json()) + "\n")
        server.stop()


if __name__ == "__main__":
    asyncio.run(main())
