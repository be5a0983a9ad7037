"""`/healthz`, `/readyz` and `/metrics`, for operators and their machines."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.service import RPCError

from api.doors.deps import Service, ServiceDep
from api.http.openapi import headers
from api.problems.errors import RETRY_AFTER, ApiError
from api.problems.temporal import asking_temporal
from store import StoreError

POLLED_WITHIN = timedelta(seconds=75)
"""Age of a worker's last poll while it counts as alive. A poll lasts up to 60 s; Temporal remembers
a dead worker for five minutes."""

ROOM = 64 * 1024 * 1024
"""Bytes that have to be free: enough for a database, its log and some mails."""

router = APIRouter(tags=["operation"])


DEGRADES = ("channels", "workflows")
"""Checks that only degrade the service: decisions are still taken, and people asked by other
channels."""


class Readiness(BaseModel):
    """The state of the service. `checks` says "ok" of each part, or what is wrong with it."""

    status: Literal["ready", "degraded", "not ready"]
    checks: dict[str, str]


NOT_READY = {
    "model": Readiness,
    "description": "Not ready",
    "headers": headers(Retry_After="Seconds after which to ask again."),
}


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Return whether this process runs."""
    return {"status": "ok"}


@router.get("/readyz", response_model=Readiness, responses={503: NOT_READY})
async def readyz(service: ServiceDep) -> JSONResponse:
    """Return whether decisions can be taken and people asked: 503 with the reasons if not.
    `degraded` is 200: something is wrong, but nothing that the asking machine could act on."""
    checks = {
        "temporal": await _holds(_temporal_answers(service)),
        "store": await _holds(service.store.ping()),
        "worker": await _holds(_worker_polls(service)),
        "clock": await _holds(service.clock.check()),
        "disk": await _holds(has_room(service.settings.data_dir)),
        "channels": await _holds(_channels_work(service)),
        "workflows": await _holds(service.waiting.stalled.check(service.waiting.look)),
    }
    wrong = {name for name, check in checks.items() if check != "ok"}
    ready = wrong <= set(DEGRADES)
    status = ("degraded" if wrong else "ready") if ready else "not ready"
    return JSONResponse(
        {"status": status, "checks": checks},
        status_code=200 if ready else 503,
        headers={} if ready else {"Retry-After": str(RETRY_AFTER)},
    )


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(service: ServiceDep) -> Response:
    """Return Prometheus metrics."""
    service.metrics.waiting.set(service.waiting.waiting)
    return Response(await service.metrics.render(), media_type="text/plain; version=0.0.4")


async def _holds(check: Awaitable[None]) -> str:
    try:
        await check
    except (ApiError, RPCError, StoreError, OSError) as error:
        return str(error)
    return "ok"


async def _temporal_answers(service: Service) -> None:
    async with asking_temporal():
        await service.client.service_client.check_health()


async def _worker_polls(service: Service) -> None:
    request = DescribeTaskQueueRequest(
        namespace=service.client.namespace,
        task_queue=TaskQueue(name=service.settings.task_queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    async with asking_temporal():
        answer = await service.client.workflow_service.describe_task_queue(request)
    last = max((p.last_access_time.ToDatetime(UTC) for p in answer.pollers), default=None)
    now = service.clock.temporal or datetime.now(UTC)
    if last is None or now - last > POLLED_WITHIN:
        raise ApiError("no worker polls: decisions are taken, and nobody is asked")


async def _channels_work(service: Service) -> None:
    """Check the channels, as far as a worker has found out by trying each."""
    failing = await service.store.channels.failing()
    if failing:
        raise ApiError(
            " ".join(
                f"{each.channel}: {each.reason} (the worker on {each.worker}, since"
                f" {each.since:%Y-%m-%d %H:%M:%S} UTC)"
                for each in failing
            )
        )


async def has_room(folder: Path) -> None:
    """Check the disk before it is full, while the process can still write what it takes."""
    free = (await asyncio.to_thread(shutil.disk_usage, folder)).free
    if free < ROOM:
        raise ApiError(f"{free // 1024**2} MB are free where the data folder is: make room")
