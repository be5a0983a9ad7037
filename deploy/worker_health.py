"""Checks that the worker of this container polls: `python -m deploy.worker_health`, status 0 or 1.

A running process proves little. Temporal knows who asked it for work, and a worker gives its host's
name, which in a container is the container's own.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import PollerInfo, TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.service import RPCError

from settings.model import Settings
from settings.temporal import connect

POLLED_WITHIN = timedelta(seconds=75)
"""Age of a worker's last poll while it counts as healthy; a poll lasts up to 60 s."""


async def pollers(task_queue: str) -> list[PollerInfo]:
    """Return the pollers of this task queue. Raises the errors of connecting and asking."""
    client = await connect()
    answer = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=task_queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        ),
        timeout=timedelta(seconds=10),
    )
    return list(answer.pollers)


def is_ours(poller: PollerInfo) -> bool:
    """Return whether it is on this host, and polled not long ago."""
    last = poller.last_access_time.ToDatetime(UTC)
    here = poller.identity.partition("@")[2] == socket.gethostname()
    return here and datetime.now(UTC) - last < POLLED_WITHIN


def main() -> int:
    """Return the exit status."""
    try:
        found = asyncio.run(pollers(Settings().task_queue))
    except (RPCError, RuntimeError) as error:
        print(f"Temporal cannot be asked: {error}")  # noqa: T201 - Docker keeps what it says
        return 1
    return 0 if any(map(is_ours, found)) else 1


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # Temporal's native threads may otherwise end it with a status of theirs
