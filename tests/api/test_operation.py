"""What operators see: health, readiness, metrics and logs, also when something is away."""

from __future__ import annotations

import asyncio
import json
import re
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from api.operators import health, wellknown
from api.problems.errors import ApiError
from store import open_store
from tests import web
from tests.api.agent import Agent, in_store, link_to, metric, question, someone
from tests.approver import Form, press
from tests.dev_server import DevServer
from tests.service import RunningService
from tests.support import eventually

SENT = 'handover_notifications{channel="email",message="decision-request",result="sent"}'
ANSWERS = "handover_time_to_answer_seconds_count"
QUICKLY = 6.0
"""Seconds within which a service without Temporal says so."""


async def test_health_and_readiness_need_no_key(agent: Agent) -> None:
    """Machines ask these: 200, and each part by its name."""
    async with web.client(base_url=agent.service.base_url) as machine:
        assert (await machine.get("/healthz")).json() == {"status": "ok"}
        ready = await machine.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    parts = ("temporal", "store", "worker", "clock", "disk", "channels", "workflows")
    assert ready.json()["checks"] == dict.fromkeys(parts, "ok")


async def test_nobody_keeps_an_answer(agent: Agent) -> None:
    """JSON of every kind, a refusal included; what may be kept says so itself."""
    for path in ("/decisions", "/decisions/dec_x", "/healthz", "/openapi.json", "/nowhere"):
        answer = await agent.http.get(path)
        assert answer.headers["Cache-Control"] == "no-store", path
    kept = await agent.http.get("/.well-known/handover-keys")
    assert kept.headers.get_list("Cache-Control") == [wellknown.CACHED]


async def test_the_page_of_the_api_loads_nothing_from_elsewhere(agent: Agent) -> None:
    """What it loads is there, and each address is one of ours."""
    page = (await agent.http.get("/docs")).text
    loaded = re.findall(r"""(?:src|href)=["']([^"']+)["']""", page)
    assert len(loaded) >= 3
    for path in loaded:
        assert path.startswith("/"), path
        assert (await agent.http.get(path)).status_code == 200


async def test_a_disk_that_is_nearly_full_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before what is taken can no longer be written."""
    await health.has_room(tmp_path)
    monkeypatch.setattr(health, "ROOM", 1 << 60)
    with pytest.raises(ApiError, match="MB are free where the data folder is: make room"):
        await health.has_room(tmp_path)


async def test_a_channel_that_fails_is_told(spare: Agent) -> None:
    """By its name and with what to do: decisions are still taken, so it is 200."""
    store = await open_store(f"sqlite+aiosqlite:///{spare.service.data_dir / 'store.db'}")
    try:
        await store.channels.failed("slack", "Check HANDOVER_SLACK_BOT_TOKEN.", "host-1")
        told = await spare.http.get("/readyz")
        page = (await spare.http.get("/metrics")).text
        await store.channels.works("slack")
    finally:
        await store.close()
    assert (told.status_code, told.json()["status"]) == (200, "degraded")
    found = told.json()["checks"].pop("channels")
    assert found.startswith("slack: Check HANDOVER_SLACK_BOT_TOKEN. (the worker on host-1, since")
    assert metric(page, 'handover_channel_failing{channel="slack"}') == 1
    assert metric(page, 'handover_channel_failing{channel="email"}') == 0
    assert (await spare.http.get("/readyz")).json()["status"] == "ready"


async def test_metrics_count_what_happened(agent: Agent, service: RunningService) -> None:
    """One decision asked, reached and approved moves each figure by what it should."""

    async def scrape() -> str:
        page = await agent.http.get("/metrics")
        assert page.headers["Content-Type"].startswith("text/plain")
        return page.text

    before = await scrape()
    approver = someone()
    await agent.ask(approver=approver)
    await press(await link_to(service, approver), "approve")
    approved = 'handover_decisions{status="approved"}'

    async def counted() -> str | None:
        page = await scrape()
        return page if metric(page, approved) > metric(before, approved) else None

    after = await eventually(counted)
    assert after
    assert metric(after, SENT) >= metric(before, SENT) + 1
    assert metric(after, ANSWERS) == metric(before, ANSWERS) + 1
    total = "handover_time_to_answer_seconds_sum"
    assert 0 < metric(after, total) - metric(before, total) < 60
    assert metric(after, "handover_waiting_agents") == 0
    statuses = set(re.findall(r'handover_decisions\{status="(\w+)"\}', after))
    assert statuses == {
        *("pending", "approved", "denied", "modified", "scheduled", "expired", "cancelled")
    }


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("req-1.A_b", True),
        ("x" * 100, True),
        (None, False),
        ("", False),
        ("x" * 101, False),
        ('a"b', False),
        ("a b\tc", False),
        ("ü", False),
    ],
)
async def test_a_request_has_an_id(agent: Agent, given: str | None, kept: bool) -> None:
    """The caller's own where it is harmless, else a new one; answered on success and refusal."""
    headers = {} if given is None else {b"X-Request-Id": given.encode()}
    answers = [
        await agent.http.get("/healthz", headers=headers),
        await agent.http.get("/decisions/dec_none", headers=headers),
        await agent.http.get("/nowhere", headers=headers),
    ]
    for answer in answers:
        [told] = answer.headers.get_list("X-Request-Id")
        assert (told == given) is kept
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,100}", told)
    if not kept:
        assert len({answer.headers["X-Request-Id"] for answer in answers}) == len(answers)


