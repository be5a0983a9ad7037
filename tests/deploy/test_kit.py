"""The commands of docker-compose.yml, started without Docker.

From the files that the image holds, with the environment that the containers get: only addresses,
ports and paths are those of this machine, and PostgreSQL, Temporal and the mail server are ours.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path
from typing import cast

import httpx2
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest

from settings.keys import new_secrets
from tests import web
from tests.approver import answer_link, press
from tests.deploy import compose
from tests.deploy.compose import ENV_EXAMPLE, ROOT, SERVICES
from tests.dev_server import DevServer
from tests.postgres import PostgresServer
from tests.support import eventually, free_port
from workflows.options import SEARCH_ATTRIBUTES


class Mailbox:
    """In Mailpit's place: takes every mail and keeps it."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        content = cast(bytes, envelope.content)
        mail = email.message_from_bytes(content, policy=email.policy.default)
        self.mails.append(cast(EmailMessage, mail))
        return "250 OK"


class Kit:
    """The compose file's services on this machine, as far as they are ours."""

    def __init__(self, folder: Path, temporal: str, postgres: str, smtp_port: int) -> None:
        self._folder = folder
        self._app = folder / "app"
        self._port = free_port()
        self.base_url = f"http://127.0.0.1:{self._port}"
        made = new_secrets()
        self._variables = compose.read_env(ENV_EXAMPLE.read_text()) | {
            "POSTGRES_PASSWORD": secrets.token_urlsafe(32),
            **{f"HANDOVER_{name.upper()}": made[name] for name in made if name.endswith("_keys")},
            "HANDOVER_PUBLIC_URL": self.base_url,
        }
        # What is left is the containers' own: their names in the network, their ports and paths.
        self._here = {
            "temporal:7233": temporal,
            "@postgres:5432": f"@{postgres}",
            "mailpit": "127.0.0.1",
            "1025": str(smtp_port),
            "0.0.0.0": "127.0.0.1",  # noqa: S104 - in its place
            "8000": str(self._port),
            "python": sys.executable,
        }
        self.data = folder / "data"
        compose.lay_out(self._app)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def environment(self, service: str) -> dict[str, str]:
        filled = compose.environment(service, self._variables)
        ours = {name: self._local(value) for name, value in filled.items()}
        # The Dockerfile's, which the compose file does not repeat.
        return ours | {"PATH": os.environ["PATH"], "HANDOVER_DATA_DIR": str(self.data)}

    def _local(self, value: str) -> str:
        if value in self._here:
            return self._here[value]
        return value.replace("@postgres:5432", self._here["@postgres:5432"])

    def start(self, service: str) -> None:
        command = [self._local(word) for word in SERVICES[service]["command"]]
        with self._log(service).open("wb") as log:
            self._processes[service] = subprocess.Popen(
                command, cwd=self._app, env=self.environment(service), stdout=log, stderr=log
            )

    def is_healthy(self, service: str, **changed: str) -> bool:
        """What the container's own health check finds."""
        kind, program, *arguments = SERVICES[service]["healthcheck"]["test"]
        assert (kind, program) == ("CMD", "python")
        words = [word.replace("127.0.0.1:8000", f"127.0.0.1:{self._port}") for word in arguments]
        checked = subprocess.run(
            [sys.executable, *words],
            cwd=self._app,
            env=self.environment(service) | changed,
            capture_output=True,
            check=False,
        )
        return checked.returncode == 0

    async def until_healthy(self, service: str) -> None:
        async def ended_or_healthy() -> bool:
            ended = self._processes[service].poll() is not None
            return ended or await asyncio.to_thread(self.is_healthy, service)

        await eventually(ended_or_healthy, timeout=90)
        assert self._processes[service].poll() is None, self._log(service).read_text()

    def stop(self) -> dict[str, int]:
        """As Docker does it; the exit statuses."""
        for process in self._processes.values():
            process.send_signal(signal.SIGTERM)
        return {name: process.wait(30) for name, process in self._processes.items()}

    def _log(self, service: str) -> Path:
        return self._folder / f"{service}.log"


@pytest.fixture
async def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
async def smtp_port(mailbox: Mailbox) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(mailbox, loop=loop), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


