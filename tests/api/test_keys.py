"""`/auth/api-keys`: made once, listed without themselves, revoked everywhere at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest

from api.make_key import main
from api.operators.keys import NewKey, Scope
from store import open_store
from store.keys import (
    ADMIN,
    AGENT_SCOPES,
    AUDIT,
    CREATE,
    READ,
    RESOLVE,
    SCOPES,
    is_well_formed,
    new_key,
)
from tests import web
from tests.api.agent import Agent, in_store, question, refused_fields, someone
from tests.service import RunningService
from tests.support import eventually, free_port

WITHIN = 10.0
"""Seconds in which a wait has noticed that its key was revoked; it looks every two."""


@pytest.fixture
async def admin(service: RunningService) -> AsyncIterator[Agent]:
    async with await Agent.with_new_key(service, scopes=frozenset({ADMIN})) as admin:
        yield admin


async def made(admin: Agent, **fields: object) -> dict[str, Any]:
    answer = await admin.http.post("/auth/api-keys", json={"name": "refund-bot", **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def listed(admin: Agent, key_id: str) -> dict[str, Any]:
    keys = (await admin.http.get("/auth/api-keys")).json()["api_keys"]
    [key] = [key for key in keys if key["id"] == key_id]
    return key


def holder(admin: Agent, key: dict[str, Any]) -> Agent:
    return Agent(admin.service, key["key"], key["name"])


async def test_a_key_is_shown_once(admin: Agent) -> None:
    """It works, and neither the list nor the store has it."""
    key = await made(admin, name="refund-bot")
    assert is_well_formed(key["key"])
    assert key["hint"] == key["key"][:7]
    assert set(key["scopes"]) == AGENT_SCOPES
    shown = await listed(admin, key["id"])
    assert "key" not in shown
    rows = in_store(admin.service, "SELECT * FROM api_keys WHERE id = ?", key["id"])
    assert key["key"] not in str(rows)
    async with holder(admin, key) as agent:
        assert (await agent.ask())["status"] == "pending"


async def test_a_key_has_what_it_was_given(admin: Agent) -> None:
    """Every field comes back, times in UTC, addresses in their normal form."""
    given = {
        "scopes": [RESOLVE, AUDIT],
        "expires_at": "2099-01-01T06:00:00+02:00",
        "approvers": ["@EXAMPLE.com", "alice@example.org"],
        "rate": 7,
        "quota": 9,
    }
    key = await made(admin, **given)
    shown = await listed(admin, key["id"])
    assert sorted(shown["scopes"]) == sorted(given["scopes"])
    assert shown["expires_at"] == "2099-01-01T04:00:00Z"
    assert shown["approvers"] == ["@example.com", "alice@example.org"]
    assert (shown["rate"], shown["quota"], shown["revoked_at"]) == (7, 9, None)
    assert shown.items() <= key.items()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "oidc:alice@example.com"}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"name": 7}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["everything"]}, "scopes.0"),
        ({"scopes": [READ, READ]}, "scopes"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "2099-01-01T00:00:00"}, "expires_at"),
        ({"expires_at": 4_070_908_800}, "expires_at"),
        ({"approvers": []}, "approvers"),
        ({"approvers": ["@"]}, "approvers.0"),
        ({"approvers": ["example.com"]}, "approvers.0"),
        ({"approvers": [7]}, "approvers.0"),
        ({"rate": 0}, "rate"),
        ({"rate": 1.5}, "rate"),
        ({"quota": -1}, "quota"),
        ({"owner": "x"}, "owner"),
    ],
)
async def test_a_bad_key_is_refused_by_name(
    admin: Agent, fields: dict[str, object], field: str
) -> None:
    """422, and none is made."""
    before = in_store(admin.service, "SELECT count(*) FROM api_keys")
    answer = await admin.http.post("/auth/api-keys", json={"name": "refund-bot"} | fields)
    assert refused_fields(answer) == [field]
    assert in_store(admin.service, "SELECT count(*) FROM api_keys") == before


def test_the_scopes_of_http_are_those_of_the_store() -> None:
    """And a key for which nothing is said is an agent's."""
    assert set(get_args(Scope)) == SCOPES
    assert set(NewKey(name="a").scopes) == AGENT_SCOPES


