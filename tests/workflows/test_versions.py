"""A decision by rules that this release does not know: it is left to a newer one, beside which this
release works while it is being replaced."""

from __future__ import annotations

from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from handover.models import Status
from tests.dev_server import DevServer
from tests.support import eventually
from tests.workflows.harness import Asking
from workflows.decision import DecisionWorkflow
from workflows.lifecycle import RULES_VERSION, UnknownRulesError
from workflows.messages import WORKFLOW, DecisionInput, Outcome
from workflows.options import channel_queue

LATER = 99


@workflow.defn(name=WORKFLOW)
class LaterDecisionWorkflow(DecisionWorkflow):
    """That of a later release, to which these rules are known."""

    @workflow.init
    def __init__(self, input: DecisionInput) -> None:
        known = input.model_copy(update={"rules_version": RULES_VERSION})
        super().__init__(known if input.rules_version == LATER else input)

    @workflow.run
    async def run(self, input: DecisionInput) -> Outcome:
        return await super().run(input)


async def test_a_worker_leaves_what_it_does_not_know_to_a_newer_one(
    dev_client: Client, dev_server: DevServer
) -> None:
    """It fails the task with a sentence, and nothing else: the decision waits, and is asked and
    answered once somebody knows its rules, while this worker goes on polling."""
    asking = Asking.of(dev_client)
    asking.input.rules_version = LATER
    queue = asking.task_queue
    # Polls are served in turn, and each failed try makes the next one later.
    ours = Worker(
        dev_client,
        task_queue=queue,
        workflows=[DecisionWorkflow],
        max_concurrent_workflow_task_polls=2,
    )
    newer = Worker(
        await dev_server.client(),  # as a process of its own has one
        task_queue=queue,
        workflows=[LaterDecisionWorkflow],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    mails = Worker(
        dev_client,
        task_queue=channel_queue(queue, "email"),
        activities=[asking.mailroom.send_notification],
    )
    async with mails, ours:
        # A task that fails again is left to its time limit by Temporal's SDK: ten seconds.
        await asking.start(task_timeout=timedelta(seconds=1))
        assert f"version {LATER} of the rules" in await eventually(lambda: failure_of(asking))
        async with newer:
            await eventually(lambda: asking.mailroom.sent, timeout=60)
            await asking.respond("approve")
            outcome = await asking.handle.result()
    assert outcome.status == Status.APPROVED
    with pytest.raises(UnknownRulesError):
        await asking.reading()


async def failure_of(asking: Asking) -> str:
    """Why a task of this decision failed; empty until one did."""
    async for event in asking.handle.fetch_history_events():
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            return event.workflow_task_failed_event_attributes.failure.message
    return ""