@pytest.fixture(scope="module")
async def database(postgres: PostgresServer) -> str:
    """The address of a PostgreSQL server with what POSTGRES_USER and POSTGRES_DB would make."""
    made = SERVICES["postgres"]["environment"]
    await postgres.execute(f"CREATE ROLE {made['POSTGRES_USER']} LOGIN SUPERUSER")
    await postgres.execute(f"CREATE DATABASE {made['POSTGRES_DB']}")
    return postgres.address


@pytest.fixture
async def kit(
    tmp_path: Path, dev_server: DevServer, database: str, smtp_port: int
) -> AsyncIterator[Kit]:
    kit = Kit(tmp_path, dev_server.address, database, smtp_port)
    yield kit
    kit.stop()


def make_namespace(
    program: Path, folder: Path, address: str, retention: str
) -> subprocess.CompletedProcess[str]:
    """Run deploy/temporal/namespace.sh as its container does."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    if not (programs / "temporal").exists():
        (programs / "temporal").symlink_to(program)
    variables = {"TEMPORAL_RETENTION": retention}
    return subprocess.run(
        ["sh", ROOT / "deploy/temporal/namespace.sh"],
        env=compose.environment("temporal-namespace", variables)
        | {"TEMPORAL_ADDRESS": address, "PATH": f"{programs}:/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


async def test_the_namespace_is_made_once_and_keeps_what_env_says(
    dev_server: DevServer, dev_server_program: Path, tmp_path: Path
):
    """A second run with another retention finds the namespace and gives it that retention."""
    client = await dev_server.client()
    ids = set[str]()
    for days in (3650, 40):
        done = await asyncio.to_thread(
            make_namespace, dev_server_program, tmp_path, dev_server.address, f"{days}d"
        )
        assert done.returncode == 0, done.stderr
        found = await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace="handover")
        )
        assert found.config.workflow_execution_retention_ttl.ToTimedelta().days == days
        ids.add(found.namespace_info.id)
    assert len(ids) == 1


async def test_the_namespace_has_the_search_attributes_of_the_workflow(
    dev_server: DevServer, dev_server_program: Path, tmp_path: Path
):
    """Registered before the first decision: what starts without them is never found by them."""
    done = await asyncio.to_thread(
        make_namespace, dev_server_program, tmp_path, dev_server.address, "3650d"
    )
    assert done.returncode == 0, done.stderr
    client = await dev_server.client()
    found = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace="handover")
    )
    expected = {key.name: key.indexed_value_type for key in SEARCH_ATTRIBUTES}
    assert expected.items() <= dict(found.custom_attributes).items()


def test_without_a_server_the_namespace_job_fails(dev_server_program: Path, tmp_path: Path):
    """So that Compose starts nothing that would wait for it."""
    nowhere = f"127.0.0.1:{free_port()}"
    assert make_namespace(dev_server_program, tmp_path, nowhere, "1d").returncode != 0


async def test_one_decision_on_the_kit(
    kit: Kit, mailbox: Mailbox, dev_server: DevServer, dev_server_program: Path, tmp_path: Path
):
    """An agent asks, the mail goes out by SMTP, a click answers; all is healthy and stops."""
    done = await asyncio.to_thread(
        make_namespace, dev_server_program, tmp_path, dev_server.address, "3650d"
    )
    assert done.returncode == 0, done.stderr
    kit.start("worker")
    kit.start("api")
    await kit.until_healthy("api")
    await kit.until_healthy("worker")
    key = (kit.data / "api-key").read_text()
    headers = {"Authorization": f"Bearer {key}"}
    async with web.client(base_url=kit.base_url, headers=headers, timeout=60) as agent:
        ready = await agent.get("/readyz")
        assert ready.status_code == httpx2.codes.OK, ready.text
        question = {"action": "Refund order 1142", "approver": "ann@example.com"}
        asked = (await agent.post("/decisions", json=question)).json()
        [mail] = await eventually(lambda: mailbox.mails, timeout=60)
        await press(answer_link(mail), "approve")
        answer = (await agent.get(f"/decisions/{asked['id']}", params={"wait": 30})).json()
    assert answer["status"] == "approved"
    assert mail["From"] == compose.read_env(ENV_EXAMPLE.read_text())["HANDOVER_EMAIL_FROM"]
    elsewhere = await asyncio.to_thread(kit.is_healthy, "worker", HANDOVER_TASK_QUEUE="nobody's")
    assert not elsewhere
    # uvicorn ends by the signal itself, after it has stopped in good order.
    assert kit.stop() == {"worker": 0, "api": -signal.SIGTERM}
