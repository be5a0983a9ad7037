"""The LangGraph example: asks once, and refunds only what a person permitted."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from langchain_core.runnables import RunnableConfig

from examples import langgraph_approval as example
from handover import AuthenticationError, HandoverClient
from tests.approver import answer_link, newest_mail, press
from tests.sdk.service import decision

ORDER = 1142
ASKED = {"order": ORDER, "amount": 49.9}


def answered(status: str, **fields: Any) -> httpx2.Response:
    permitted = status in ("approved", "modified")
    return httpx2.Response(
        201,
        json=decision(status, payload=ASKED, enforce=True, action_permitted=permitted, **fields),
    )


@contextmanager
def agent(answers: list[httpx2.Response], requests: list[httpx2.Request]) -> Iterator[Any]:
    """The example's graph, with a service that gives these answers in turn."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        requests.append(request)
        return answers[len(requests) - 1]

    with httpx2.Client(transport=httpx2.MockTransport(answer)) as http_client:
        yield example.build_graph(HandoverClient("ho_key", http_client=http_client))


def start() -> example.State:
    return example.State(complaint="Broken.", order=ORDER, approver="approver@example.com")


def thread() -> RunnableConfig:
    return RunnableConfig(configurable={"thread_id": str(uuid4())})


def test_node_that_runs_again_asks_the_same_question() -> None:
    """LangGraph runs a failed node again from its start: with the same key, so nobody is asked
    twice. The next question of the same thread has a key of its own."""
    requests: list[httpx2.Request] = []
    refused = httpx2.Response(401, json={"code": "unauthorized"})
    answers = [refused, answered("approved"), answered("denied")]
    with agent(answers, requests) as graph:
        config = thread()
        with pytest.raises(AuthenticationError):
            graph.invoke(start(), config)
        assert graph.invoke(None, config)["result"] == "refunded 49.90 EUR for order 1142"
        graph.invoke(start(), config)
    first, again, other = [request.headers["idempotency-key"] for request in requests]
    assert first == again != other
    assert json.loads(requests[0].content) == json.loads(requests[1].content)


def test_modified_refund_is_what_runs() -> None:
    """When the approver changes the amount, the changed one is refunded."""
    changed = answered("modified", response_data={"payload": {"order": ORDER, "amount": 20}})
    with agent([changed], []) as graph:
        assert graph.invoke(start(), thread())["result"] == "refunded 20.00 EUR for order 1142"


@pytest.mark.parametrize("status", ["denied", "expired", "cancelled", "from_the_future"])
def test_refund_is_not_reached(status: str) -> None:
    """Whatever is not a permission ends the graph before its refund, with the reason."""
    with agent([answered(status)], []) as graph:
        result = graph.invoke(start(), thread())["result"]
    assert "must not run" in result


@asynccontextmanager
async def running_example(service: Any, approver: str) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = os.environ | {
        "HANDOVER_API_KEY": service.api_key,
        "HANDOVER_BASE_URL": service.base_url,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(example.__file__)),
        *("--approver", approver, "--order", str(ORDER)),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ("approve", "The agent: refunded 49.90 EUR for order 1142"),
        ("deny", 'must not run: denied by {approver}: "as the test says"'),
    ],
)
async def test_agent_goes_on_as_the_approver_says(service: Any, choice: str, said: str) -> None:
    """The example, as a program of its own against the running service: the approver opens the
    link of the e-mail and presses a button, and the agent acts on it."""
    approver = f"{choice}-{uuid4().hex}@example.com"
    async with running_example(service, approver) as process:
        mail = await newest_mail(service, to=approver)
        await press(answer_link(mail), choice, notes="as the test says")
        out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, err.decode()
    assert said.format(approver=approver) in out.decode()
