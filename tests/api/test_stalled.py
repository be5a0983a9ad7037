"""A worker that cannot go on with a decision: the decision says so, and `/readyz`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from api.decisions.waiting import Waiting
from api.problems.errors import ApiError
from handover.models import Status
from histories.decision import read_decision
from histories.loading import Histories
from histories.reading import STALLED_AFTER
from tests.readings import live
from tests.workflows.harness import Asking, signer
from workflows.messages import WORKFLOW


@workflow.defn(name=WORKFLOW)
class BrokenWorkflow:
    """That of a release with a fault, which no retry mends."""

    @workflow.run
    async def run(self, input: Any) -> None:
        raise ZeroDivisionError("a fault of this release")


async def test_a_workflow_that_does_not_go_on(
    temporal: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Since when and why; and nothing any more once a worker goes on with it."""
    asking = Asking.of(temporal)
    waiting = Waiting(temporal, Histories(temporal, signer.keyring), most=1)
    broken = Worker(
        temporal,
        task_queue=asking.task_queue,
        workflows=[BrokenWorkflow],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with broken:
        # A task that fails again is left to its time limit by Temporal's SDK: ten seconds.
        await asking.start(task_timeout=timedelta(seconds=1))
        await asking.happened(EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED)
    reading = live(await waiting.look(asking.input.id))
    assert reading.failing
    assert read_decision(reading, reading.failing.since + STALLED_AFTER / 2).stalled is None
    told = read_decision(reading, datetime.now(UTC) + STALLED_AFTER).stalled
    assert told
    assert f"{reading.failing.since:%H:%M:%S} UTC" in told
    assert "a fault of this release" in told
    await waiting.stalled.check(waiting.look)  # it may pass
    monkeypatch.setattr("histories.reading.STALLED_AFTER", timedelta())
    with pytest.raises(ApiError, match=f"{asking.input.id} does not go on.+worker that can go on"):
        await waiting.stalled.check(waiting.look)
    async with asking.worker():
        await asking.recorded("notification.sent")
        assert live(await waiting.look(asking.input.id)).failing is None
        await asking.respond("approve")
        assert (await asking.result()).status == Status.APPROVED
    await waiting.stalled.check(waiting.look)
