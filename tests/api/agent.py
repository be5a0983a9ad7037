"""An agent without an SDK: HTTP, as the contract has it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from types import TracebackType
from typing import Any, cast

import httpx2

from api.decisions.signing import Signer
from store import open_store
from store.keys import AGENT_SCOPES, new_key
from tests import web
from tests.approver import answer_link, newest_mail
from tests.service import RunningService
from tests.support import eventually

PROBLEM = "application/problem+json"


class Agent:
    """`decision` in its methods is the id of one."""

    def __init__(self, service: RunningService, key: str, name: str) -> None:
        self.service = service
        self.name = name
        self.http = web.client(
            base_url=service.base_url, headers={"Authorization": f"Bearer {key}"}, timeout=70
        )

    @classmethod
    def of(cls, service: RunningService) -> Agent:
        hashed = hashlib.sha256(service.api_key.encode()).hexdigest()
        [(name,)] = in_store(service, "SELECT name FROM api_keys WHERE hash = ?", hashed)
        return cls(service, service.api_key, name)

    @classmethod
    async def with_new_key(
        cls,
        service: RunningService,
        name: str | None = None,
        scopes: frozenset[str] = AGENT_SCOPES,
        **limits: Any,
    ) -> Agent:
        """An agent of this name, or of a new one; `limits` as `store.keys.ensure` takes them."""
        store = await open_store(f"sqlite+aiosqlite:///{service.data_dir / 'store.db'}")
        key, name = new_key(), name or f"agent-{secrets.token_hex(4)}"
        await store.keys.ensure(key, name, scopes, **limits)
        await store.close()
        return cls(service, key, name)

    async def __aenter__(self) -> Agent:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.http.aclose()

    async def post(self, body: object, key: str | None = None, **query: object) -> httpx2.Response:
        """`POST /decisions` with anything that Python can write as JSON, also lone surrogates."""
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        return await self.http.post(
            "/decisions",
            content=json.dumps(body),
            headers=headers,
            params={name: str(value) for name, value in query.items()},
        )

    async def ask(self, **fields: object) -> dict[str, Any]:
        """A new decision, as the service answers it."""
        answer = await self.post(question(**fields))
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def get(self, decision: str, **query: object) -> dict[str, Any]:
        params = {name: str(value) for name, value in query.items()}
        answer = await self.http.get(f"/decisions/{decision}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def cancel(self, decision: str, **body: object) -> httpx2.Response:
        return await self.http.post(f"/decisions/{decision}/cancel", json=body or None)

    async def resolve(self, decision: str, action: str, **body: object) -> httpx2.Response:
        return await self.http.post(
            f"/decisions/{decision}/resolve", json={"action": action, **body}
        )

    async def claim(self, decision: str, **body: object) -> httpx2.Response:
        return await self.http.post(f"/decisions/{decision}/claim", json=body or None)

    async def done(self, decision: str, status: str, **body: object) -> httpx2.Response:
        return await self.http.post(f"/decisions/{decision}/done", json={"status": status, **body})

    async def extend(self, decision: str, minutes: float) -> httpx2.Response:
        body = {"timeout_minutes": minutes}
        return await self.http.post(f"/decisions/{decision}/extend", json=body)

    async def audit(self, decision: str) -> list[dict[str, Any]]:
        answer = await self.http.get(f"/decisions/{decision}/audit")
        assert answer.status_code == 200, answer.text
        assert answer.json()["decision_id"] == decision
        return answer.json()["entries"]

    async def audited(self, decision: str, *types: str) -> list[dict[str, Any]]:
        """The record, as soon as it has as many entries of each of these types as are named."""

        async def entries() -> list[dict[str, Any]]:
            found = await self.audit(decision)
            missing = Counter(types) - Counter(entry["type"] for entry in found)
            return [] if missing else found

        return cast(list[dict[str, Any]], await eventually(entries))


def someone(name: str = "alice") -> str:
    """An address that no other test writes to."""
    return f"{name}-{secrets.token_hex(4)}@example.com"


def question(**fields: object) -> dict[str, object]:
    return {"action": "Refund order 1142", "approver": someone(), **fields}


async def link_to(service: RunningService, approver: str) -> str:
    """The link in the newest mail to this approver, as soon as there is one."""
    return answer_link(await newest_mail(service, approver))


def refused_fields(answer: httpx2.Response) -> list[str]:
    """The fields that a 422 names; what must be true of every such document is checked."""
    document = answer.json()
    assert answer.status_code == document["status"] == 422, answer.text
    assert answer.headers["Content-Type"] == PROBLEM
    assert document["code"]
    assert document["error"]
    assert all(error["message"] for error in document["errors"])
    return [error["field"] for error in document["errors"]]


def in_store(service: RunningService, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Run one statement in the service's own database."""
    with closing(sqlite3.connect(service.data_dir / "store.db", timeout=10)) as database, database:
        return database.execute(statement, values).fetchall()


def keyring_of(service: RunningService) -> dict[str, str]:
    """Of the keys that the service made at its first start."""
    secrets = json.loads((service.data_dir / "secrets.json").read_text())
    return Signer([secrets["signing_keys"]]).keyring


@asynccontextmanager
async def no_worker(service: RunningService) -> AsyncIterator[None]:
    """While this lasts, decisions of this service are not worked on."""
    await asyncio.to_thread(service.end, "worker")
    try:
        yield
    finally:
        service.start_worker()


def metric(page: str, name: str) -> float:
    """The value of one line of a metrics page; 0 where there is none yet."""
    found = [line.rpartition(" ")[2] for line in page.splitlines() if line.startswith(f"{name} ")]
    return float(found[0]) if found else 0
