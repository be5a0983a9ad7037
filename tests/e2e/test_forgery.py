"""Somebody with access to Temporal, who starts, resets, ends and answers decisions at will.

Whatever they do, the API never says approved.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from handover.models import DecisionRequest, Origin, Status
from tests import web
from tests.approver import answer_link, mails, newest_mail, press
from tests.dev_server import DevServer
from tests.service import RunningService
from tests.support import eventually
from tests.workflows.harness import make_input, stranger
from tests.workflows.rogue import RogueWorkflow, UpsertingWorkflow
from workflows import proof
from workflows.messages import WORKFLOW, DecisionInput, Outcome
from workflows.statements import RESPOND, Response, SignedResponse


@dataclass
class Intruder:
    """A decision of the service, and a Temporal client that may do anything."""

    service: RunningService
    client: Client
    decision_id: str
    approver: str

    async def read(self) -> dict[str, Any]:
        async with web.client(headers=self.service.headers) as agent:
            answer = await agent.get(f"{self.service.base_url}/decisions/{self.decision_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def settled(self) -> dict[str, Any]:
        async def final() -> dict[str, Any] | None:
            decision = await self.read()
            return decision if decision["status"] != Status.PENDING else None

        decision = await eventually(final)
        assert decision
        return decision

    async def link(self) -> str:
        return answer_link(await newest_mail(self.service, self.approver))

    async def recorded_input(self) -> DecisionInput:
        """What the service started the decision with, as anybody can read it."""
        events = self.client.get_workflow_handle(self.decision_id).fetch_history_events()
        started = (await anext(events)).workflow_execution_started_event_attributes
        return DecisionInput.model_validate_json(started.input.payloads[0].data)

    async def forged_approval(self, input: DecisionInput) -> SignedResponse:
        """Right in everything but the key that signed it."""
        run = await self.client.get_workflow_handle(self.decision_id).describe()
        return stranger.sign(
            Response(
                decision_id=input.id,
                run_id=run.run_id,
                request_digest=input.request_digest,
                approver=self.approver,
                choice="approve",
                received_at=input.created_at,
            ),
            SignedResponse,
        )

    async def start_again(self, input: DecisionInput) -> None:
        """The same id with this input, as only Temporal's own rules allow or forbid."""
        await self.client.get_workflow_handle(self.decision_id).terminate("intruder")
        await self.client.start_workflow(
            WORKFLOW,
            input,
            id=self.decision_id,
            task_queue=self.service.task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        )


@pytest.fixture
async def intruder(dev_server: DevServer, service: RunningService) -> Intruder:
    approver = f"{secrets.token_hex(8)}@example.com"
    async with web.client(headers=service.headers) as agent:
        body = {"action": "Refund 10 EUR", "approver": approver}
        answer = await agent.post(f"{service.base_url}/decisions", json=body)
    return Intruder(service, await dev_server.client(), answer.json()["id"], approver)


def assert_no_approval(decision: dict[str, Any]) -> None:
    assert decision["status"] == Status.CANCELLED
    assert decision["approved"] is False
    assert decision["origin"] == Origin.OPERATOR


async def test_terminated(intruder: Intruder) -> None:
    """It reads as cancelled by an operator, and the link says so."""
    link = await intruder.link()
    await intruder.client.get_workflow_handle(intruder.decision_id).terminate("no more")
    assert_no_approval(await intruder.settled())
    async with web.client() as browser:
        page = await browser.get(link)
        late = await browser.post(link, data={"choice": "approve", "digest": "x"})
    assert "Cancelled by an operator" in page.text
    assert late.status_code == 409


async def test_started_again_with_another_input(intruder: Intruder) -> None:
    """A larger refund under the id of a smaller one: nobody is asked, and nothing is approved."""
    await intruder.link()
    input = await intruder.recorded_input()
    await intruder.start_again(
        input.model_copy(
            update={
                "request": DecisionRequest(action="Refund 10,000 EUR", approver="x@example.com")
            }
        )
    )
    assert_no_approval(await intruder.settled())
    assert mails(intruder.service, "x@example.com") == []


async def test_started_again_with_an_input_sealed_by_another_key(intruder: Intruder) -> None:
    """The intruder's own keyring in the input makes their responses valid to the workflow alone.
    Whoever reads it is told of a key that this service does not know, and of no approval."""
    await intruder.link()
    input = await intruder.recorded_input()
    forged = input.model_copy(update={"keyring": stranger.keyring, "receipts": False})
    await intruder.start_again(stranger.seal(forged))
    handle = intruder.client.get_workflow_handle(intruder.decision_id, result_type=Outcome)
    response = await intruder.forged_approval(input)
    await handle.signal(RESPOND, response)
    assert (await handle.result()).status == Status.APPROVED
    async with web.client(headers=intruder.service.headers) as agent:
        answer = await agent.get(
            f"{intruder.service.base_url}/decisions/{intruder.decision_id}?wait=1"
        )
    assert answer.status_code == httpx2.codes.SERVICE_UNAVAILABLE
    assert next(iter(stranger.keyring)) in answer.json()["detail"]


async def test_started_with_the_sealed_input_of_another_decision(
    intruder: Intruder, service: RunningService
) -> None:
    """A seal is for one id."""
    await intruder.link()
    other = make_input().model_copy(update={"id": "dec_other"})
    async with web.client(headers=service.headers) as agent:
        body = {"action": "Harmless", "approver": intruder.approver}
        made = (await agent.post(f"{service.base_url}/decisions", json=body)).json()["id"]
    donor = Intruder(service, intruder.client, made, intruder.approver)
    assert other.id != made
    await intruder.start_again(await donor.recorded_input())
    assert_no_approval(await intruder.settled())


