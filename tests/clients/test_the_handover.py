"""A public client of this contract, written elsewhere, works against this service as it is.

`the-handover` 0.4.0 from PyPI, in an environment of its own: it knows nothing of us but a base URL
and a key. What is broken in the client itself is pinned, so that we notice when it is mended.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.api.agent import Agent, link_to, someone
from tests.approver import press
from tests.conftest import lacks
from tests.service import RunningService

HERE = Path(__file__).parent


class PublicClient:
    """The client in its environment, one call at a time."""

    def __init__(self, python: Path, service: RunningService) -> None:
        self._python = python
        self._service = service

    async def call(self, method: str, **given: Any) -> Any:
        """What the method returned."""
        answer = await self._run(method, given)
        assert "returned" in answer, answer
        return answer["returned"]

    async def failure(self, method: str, **given: Any) -> tuple[str, str]:
        """The class of what the method raised, and its words."""
        answer = await self._run(method, given)
        assert "raised" in answer, answer
        kind, words = answer["raised"]
        return kind, words

    async def _run(self, method: str, given: dict[str, Any]) -> dict[str, Any]:
        process = await asyncio.create_subprocess_exec(
            *(self._python, HERE / "call_the_handover.py"),
            *(self._service.base_url, self._service.api_key, method, json.dumps(given)),
            stdout=subprocess.PIPE,
        )
        output, _ = await process.communicate()
        return json.loads(output)


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the client and nothing of ours."""
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    place = tmp_path_factory.mktemp("the-handover") / "venv"
    steps = (
        [uv, "venv", "--quiet", "--python", sys.executable, place],
        [
            *(uv, "pip", "install", "--quiet", "--python", place / "bin/python"),
            *("--require-hashes", "-r", HERE / "the-handover.txt"),
        ],
    )
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False)
        if done.returncode:
            lacks(f"the-handover cannot be installed: {done.stderr}")
    return place / "bin/python"


@pytest.fixture(scope="session")
def client(environment: Path, service: RunningService) -> PublicClient:
    return PublicClient(environment, service)


async def test_create_get_and_poll(client: PublicClient, service: RunningService) -> None:
    """It asks with all its fields, reads the pending decision, and its poll gets the answer."""
    approver = someone()
    asked = await client.call(
        "create",
        action="Delete 500 rows",
        approver=approver,
        context="They are old.",
        urgency="high",
        timeout_minutes=30,
        channel="email",
        options=["approve", "deny", "modify"],
        context_images=["https://example.com/rows.png"],
        enforce=True,
    )
    assert asked["status"] == "pending"
    read = await client.call("get", decision_id=asked["id"])
    for name in ("id", "action", "context", "urgency", "created_at", "expires_at", "enforce"):
        assert read[name] == asked[name]
    assert read["action_permitted"] is False
    assert read["context_images"] == ["https://example.com/rows.png"]
    polling = asyncio.create_task(client.call("poll", decision_id=asked["id"], interval=0.2))
    await press(await link_to(service, approver), "approve", notes="Go")
    settled = await polling
    assert (settled["status"], settled["response_notes"]) == ("approved", "Go")
    assert (settled["resolved_by"], settled["action_permitted"]) == (approver, True)


@pytest.mark.parametrize(
    ("response_type", "typed", "data"),
    [
        (["ChooseResponse", {"choices": ["a", "b"]}], {"chosen": "b"}, {"chosen": "b"}),
        (
            [
                "TextInputResponse",
                {"fields": [{"name": "why", "label": "Why", "required": True, "placeholder": ""}]},
            ],
            {"why": "old"},
            {"why": "old"},
        ),
        (["NumberInputResponse", {"min": 1, "max": 5}], {"value": 4}, {"value": 4}),
        (["ConfirmResponse", {}], None, None),
    ],
    ids=lambda value: str(value)[:24],
)
async def test_its_response_types(
    client: PublicClient, operator: Agent, response_type: Any, typed: Any, data: Any
) -> None:
    """What its classes send is taken, and it reads the answer in `response_data`."""
    asked = await client.call(
        "create", action="act", approver=someone(), response_type=response_type
    )
    body = {"response_data": typed} if typed else {}
    assert (await operator.resolve(asked["id"], "approve", **body)).status_code == 200
    settled = await client.call("get", decision_id=asked["id"])
    assert (settled["status"], settled["response_data"]) == ("approved", data)


async def test_a_scheduled_answer(client: PublicClient, operator: Agent) -> None:
    """It knows the status and reads `execute_at`."""
    asked = await client.call(
        "create", action="act", approver=someone(), response_type=["ScheduleResponse", {}]
    )
    at = datetime.now(UTC) + timedelta(hours=3)
    data = {"execute_at": at.isoformat()}
    await operator.resolve(asked["id"], "approve", response_data=data)
    settled = await client.call("get", decision_id=asked["id"])
    assert settled["status"] == "scheduled"
    assert datetime.fromisoformat(settled["execute_at"]) == at


async def test_attachments(client: PublicClient, agent: Agent) -> None:
    """It uploads to a pending decision, lists what is there, and reads a refusal's words."""
    asked = await client.call("create", action="act", approver=someone())
    report = ["report.csv", "a,b\n1,2\n", "text/csv"]
    [uploaded] = await client.call("upload_attachment", decision_id=asked["id"], file=report)
    assert (uploaded["name"], uploaded["type"], uploaded["size"]) == ("report.csv", "text/csv", 8)
    assert await client.call("list_attachments", decision_id=asked["id"]) == [uploaded]
    assert (await client.call("get", decision_id=asked["id"]))["attachments"] == [uploaded]
    assert (await agent.http.get(uploaded["url"])).text == "a,b\n1,2\n"
    program = ["report.csv", "\x7fELF\x02\x01\x01", "text/csv"]
    kind, words = await client.failure("upload_attachment", decision_id=asked["id"], file=program)
    assert kind == "HandoverError"
    assert words.startswith("API error 422: file: ")


async def test_an_agents_key_resolves_nothing(client: PublicClient) -> None:
    """Nobody approves their own request."""
    asked = await client.call("create", action="act", approver=someone())
    kind, words = await client.failure("resolve", decision_id=asked["id"], action="approve")
    assert kind == "HandoverError"
    assert words.startswith("API error 403: ")
    assert (await client.call("get", decision_id=asked["id"]))["status"] == "pending"


async def test_bad_input_reaches_its_user_in_words(client: PublicClient) -> None:
    """It shows the problem document's `error`."""
    kind, words = await client.failure("create", action="act", approver="nobody")
    assert (kind, words.startswith("API error 422: approver: ")) == ("HandoverError", True)


async def test_it_does_not_know_that_a_decision_can_be_cancelled(
    client: PublicClient, agent: Agent
) -> None:
    """Pinned: `cancelled` is a status it has no word for, and it raises instead of going on."""
    asked = await client.call("create", action="act", approver=someone())
    await agent.cancel(asked["id"])
    kind, words = await client.failure("get", decision_id=asked["id"])
    assert (kind, "'cancelled' is not a valid DecisionStatus" in words) == ("ValueError", True)


async def test_its_approve_is_broken_in_itself(client: PublicClient) -> None:
    """Pinned: it asks, and then takes the answer for a dictionary. Nothing is permitted by it."""
    kind, words = await client.failure("approve", action="act", approver=someone())
    assert (kind, "'get'" in words) == ("AttributeError", True)