async def test_the_log_has_one_json_line_for_each_request(
    agent: Agent, service: RunningService
) -> None:
    """With the request's id, its route and not its path, its status and the decision's id."""
    approver = someone()
    created = await agent.http.post("/decisions", json=question(approver=approver))
    decision = created.json()["id"]
    link = await link_to(service, approver)
    asked = [
        (created, "POST", "/decisions", 201),
        (await agent.http.get(f"/decisions/{decision}"), "GET", "/decisions/{decision_id}", 200),
        (await agent.http.get(link), "GET", "/d/{token}", 200),
    ]
    for answer, method, route, status in asked:
        line = await eventually(lambda a=answer: logged(service, a.headers["X-Request-Id"]))
        assert (line["method"], line["route"], line["status"]) == (method, route, status)
        assert (line["decision_id"], line["level"]) == (decision, "info")
        assert 0 <= line["seconds"] < 60
        assert line["timestamp"].endswith("Z")


def logged(service: RunningService, request_id: str) -> dict[str, Any]:
    lines = [json.loads(x) for x in service.log("api").splitlines() if x.startswith("{")]
    return next((x for x in lines if x.get("request_id") == request_id and "route" in x), {})


async def test_without_its_store_the_service_says_so(spare: Agent) -> None:
    """503 with Retry-After, for create, get and metrics; and it goes on when the store is back."""
    decision = (await spare.ask())["id"]
    asked = await link_to(spare.service, (await spare.get(decision))["approver"])
    tables = ("api_keys", "deliveries", "refused_responses")
    for table in tables:
        in_store(spare.service, f"ALTER TABLE {table} RENAME TO away_{table}")
    try:
        answers = [
            await spare.post(question()),
            await spare.http.get(f"/decisions/{decision}"),
        ]
        assert (await spare.http.get(asked)).status_code == 200, "the page needs no store"
        assert (await spare.http.get("/metrics")).status_code in (200, 503)
    finally:
        for table in tables:
            in_store(spare.service, f"ALTER TABLE away_{table} RENAME TO {table}")
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert int(answer.headers["Retry-After"]) > 0
    assert (await spare.get(decision))["id"] == decision


async def test_without_temporal_the_service_says_so_quickly_and_comes_back(
    dev_server_program: Path, tmp_path: Path
) -> None:
    """Not ready without a worker; 503 within seconds without Temporal; whole again with both."""
    (tmp_path / "temporal").mkdir()
    (tmp_path / "service").mkdir()
    server = DevServer(dev_server_program, tmp_path / "temporal")
    service = RunningService(server.address, tmp_path / "service")
    try:
        await server.start()
        await service.start_api()
        async with Agent.of(service) as agent:
            await not_ready(agent, "worker", "no worker polls")
            service.start_worker()
            await eventually(lambda: service.answers("/readyz"), timeout=60)
            approver = someone()
            decision = (await agent.ask(approver=approver))["id"]
            link = await link_to(service, approver)
            form = Form.of((await agent.http.get(link)).text).fields

            server.stop()
            await everything_is_503(agent, decision, link, form)
            await not_ready(agent, "temporal", "Temporal")
            assert (await agent.http.get("/healthz")).status_code == 200
            assert (await agent.http.get("/metrics")).status_code == 200

            await server.start()
            await eventually(lambda: service.answers("/readyz"), timeout=60)
            assert (await agent.get(decision))["status"] == "pending"
            assert (await press(link, "approve")).status_code in (200, 202)
            assert (await agent.get(decision, wait=60))["status"] == "approved"
            assert (await agent.ask())["status"] == "pending"
    finally:
        service.stop()
        server.stop()


async def not_ready(agent: Agent, part: str, words: str) -> None:
    start = time.monotonic()
    answer = await agent.http.get("/readyz")
    assert time.monotonic() - start < QUICKLY
    assert (answer.status_code, answer.json()["status"]) == (503, "not ready")
    assert words in answer.json()["checks"][part]
    assert answer.json()["checks"]["store"] == "ok"
    assert int(answer.headers["Retry-After"]) > 0


async def everything_is_503(agent: Agent, decision: str, link: str, form: dict[str, str]) -> None:
    async def asked(method: str, url: str, **body: Any) -> tuple[httpx2.Response, float]:
        start = time.monotonic()
        return await agent.http.request(method, url, **body), time.monotonic() - start

    found = await asyncio.gather(
        asked("POST", "/decisions", json=question()),
        asked("POST", "/decisions?wait=60", json=question(), headers={"Idempotency-Key": "k"}),
        asked("GET", f"/decisions/{decision}"),
        asked("GET", f"/decisions/{decision}?wait=60"),
        asked("GET", f"/decisions/{decision}/audit"),
        asked("POST", f"/decisions/{decision}/cancel"),
        asked("GET", link),
        asked("POST", link, data={**form, "choice": "approve"}),
    )
    for answer, took in found:
        assert answer.status_code == 503, answer.text
        assert int(answer.headers["Retry-After"]) > 0
        assert took < QUICKLY
        page = answer.request.url.path.startswith("/d/")
        assert answer.headers["Content-Type"].startswith("text/html" if page else "application/p")
