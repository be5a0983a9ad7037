"""The worker as a process: it waits, works, and stops, each in its own words."""

from __future__ import annotations

import email
import email.policy
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import RateLimitSource, TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest

from tests.activities.samples import SIGNER, make_decision
from tests.dev_server import DevServer
from tests.support import eventually, free_port, wait_until
from workflows.messages import WORKFLOW, DecisionInput
from workflows.proof import request_digest

ROOT = Path(__file__).resolve().parent.parent
StartWorker = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[StartWorker]:
    """Start `python worker.py` with these variables; its log goes to `worker.log`."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(**variables: str) -> subprocess.Popen[bytes]:
        ours = {k: v for k, v in os.environ.items() if not k.startswith(("HANDOVER_", "TEMPORAL_"))}
        ours |= {"HANDOVER_DATA_DIR": str(tmp_path / "data")} | variables
        with (tmp_path / "worker.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "worker.py"], cwd=ROOT, env=ours, stderr=log
            )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
            process.wait()


def log_of(tmp_path: Path) -> str:
    return (tmp_path / "worker.log").read_text()


def read_log(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log_of(tmp_path).splitlines()]


def test_it_waits_for_temporal_and_stops_when_told(start_worker: StartWorker, tmp_path: Path):
    """Without a server it says so and goes on trying; SIGTERM ends that with status 0."""
    worker = start_worker(TEMPORAL_ADDRESS=f"127.0.0.1:{free_port()}")
    wait_until(lambda: log_of(tmp_path).count("waiting for Temporal") >= 2, timeout=60)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HANDOVER_EMAIL_FROM", "Handover"),
        ("HANDOVER_EMAIL_TRANSPORT", "smtp"),
        ("HANDOVER_EMAIL_TRANSPORT", "sendgrid"),
        ("HANDOVER_OUTGOING_EXCEPTIONS", "localhost"),
    ],
)
def test_settings_that_cannot_work_are_one_sentence(
    start_worker: StartWorker, tmp_path: Path, name: str, value: str
):
    """Told at the start, with the setting's name and no traceback."""
    worker = start_worker(**{name: value})
    assert worker.wait(30) == 2
    [line] = log_of(tmp_path).splitlines()
    assert line.startswith("HANDOVER_")


def asked_now(decision_id: str) -> DecisionInput:
    """The samples' clock stopped when they were imported, which may be long ago."""
    now = datetime.now(UTC)
    times = {"created_at": now, "expires_at": now + timedelta(minutes=30)}
    return make_decision(decision_id, escalation=[]).model_copy(update=times)


async def test_each_channel_has_its_rate_at_the_server(
    start_worker: StartWorker, dev_server: DevServer
):
    """The setting is what Temporal says of the channel's queue; without one there is no limit."""
    queue = f"worker-{uuid.uuid4()}"
    start_worker(
        TEMPORAL_ADDRESS=dev_server.address,
        HANDOVER_TASK_QUEUE=queue,
        HANDOVER_EMAIL_PER_SECOND="7",
        HANDOVER_SLACK_PER_SECOND="0.5",
    )
    client = await dev_server.client()

    async def rate_of(channel: str) -> float | None:
        request = DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=f"{queue}-{channel}"),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
            report_config=True,
        )
        answer = await client.workflow_service.describe_task_queue(request)
        limit = answer.effective_rate_limit
        by_worker = limit.rate_limit_source == RateLimitSource.RATE_LIMIT_SOURCE_WORKER
        return limit.requests_per_second if by_worker and answer.pollers else None

    async def rates() -> list[float | None]:
        return [await rate_of(channel) for channel in ("email", "slack", "webhook")]

    async def are_set() -> bool:
        return await rates() == [7, 0.5, None]

    await eventually(are_set, timeout=60)


async def test_a_channel_that_is_not_set_up_is_told_at_once(
    start_worker: StartWorker, dev_server: DevServer
):
    """Its messages wait for nobody: the decision's record says why the approver was not asked."""
    queue = f"worker-{uuid.uuid4()}"
    decision = asked_now(f"dec_{queue}")
    asked = decision.request.model_copy(update={"channel": "slack"})
    decision = decision.model_copy(
        update={"request": asked, "request_digest": request_digest(asked)}
    )
    start_worker(
        TEMPORAL_ADDRESS=dev_server.address,
        HANDOVER_TASK_QUEUE=queue,
        HANDOVER_VERIFY_KEYS=",".join(SIGNER.keyring.values()),
    )
    client = await dev_server.client()
    handle = await client.start_workflow(
        WORKFLOW, SIGNER.seal(decision), id=decision.id, task_queue=queue
    )

    async def failures() -> list[str]:
        events = [event async for event in handle.fetch_history_events()]
        failed = [event.activity_task_failed_event_attributes for event in events]
        return [each.failure.message for each in failed if each.failure.message]

    assert "slack' is not set up" in (await eventually(failures, timeout=60))[0]
    await handle.terminate("end of the test")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_runs_a_decision_and_stops_cleanly(
    start_worker: StartWorker, dev_server: DevServer, tmp_path: Path, number: signal.Signals
):
    """A started decision ends as a mail in the outbox; a signal, given twice, as status 0."""
    queue = f"worker-{uuid.uuid4()}"
    decision = asked_now(f"dec_{queue}")
    worker = start_worker(
        TEMPORAL_ADDRESS=dev_server.address,
        HANDOVER_TASK_QUEUE=queue,
        HANDOVER_VERIFY_KEYS=",".join(SIGNER.keyring.values()),
    )
    client = await dev_server.client()
    await client.start_workflow(WORKFLOW, SIGNER.seal(decision), id=decision.id, task_queue=queue)
    outbox = tmp_path / "data" / "outbox"
    [file] = await eventually(lambda: list(outbox.glob("*.eml")), timeout=60)
    mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert mail["Subject"] == "Approval needed: Refund order 1142"
    await eventually(lambda: "message sent" in log_of(tmp_path))
    [sent] = [line for line in read_log(tmp_path) if line["message"] == "message sent"]
    assert sent["decision_id"] == decision.id
    worker.send_signal(number)
    worker.send_signal(number)
    await eventually(lambda: worker.poll() is not None, timeout=20)
    assert worker.returncode == 0
    assert read_log(tmp_path)[-1]["message"] == "worker stopped"
