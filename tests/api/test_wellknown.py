"""`/.well-known/handover-keys`, and the proofs that are verified with it."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from handover import AsyncHandoverClient, Decision, HandoverClient, ProofError
from tests import web
from tests.api.agent import Agent, link_to, question, someone
from tests.approver import press
from workflows.proof import key_id

PATH = "/.well-known/handover-keys"


async def test_the_keys_are_public(agent: Agent) -> None:
    """A JSON Web Key Set after RFC 8037, for anybody, for five minutes."""
    async with web.client(base_url=agent.service.base_url) as anybody:
        answer = await anybody.get(PATH)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    keys = answer.json()["keys"]
    assert len(keys) == 1
    for key in keys:
        assert set(key) == {"kid", "kty", "crv", "x", "use", "alg"}  # and nothing private
        assert (key["kty"], key["crv"], key["alg"]) == ("OKP", "Ed25519", "EdDSA")
        assert "=" not in key["x"]
        public = base64.urlsafe_b64decode(key["x"] + "=")
        assert len(public) == 32
        assert key["kid"] == key_id(base64.b64encode(public).decode())


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_nobody_changes_them(agent: Agent, method: str) -> None:
    """They are read and no more."""
    assert (await agent.http.request(method, PATH)).status_code == 405


async def test_both_clients_fetch_them(agent: Agent) -> None:
    """What they give is what the service publishes."""
    service = agent.service
    with HandoverClient(service.api_key, service.base_url) as blocking:
        fetched = blocking.keys()
    async with AsyncHandoverClient(service.api_key, service.base_url) as client:
        assert await client.keys() == fetched
    assert fetched.model_dump(mode="json") == (await agent.http.get(PATH)).json()


async def published(agent: Agent) -> dict[str, Any]:
    return (await agent.http.get(PATH)).json()


ASKED: dict[str, Any] = {
    "action": "Refund 49.90 EUR",
    "context": "The parcel arrived broken.\r\nTwice.",
    "urgency": "high",
    "timeout_minutes": 90.5,
    "escalation": [{"after_minutes": 30, "approvers": ["Backup@EXAMPLE.com"]}],
    "payload": {"amount": 49.9, "large": 1e20, "lines": [1, None, True, "ä\u2028"], "zero": -0.0},
    "metadata": {"thread": "8a41"},
    "enforce": True,
}


@pytest.mark.parametrize(
    ("choice", "typed", "more"),
    [
        ("approve", {"notes": "Fine."}, {}),
        ("deny", {}, {}),
        ("modify", {"payload": '{"amount": 5, "large": 1e21}'}, {}),
        ("approve", {}, {"context": "x" * 50_000, "payload": {"p": "p" * 50_000, "n": 1e20}}),
    ],
)
async def test_an_answer_is_proven(
    agent: Agent, choice: str, typed: dict[str, str], more: dict[str, Any]
) -> None:
    """What a person pressed is verified with the decision, the keys, and what was asked."""
    approver = someone()
    asked = ASKED | more | {"approver": approver}
    decision = (await agent.ask(**asked))["id"]
    page = await press(await link_to(agent.service, approver), choice, **typed)
    assert page.status_code == 200, page.text
    told = await agent.get(decision, wait=10)
    assert told["proof"]["choice"] == choice
    Decision.model_validate(told).verify(await published(agent), request=asked)


async def test_an_operators_answer_and_a_file(agent: Agent, operator: Agent) -> None:
    """The proof says who resolved it; the files that were shown are part of it."""
    sent = await agent.http.post("/attachments", files={"file": ("note.txt", b"Broken.")})
    asked = question(attachment_ids=[sent.json()["id"]])
    decision = await agent.ask(**asked)
    await agent.http.post(
        f"/decisions/{decision['id']}/attachments", files={"file": ("more.txt", b"Very.")}
    )
    assert (await operator.resolve(decision["id"], "approve")).is_success
    settled = Decision.model_validate(await agent.get(decision["id"], wait=10))
    assert settled.proof
    assert (settled.proof.origin, settled.proof.approver) == ("operator", operator.name)
    settled.verify(await published(agent), request=asked)
    settled.attachments.pop()
    with pytest.raises(ProofError, match="another question"):
        settled.verify(await published(agent))


async def test_what_nobody_answered_has_no_proof(agent: Agent) -> None:
    """Pending, then withdrawn."""
    decision = await agent.ask()
    assert decision["proof"] is None
    await agent.cancel(decision["id"])
    told = await agent.get(decision["id"], wait=10)
    assert told["proof"] is None
    with pytest.raises(ProofError, match="it permits nothing"):
        Decision.model_validate(told).verify(await published(agent))
