"""The reasons why messages that are under way have not gone out.

Temporal keeps no event of an attempt that is followed by another: it tells of what is pending.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import PendingActivityState as State
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.converter import PayloadCodec

from api.problems.temporal import asking_temporal
from histories.encryption import decoded_failure
from histories.fold import innermost
from histories.reading import Delay, Live
from workflows.messages import HELD_BACK, SEND_NOTIFICATION

PUNCTUAL = timedelta(seconds=10)
"""Time within which a message goes out if all is well."""

PAUSED = (State.PENDING_ACTIVITY_STATE_PAUSED, State.PENDING_ACTIVITY_STATE_PAUSE_REQUESTED)


def is_overdue(reading: Live, now: datetime) -> bool:
    """Return whether it is time to ask why a message of this decision is still under way, or why
    there is none."""
    if reading.closed or now - reading.input.created_at < PUNCTUAL:
        return False
    results = [each.result for each in reading.notifications]
    return "pending" in results or not (results or reading.settled)


async def delays_of(client: Client, reading: Live) -> dict[str, Delay]:
    """Return the delays by the id of the activity. Raises `NotFound` and `Unavailable`."""
    request = DescribeWorkflowExecutionRequest(
        namespace=client.namespace,
        execution=WorkflowExecution(workflow_id=reading.decision_id, run_id=reading.run_id),
    )
    async with asking_temporal():
        answer = await client.workflow_service.describe_workflow_execution(request)
    codec = client.data_converter.payload_codec
    delays = {
        pending.activity_id: await delay_of(pending, codec)
        for pending in answer.pending_activities
        if pending.activity_type.name == SEND_NOTIFICATION
    }
    return {id: delay for id, delay in delays.items() if delay}


async def delay_of(pending: PendingActivityInfo, codec: PayloadCodec | None) -> Delay | None:
    """Return what delays a message; None if nothing does, as far as is known."""
    if pending.state in PAUSED:
        return Delay("An operator has paused it in Temporal.")
    if pending.HasField("last_failure"):
        failure = await decoded_failure(pending.last_failure, codec)
        return Delay(innermost(failure), failure.application_failure_info.type == HELD_BACK)
    is_scheduled = pending.state == State.PENDING_ACTIVITY_STATE_SCHEDULED
    if is_scheduled and datetime.now(UTC) - pending.scheduled_time.ToDatetime(UTC) > PUNCTUAL:
        return Delay("No worker has taken it up yet.")
    return None