async def test_nobody_revokes_the_key_they_are_using(admin: Agent) -> None:
    """409, and it still works; another administrator's does it."""
    [(own,)] = in_store(admin.service, "SELECT id FROM api_keys WHERE name = ?", admin.name)
    refused = await admin.http.delete(f"/auth/api-keys/{own}")
    assert (refused.status_code, refused.json()["code"]) == (409, "own_key")
    other = await made(admin, scopes=[ADMIN])
    async with holder(admin, other) as second:
        assert (await second.http.delete(f"/auth/api-keys/{own}")).status_code == 204
    gone = await admin.http.get("/auth/api-keys")
    assert (gone.status_code, gone.json()["code"]) == (401, "unauthorized")


async def test_revoking_what_is_not_there(admin: Agent) -> None:
    """404; and what is revoked already stays as it was."""
    assert (await admin.http.delete("/auth/api-keys/key_never")).status_code == 404
    key = await made(admin)
    for _ in range(2):
        assert (await admin.http.delete(f"/auth/api-keys/{key['id']}")).status_code == 204
    assert (await listed(admin, key["id"]))["revoked_at"]


async def test_the_last_use_is_noted(admin: Agent) -> None:
    """Soon after the request, and not with each that follows."""
    key = await made(admin)
    assert (await listed(admin, key["id"]))["last_used_at"] is None
    async with holder(admin, key) as agent:
        await agent.http.get("/decisions/dec_1")

        async def noted() -> str | None:
            return (await listed(admin, key["id"]))["last_used_at"]

        first = await eventually(noted)
        assert datetime.now(UTC) - datetime.fromisoformat(first) < timedelta(minutes=1)
        await agent.http.get("/decisions/dec_1")
        assert await noted() == first


async def test_a_key_ends_when_it_expires(admin: Agent) -> None:
    """401 from that moment on."""
    expires_at = datetime.now(UTC) + timedelta(seconds=2)
    key = await made(admin, expires_at=expires_at.isoformat())
    async with holder(admin, key) as agent:
        answer = await agent.http.get("/decisions/dec_1")
        assert answer.status_code == (404 if datetime.now(UTC) < expires_at else 401)

        async def ended() -> bool:
            return (await agent.http.get("/decisions/dec_1")).status_code == 401

        await eventually(ended, timeout=15)
    assert datetime.now(UTC) >= expires_at


async def test_a_typing_error_is_told_apart_from_an_unknown_key(agent: Agent) -> None:
    """Both are 401; the code says which it is."""
    key = agent.http.headers["Authorization"].removeprefix("Bearer ")
    at = next(place for place in range(10, len(key) - 1) if key[place] != key[place + 1])
    swapped = key[:at] + key[at : at + 2][::-1] + key[at + 2 :]
    for sent, code in (
        (swapped, "malformed_key"),
        (key[:-1], "malformed_key"),
        ("eyJhbGciOiJub25lIn0.e30.", "malformed_key"),
        (new_key(), "unauthorized"),
    ):
        answer = await agent.http.get(
            "/decisions/dec_1", headers={"Authorization": f"Bearer {sent}"}
        )
        assert (answer.status_code, answer.json()["code"]) == (401, code)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert sent not in answer.text


async def test_nothing_of_a_body_is_read_without_a_key(agent: Agent) -> None:
    """A stranger's is refused before the service has seen what they send."""
    stranger = web.client(base_url=agent.service.base_url)
    async with stranger:
        for path in ("/decisions", "/attachments", "/auth/api-keys"):
            answer = await stranger.post(path, content=b"\xff{ no JSON", headers=JSON)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def second_api(service: RunningService) -> AsyncIterator[str]:
    """Another API process on the same store."""
    port = free_port()
    await service.start_api("second-api", port)
    yield f"http://127.0.0.1:{port}"
    await asyncio.to_thread(service.end, "second-api")


async def test_revoking_ends_a_key_on_every_process(admin: Agent, second_api: str) -> None:
    """Also the requests that wait with it: 401 within seconds, on the other process too."""
    key = await made(admin)
    async with holder(admin, key) as agent:
        waits = [
            asyncio.create_task(agent.http.get(f"{base}/decisions/{decision['id']}?wait=60"))
            for decision in [await agent.ask()]
            for base in (agent.service.base_url, second_api)
        ]
        creating = asyncio.create_task(agent.post(question(), wait=60))

        async def held() -> bool:
            pages = [(await admin.http.get(f"{b}/metrics")).text for b in ("", second_api)]
            return sum("handover_waiting_agents 0.0" not in page for page in pages) == 2

        await eventually(held)
        revoked = time.monotonic()
        assert (await admin.http.delete(f"/auth/api-keys/{key['id']}")).status_code == 204
        for base in (agent.service.base_url, second_api):
            answer = await agent.http.get(f"{base}/decisions/dec_1")
            assert answer.status_code == 401
        for answer in await asyncio.gather(*waits, creating):
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
            assert "action" not in answer.json()
        assert time.monotonic() - revoked < WITHIN


