"""Large requests: taken to the byte, kept out of the history, and whole wherever they are read."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from temporalio.client import Client

from handover import Decision
from tests.api.agent import Agent, in_store, link_to, question, refused_fields, someone
from tests.api.systems import System
from tests.approver import newest_mail, press
from tests.javascript import rewritten
from tests.service import RunningService

MAX_PAYLOAD = 256 * 1024
MAX_HISTORY = 100_000
"""Bytes of all that Temporal keeps of the largest decision; each payload may have 2 MiB."""


def payload_of(size: int) -> dict[str, Any]:
    """Of exactly this many bytes of JSON: 64 KB rows and a rest."""
    frame = {"rows": ["r" * 65_000] * 3, "rest": ""}
    missing = size - len(json.dumps(frame, separators=(",", ":")))
    return {**frame, "rest": "x" * missing}


async def history_of(temporal: Client, decision: str) -> int:
    events = temporal.get_workflow_handle(decision).fetch_history_events()
    return sum([event.ByteSize() async for event in events])


async def test_the_largest_request_and_answer(
    agent: Agent, service: RunningService, temporal: Client
) -> None:
    """100,000 characters of four bytes and 256 KB of payload, edited by the approver: all of it on
    the page and in the answer, and next to nothing of it in Temporal."""
    approver, context = someone(), "𝄞" * 100_000
    payload = payload_of(MAX_PAYLOAD)
    body = question(
        approver=approver,
        context=context,
        payload=payload,
        action="a" * 2000,
        metadata={"m": "x" * 16_000},
    )
    answer = await agent.post(body)
    assert answer.status_code == 201, answer.text
    decision = answer.json()["id"]
    told = await agent.get(decision)
    assert (told["context"], told["payload"]) == (context, payload)
    link = await link_to(service, approver)
    mail = (await newest_mail(service, approver)).get_body(("plain",))
    assert mail is not None
    assert "𝄞" in mail.get_content()
    page = await agent.http.get(link)
    assert page.text.count("𝄞") == len(context)
    edited = {**payload, "rest": "y" * len(payload["rest"])}
    notes = "n" * 10_000
    done = await press(link, "modify", payload=json.dumps(edited), notes=notes)
    assert done.status_code == 200
    settled = await agent.get(decision, wait=30)
    assert (settled["status"], settled["response_notes"]) == ("modified", notes)
    assert settled["response_data"] == {"payload": edited}
    await agent.audited(decision, "notification.sent", "notification.sent")
    entries = await agent.audit(decision)
    [modified] = [e["details"] for e in entries if e["type"] == "decision.modified"]
    assert modified["data"] == {"payload": edited}
    assert modified["changes"] == [
        {"op": "replace", "path": "/payload/rest", "value": edited["rest"]}
    ]
    assert await history_of(temporal, decision) < MAX_HISTORY


async def test_floats_that_look_like_integers(
    agent: Agent, service: RunningService, temporal: Client
) -> None:
    """In a payload beyond 16 KB, as it was asked and as it was changed, by the page's script and by
    a system in JavaScript: the mail is sent, all of it can be read, and what was rewritten by
    JavaScript is still proven."""
    payload = {"wei": 1.2345678901234567e20, "memo": "x" * 17_000}
    keys = (await agent.http.get("/.well-known/handover-keys")).json()
    for changed in ({"wei": 1.2345678901234568e19}, {"memo": "y" * 18_000}):
        approver, given = someone(), payload | changed
        body = question(approver=approver, payload=payload)
        decision = (await agent.ask(**body))["id"]
        link = await link_to(service, approver)
        text = rewritten(json.dumps({"payload": given}))
        assert not re.search("[0-9]e[+]?[0-9]", text)
        if "wei" in changed:
            page = await press(link, "modify", payload=rewritten(json.dumps(given)))
            assert page.status_code == 200
        else:
            system = System(agent, decision, approver)
            digest = (await system.read())["digest"]
            data = json.loads(text)["payload"]
            assert isinstance(data["wei"], int)
            await system.answer("modify", digest=digest, response_data={"payload": data})
        settled = await agent.get(decision, wait=30)
        assert (settled["status"], settled["response_data"]) == ("modified", {"payload": given})
        assert await agent.audited(decision, "decision.modified")
        told = (await agent.http.get(f"/decisions/{decision}")).text
        for each in (told, rewritten(told)):
            Decision.model_validate_json(each).verify(keys, request=body)


async def test_an_integer_beyond_what_is_exact_is_refused_where_an_agent_sends_it(
    agent: Agent,
) -> None:
    """Also where a float is written so: an agent that means wei means each of them."""
    answer = await agent.post(question(payload={"wei": 123456789012345670000}))
    assert refused_fields(answer) == ["payload.wei"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("context", "c" * 100_001), ("payload", payload_of(MAX_PAYLOAD + 1))],
    ids=["context", "payload"],
)
async def test_one_more_is_refused(agent: Agent, field: str, value: object) -> None:
    """One character, or one byte, beyond the limit."""
    assert refused_fields(await agent.post(question(**{field: value}))) == [field]


async def test_the_same_large_content_is_kept_once(agent: Agent, service: RunningService) -> None:
    """By its digest, however many decisions have it."""
    context = "same " * 10_000
    first, second = [(await agent.ask(context=context))["id"] for _ in range(2)]
    assert (await agent.get(first))["context"] == (await agent.get(second))["context"] == context
    body = json.dumps(context)
    assert in_store(service, "SELECT count(*) FROM contents WHERE body = ?", body) == [(1,)]


async def test_nobody_decides_on_half_of_a_request(agent: Agent, service: RunningService) -> None:
    """Where the store lost a part, or has another in its place, neither page nor agent gets on."""
    approver, context = someone(), someone() * 2000
    decision = (await agent.ask(approver=approver, context=context))["id"]
    link = await link_to(service, approver)
    statement = "UPDATE contents SET body = ? WHERE body = ?"
    in_store(service, statement, json.dumps("harmless"), json.dumps(context))
    assert (await agent.http.get(link)).status_code == 503
    answer = await agent.http.get(f"/decisions/{decision}")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    in_store(service, statement, json.dumps(context), json.dumps("harmless"))
    assert (await agent.get(decision))["context"] == context
