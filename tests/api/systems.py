"""Approvers' own systems, which answer in JSON: asked by one, or reached by webhook."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from typing import Any

import httpx2
from standardwebhooks import Webhook

from links import Link
from tests import web
from tests.api.agent import Agent, someone
from tests.api.inboxes import link_keys
from tests.receiver import Receiver
from tests.support import eventually


class System:
    """One approver's, for one decision of this agent's."""

    def __init__(self, agent: Agent, decision: str, approver: str) -> None:
        self.agent = agent
        self.decision = decision
        self.approver = approver
        self.token = link_keys(agent.service).mint(Link(decision, approver))
        self.url = f"{agent.service.base_url}/responses/{self.token}"
        self.page = f"{agent.service.base_url}/d/{self.token}"

    @classmethod
    async def asked_by(cls, agent: Agent, **fields: object) -> System:
        """A new decision, and the system of the first that it asks."""
        asked = fields.setdefault("approver", someone())
        approver = str(asked[0] if isinstance(asked, list) else asked)
        return cls(agent, (await agent.ask(**fields))["id"], approver)

    async def get(self) -> httpx2.Response:
        async with web.client(timeout=30) as client:
            return await client.get(self.url)

    async def read(self) -> dict[str, Any]:
        answer = await self.get()
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, body: object) -> httpx2.Response:
        async with web.client(timeout=30) as client:
            headers = {"Content-Type": "application/json"}
            return await client.post(self.url, content=json.dumps(body), headers=headers)

    async def answer(self, choice: str, **fields: object) -> httpx2.Response:
        """To what is asked now, unless `digest` says to what."""
        digest = fields.pop("digest", None) or (await self.read())["digest"]
        return await self.post({"choice": choice, "digest": digest, **fields})

    async def upload(self, name: str, content: bytes) -> httpx2.Response:
        async with web.client(timeout=30) as client:
            return await client.post(f"{self.url}/files", files={"file": (name, content)})

    async def refusals(self) -> list[str]:
        """Why its attempts counted for nothing, as the record has it."""
        entries = await self.agent.audit(self.decision)
        refused = ("response.refused", "response.late")
        return [each["details"]["reason"] for each in entries if each["type"] in refused]


class Reached:
    """An approver, and the system by which they are reached."""

    def __init__(self, address: str, receiver: Receiver, secret: str) -> None:
        self.address = address
        self.receiver = receiver
        self.secret = secret

    @classmethod
    async def by(cls, admin: Agent, stack: AsyncExitStack, name: str = "ann") -> Reached:
        receiver, address = await stack.enter_async_context(Receiver()), someone(name)
        answer = await put(admin, address, webhook_url=receiver.url)
        assert answer.status_code == 200, answer.text
        return cls(address, receiver, answer.json()["webhook_secret"])

    def events(self, type: str = "") -> list[dict[str, Any]]:
        """What came, each verified by the standard's own library."""
        found = [
            Webhook(self.secret).verify(request.body, request.headers)
            for request in self.receiver.requests
        ]
        return [event for event in found if type in event["type"]]

    async def event(self, type: str) -> dict[str, Any]:
        return (await eventually(lambda: self.events(type)))[-1]

    async def answer(self, choice: str, **fields: object) -> httpx2.Response:
        """To the newest question, as it was posted."""
        asked = self.events()[-1]["data"]
        body = {"choice": choice, "digest": asked["digest"], **fields}
        async with web.client(timeout=30) as client:
            return await client.post(asked["respond_url"], json=body)


async def put(admin: Agent, address: str, **body: object) -> httpx2.Response:
    return await admin.http.put(f"/approvers/{address}", json=body)
