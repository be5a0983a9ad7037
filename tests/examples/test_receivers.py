"""The receivers of callbacks: told by the running service, and told again."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from standardwebhooks import Webhook

from tests import web
from tests.api.agent import Agent, link_to, someone
from tests.approver import press
from tests.dev_server import DevServer
from tests.forked import ROOT
from tests.service import RunningService
from tests.support import eventually, free_port

FASTAPI = ["-m", "uvicorn", "--app-dir", "examples", "receiver_fastapi:app"]
FLASK = ["-m", "flask", "--app", "examples/receiver_flask.py", "run"]


@pytest.fixture(scope="module")
async def calling(
    dev_server: DevServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningService]:
    """A service that may call this machine."""
    running = RunningService(
        dev_server.address,
        tmp_path_factory.mktemp("calling"),
        HANDOVER_OUTGOING_EXCEPTIONS="127.0.0.0/8",
    )
    await running.start()
    yield running
    running.stop()


@contextmanager
def receiver(server: list[str], secret: str, folder: Path) -> Any:
    """The URL of the example, and its log."""
    port, log = free_port(), folder / "log"
    environment = os.environ | {
        "HANDOVER_CALLBACK_SECRET": secret,
        "RECEIVER_DATABASE": str(folder / "callbacks.db"),
    }
    with log.open("wb") as writing:
        process = subprocess.Popen(
            [sys.executable, *server, "--port", str(port)],
            cwd=ROOT,
            env=environment,
            stdout=writing,
            stderr=writing,
        )
    try:
        yield f"http://127.0.0.1:{port}/handover", log
    finally:
        process.kill()
        process.wait()


def written_down(folder: Path) -> set[str]:
    with closing(sqlite3.connect(folder / "callbacks.db")) as database:
        return {id for (id,) in database.execute("SELECT id FROM callbacks")}


async def listens(url: str) -> bool:
    async with web.client() as client:
        try:
            return (await client.get(url)).status_code == httpx2.codes.METHOD_NOT_ALLOWED
        except httpx2.TransportError:
            return False


async def told_again(url: str, decision: dict[str, Any], secret: str, id: str) -> httpx2.Response:
    """The callback once more, as after an answer that was lost."""
    body = httpx2.Request(
        "POST",
        url,
        json={"type": "decision.approved", "timestamp": decision["resolved_at"], "data": decision},
    ).content
    now = datetime.now(UTC)
    headers = {
        "webhook-id": id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(id, now, body.decode()),
    }
    async with web.client() as client:
        return await client.post(url, content=body, headers=headers)


@pytest.mark.parametrize("server", [FASTAPI, FLASK], ids=["fastapi", "flask"])
async def test_receiver(calling: RunningService, server: list[str], tmp_path: Path) -> None:
    """It takes the service's callback and acts on it once, however often it comes; what is not
    signed it refuses."""
    async with await Agent.with_new_key(calling) as agent:
        secret = (await agent.http.post("/auth/callback-secret")).json()["secret"]
        with receiver(server, secret, tmp_path) as (url, log):
            await eventually(lambda: listens(url))
            approver = someone()
            asked = await agent.ask(approver=approver, callback_url=url, payload={"amount": 7})
            await press(await link_to(calling, approver), "approve")
            line = f"{asked['id']}: go ahead with {{'amount': 7}}"
            await eventually(lambda: line in log.read_text())
            entries = await agent.audited(asked["id"], "callback.delivered")
            delivered = [each for each in entries if each["type"] == "callback.delivered"]
            assert delivered[0]["details"] == {"status_code": 204, "attempts": 1}
            decision = await agent.get(asked["id"])
            (first,) = written_down(tmp_path)
            for id in (first, first, "msg_other", first):
                assert (await told_again(url, decision, secret, id)).status_code == 204
            forged = await told_again(url, decision, "whsec_" + "A" * 32, "msg_forged")
            assert forged.status_code == 400
            await eventually(lambda: log.read_text().count(line) == 2)
        assert log.read_text().count(line) == 2
        assert written_down(tmp_path) == {first, "msg_other"}
