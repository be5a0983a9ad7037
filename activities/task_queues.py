"""The task queues that one worker process polls: one for decisions, and one for each channel.

So a provider's limit is that of its channel alone, and while one provider is away only its own
messages wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.worker import PollerBehaviorAutoscaling, Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from handover.models import Channel
from workflows.decision import DecisionWorkflow
from workflows.options import channel_queue

Activity = Callable[..., Any]

ONE_TO_MANY = PollerBehaviorAutoscaling(initial=1)
"""Polling of a queue on which nothing happens: by one request at a time."""

RUNNER = SandboxedWorkflowRunner(
    restrictions=SandboxRestrictions.default.with_passthrough_modules("handover", "workflows")
)
"""The sandbox. It loads nothing of ours anew for every decision: that would be a third of a
worker's work. Tests replay the workflow in the whole sandbox, and see that it does nothing that it
may not."""

CONCURRENCY = {Channel.EMAIL: 4, Channel.SLACK: 4, Channel.WEBHOOK: 25}
"""Messages that one worker has under way: so many at most are sent twice when it is killed. More
would only wait for the processor and the store, for so long that a record could be given up.

Each approver's own system is another one, which may hang alone, and which knows a repeated message
by its id.
"""

NO_RATES: Mapping[str, float | None] = {}


@asynccontextmanager
async def working(
    client: Client,
    task_queue: str,
    send: Activity,
    *others: Activity,
    per_second: Mapping[str, float | None] = NO_RATES,
    grace: timedelta = timedelta(0),
) -> AsyncGenerator[None]:
    """Work until the context is left; `grace` is for messages under way by then.

    `send` is the activity for messages, of which `per_second` bounds how many a second all workers
    together begin by a channel. Also channels that are not set up have someone who says so.
    """
    deciding = Worker(
        client,
        task_queue=task_queue,
        workflows=[DecisionWorkflow],
        workflow_runner=RUNNER,
        activities=others,
        graceful_shutdown_timeout=grace,
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=ONE_TO_MANY,
    )
    sending = [
        Worker(
            client,
            task_queue=channel_queue(task_queue, channel),
            activities=[send],
            graceful_shutdown_timeout=grace,
            max_concurrent_activities=CONCURRENCY[channel],
            activity_task_poller_behavior=ONE_TO_MANY,
            max_task_queue_activities_per_second=per_second.get(channel),
        )
        for channel in Channel
    ]
    async with AsyncExitStack() as stack:
        workers = [deciding, *sending]
        for worker in workers:
            await stack.enter_async_context(worker)
        try:
            yield
        finally:
            # All at once: one after the other, each would take its grace.
            await asyncio.gather(*(worker.shutdown() for worker in workers))