async def test_an_outcome_is_not_given_to_a_revoked_key(admin: Agent) -> None:
    """Settled and revoked at once: the held request ends with 401, whatever was known first."""
    key = await made(admin)
    async with (
        holder(admin, key) as agent,
        await Agent.with_new_key(admin.service, agent.name) as same_agent,
    ):
        decision = (await agent.ask())["id"]
        waiting = asyncio.create_task(agent.http.get(f"/decisions/{decision}?wait=60"))

        async def is_held() -> bool:
            page = (await admin.http.get("/metrics")).text
            return "handover_waiting_agents 0.0" not in page

        await eventually(is_held)
        started = time.monotonic()
        await eventually(lambda: time.monotonic() - started > 1.5)  # as one that waits is
        await admin.http.delete(f"/auth/api-keys/{key['id']}")
        await same_agent.cancel(decision)
        assert (await waiting).status_code == 401
        assert (await same_agent.get(decision))["status"] == "cancelled"


async def test_whom_a_key_may_ask(admin: Agent) -> None:
    """Of approvers and of those asked later; 403 names each, and nobody is asked."""
    key = await made(admin, approvers=["@example.com", "boss@example.org"])
    async with holder(admin, key) as agent:
        allowed = {
            "approver": [someone(), "boss@example.org"],
            "escalation": [{"after_minutes": 5, "approvers": [someone()]}],
        }
        assert (await agent.ask(**allowed))["status"] == "pending"
        for fields, field in (
            ({"approver": "eve@example.net"}, "approver"),
            ({"approver": [someone(), "eve@example.org"]}, "approver.1"),
            (
                {"escalation": [{"after_minutes": 5, "approvers": [someone(), "e@example.net"]}]},
                "escalation.0.approvers.1",
            ),
        ):
            refused = await agent.post(question(**fields))
            assert (refused.status_code, refused.json()["code"]) == (403, "approver_not_allowed")
            assert [error["field"] for error in refused.json()["errors"]] == [field]
            assert "eve@" in refused.text or "e@example.net" in refused.text


async def test_operators_make_the_first_key_with_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An administrator's, for a time; and an agent's that may ask some people only."""
    monkeypatch.setenv("HANDOVER_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("HANDOVER_DATABASE_URL", raising=False)
    administrators = ["operations", "--scope", ADMIN, "--scope", AUDIT, "--expires", "30d"]
    agents = ["refund-bot", "--approvers", "@example.com, Boss@EXAMPLE.org"]
    keys = [await made_by(monkeypatch, capsys, *words) for words in (administrators, agents)]
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path}/store.db")
    admin, agent = [await store.keys.find(key) for key in keys]
    await store.close()
    assert admin
    assert agent
    assert (admin.name, admin.scopes) == ("operations", {ADMIN, AUDIT})
    assert admin.expires_at
    assert timedelta(days=29) < admin.expires_at - datetime.now(UTC) <= timedelta(days=30)
    assert (agent.scopes, agent.expires_at) == ({CREATE, READ}, None)
    assert agent.approvers == ("@example.com", "Boss@example.org")


async def made_by(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str
) -> str:
    monkeypatch.setattr("sys.argv", ["make_key", *words])
    await asyncio.to_thread(main)
    return capsys.readouterr().out.strip()


@pytest.mark.parametrize(
    "words",
    [
        ["oidc:alice"],
        [" "],
        ["a", "--scope", "everything"],
        ["a", "--expires", "2020-01-01T00:00Z"],
        ["a", "--expires", "2099-01-01"],
        ["a", "--expires", "soon"],
        ["a", "--approvers", "nobody"],
        ["a", "--approvers", "@corp.local"],
    ],
)
def test_the_command_refuses_what_the_api_refuses(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With status 2 and a word on what is wrong, before anything is made."""
    monkeypatch.setenv("HANDOVER_DATA_DIR", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["make_key", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert not list(tmp_path.iterdir())