async def test_reset_after_a_denial(intruder: Intruder) -> None:
    """A reset would give the decision a second life; it has none."""
    answer = await press(await intruder.link(), "deny")
    assert answer.status_code == 200
    handle = intruder.client.get_workflow_handle(intruder.decision_id)
    await handle.result()
    completed = [
        event.event_id
        async for event in handle.fetch_history_events()
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    ]
    await intruder.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=intruder.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=intruder.decision_id),
            workflow_task_finish_event_id=completed[0],
            request_id=secrets.token_hex(8),
            reason="intruder",
        )
    )

    async def was_reset() -> bool:
        return (await intruder.read())["status"] == Status.CANCELLED

    await eventually(was_reset)
    await press_anyway(await intruder.link())
    assert_no_approval(await intruder.read())


async def press_anyway(link: str) -> None:
    """Approve without a form: as somebody who kept the page open."""
    async with web.client() as browser:
        answer = await browser.post(link, data={"choice": "approve", "digest": "x"})
    assert answer.status_code == 409


async def test_a_rogue_worker_that_completes_with_an_approval(
    dev_server: DevServer, own_service: RunningService
) -> None:
    """Polling the task queue, it claims the status and the result; neither is believed."""
    client = await dev_server.client()
    own_service.end("worker")
    async with (
        Worker(
            client,
            task_queue=own_service.task_queue,
            workflows=[RogueWorkflow],
            workflow_runner=UnsandboxedWorkflowRunner(),
        ),
        web.client(headers=own_service.headers, timeout=60) as agent,
    ):
        body = {"action": "Refund", "approver": "a@example.com"}
        answer = await agent.post(f"{own_service.base_url}/decisions?wait=20", json=body)
        handle = client.get_workflow_handle(answer.json()["id"], result_type=Outcome)
        assert (await handle.result()).status == Status.APPROVED
        again = await agent.get(f"{own_service.base_url}/decisions/{handle.id}?wait=20")
    assert_no_approval(again.json())
    assert answer.json()["approved"] is False


async def test_a_rogue_worker_that_writes_into_the_index(
    dev_server: DevServer, own_service: RunningService
) -> None:
    """A status that no proven response has led to ends the decision; no list says approved."""
    client = await dev_server.client()
    own_service.end("worker")
    async with (
        Worker(
            client,
            task_queue=own_service.task_queue,
            workflows=[UpsertingWorkflow],
            workflow_runner=UnsandboxedWorkflowRunner(),
        ),
        web.client(headers=own_service.headers, timeout=60) as agent,
    ):
        body = {"action": "Refund", "approver": "a@example.com"}
        answer = await agent.post(f"{own_service.base_url}/decisions?wait=20", json=body)
        made = answer.json()["id"]
        assert_no_approval((await agent.get(f"{own_service.base_url}/decisions/{made}")).json())
        query = f"WorkflowId = '{made}' AND HandoverStatus = 'approved'"

        async def is_indexed() -> bool:
            return (await client.count_workflows(query)).count == 1

        await eventually(is_indexed)
        listed = await agent.get(f"{own_service.base_url}/decisions?status=approved")
        await client.get_workflow_handle(made).terminate("end of the test")
    assert made not in [decision["id"] for decision in listed.json()["decisions"]]


async def test_a_response_signalled_past_the_api(intruder: Intruder) -> None:
    """Unsigned, or with a signature that is nobody's: the decision goes on waiting."""
    await intruder.link()
    input = await intruder.recorded_input()
    handle = intruder.client.get_workflow_handle(intruder.decision_id)
    await handle.signal(RESPOND, {"approver": intruder.approver, "choice": "approve"})
    response = await intruder.forged_approval(input)
    await handle.signal(RESPOND, response)
    # With our key's name on it, so that the worker does the arithmetic.
    response.signature.key_id = next(iter(input.keyring))
    await handle.signal(RESPOND, response)

    async def refused() -> bool:
        async with web.client(headers=intruder.service.headers) as agent:
            url = f"{intruder.service.base_url}/decisions/{intruder.decision_id}/audit"
            entries = (await agent.get(url)).json()["entries"]
        reasons = [e["details"]["reason"] for e in entries if e["type"] == "response.refused"]
        return reasons == ["malformed", "unproven", "unproven"]

    await eventually(refused)
    assert (await intruder.read())["status"] == Status.PENDING
    assert (await press(await intruder.link(), "approve")).status_code == 200
    assert (await intruder.read())["approved"] is True


async def test_an_old_decision_started_again_much_later(intruder: Intruder) -> None:
    """Its seal is good and its content the same, but it is not the run that was started then."""
    from histories.fold import START_TOLERANCE, Fold

    keyring = (await intruder.recorded_input()).keyring
    fold = Fold(intruder.decision_id, keyring)
    async for event in intruder.client.get_workflow_handle(
        intruder.decision_id
    ).fetch_history_events():
        late = event.event_time.ToDatetime() + START_TOLERANCE + timedelta(seconds=1)
        event.event_time.FromDatetime(late)
        fold.feed(event)
    assert fold.reading.annulled == "started again after the decision was created"
    assert proof.key_id(next(iter(keyring.values()))) == next(iter(keyring))
