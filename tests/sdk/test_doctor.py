"""`handover doctor`: each part is looked at, and what is wrong is said with what to do."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from handover import doctor
from handover._http import open_http
from handover._options import resolve_options
from handover.doctor import Finding, examine
from tests.nginx import Behind
from tests.sdk.service import Behaviour, Service, drops, problem, replies
from tests.service import RunningService
from tests.support import free_port

Serve = Callable[..., Service]
HEALTHY = replies({"status": "ok"})
CHECKS = {"temporal": "ok", "channels": "email: Check HANDOVER_SMTP_PASSWORD."}
READY = replies({"status": "degraded", "checks": CHECKS})
LARGE = replies({}, 404)


def caller(**fields: Any) -> dict[str, Any]:
    told = {"name": "refund-bot", "scopes": ["decisions:create", "decisions:read"]}
    seen = {"scheme": "http", "public_url": "http://127.0.0.1:8000", "now": datetime.now(UTC)}
    return json.loads(json.dumps({**told, **seen, **fields}, default=datetime.isoformat))


def look(url: str, hold: float = 0, http: httpx2.Client | None = None) -> dict[str, Finding]:
    """All findings, by their part."""
    options = resolve_options("ho_key", url, dev_mode=False, timeout=5, retry_for=0)
    exchange = open_http(options, http)
    try:
        return {each.part: each for each in examine(options, exchange, hold)}
    finally:
        exchange.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that is waited for is not waited for long."""
    monkeypatch.setattr(doctor, "PATIENCE", 0.3)


def served(serve: Serve, *script: Behaviour, hold: float = 0) -> dict[str, Finding]:
    """Of a service that plays this script, which goes on with what a healthy one says."""
    healthy = (HEALTHY, READY, replies(caller()), LARGE, replies(caller()))
    return look(serve(*script, *healthy[len(script) :]).url, hold)


def test_each_part_in_its_own_words(serve: Serve) -> None:
    """What `/readyz` has is handed on, whatever its parts are called."""
    found = served(serve)
    assert [*found] == [
        *("service", "temporal", "channels", "key", "time", "size", "scheme", "links", "hold")
    ]
    assert {name for name, each in found.items() if each.verdict != "ok"} == {"channels"}, str(
        found["hold"]
    )
    assert found["channels"].says == CHECKS["channels"]
    assert found["key"].says == "is refund-bot's, for decisions:create, decisions:read"


def test_what_is_answered_at_once_was_not_held(serve: Serve) -> None:
    """Something on the way has an answer of its own, or the service does not hold."""
    found = served(serve, hold=5)["hold"]
    assert found.verdict == "wrong"
    assert "is to be held for 5 seconds ended after 0.0" in found.says


@pytest.mark.parametrize(
    ("script", "part", "verdict", "words"),
    [
        ([replies(b"<html>")], "service", "wrong", "No Handover answers at"),
        ([HEALTHY, replies({}, 404)], "parts", "unseen", "kept from here (404), as it should be"),
        ([HEALTHY, replies(b"[]", 200)], "parts", "unseen", "kept from here (200)"),
        (
            [HEALTHY, READY, replies(problem(401, "unauthorized", error="No such key."), 401)],
            "key",
            "wrong",
            "No such key. An administrator makes one",
        ),
        ([HEALTHY, READY, replies(problem(404, "not_found"), 404)], "key", "unseen", "is older"),
        (
            [HEALTHY, READY, replies(caller(scopes=["audit:read"]))],
            "key",
            "wrong",
            "for audit:read: it may not ask. An agent's key has the scope decisions:create.",
        ),
        (
            [HEALTHY, READY, replies(caller(now=datetime.now(UTC) + timedelta(hours=1)))],
            "time",
            "wrong",
            "seconds behind the service's: have both set by NTP",
        ),
        (
            [HEALTHY, READY, replies(caller(scheme="https"))],
            "scheme",
            "wrong",
            "asked by http and sees https. Have the proxy send X-Forwarded-Proto",
        ),
    ],
)
def test_what_is_wrong_says_what_to_do(
    serve: Serve, script: list[Behaviour], part: str, verdict: str, words: str
) -> None:
    found = served(serve, *script)
    assert found[part].verdict == verdict
    assert words in found[part].says


@pytest.mark.parametrize("early", [replies(b"<html>", 504), replies(caller()), drops])
def test_a_held_request_that_is_cut_off(serve: Serve, early: Behaviour) -> None:
    """By whatever answers in the service's place, or hangs up."""
    until_then = (HEALTHY, READY, replies(caller()), LARGE)
    found = served(serve, *until_then, early, hold=20)
    assert found["hold"].verdict == "wrong"
    assert "held for 20 seconds ended after 0.0" in found["hold"].says
    assert "proxy_read_timeout 150s" in found["hold"].says


def test_a_service_that_is_not_there() -> None:
    """Nothing else is looked at then."""
    found = look(f"http://127.0.0.1:{free_port()}")
    assert [*found] == ["service"]
    assert found["service"].verdict == "wrong"
    assert "Is it running, and is that its address (HANDOVER_BASE_URL)?" in found["service"].says


@pytest.mark.parametrize(
    ("base_url", "public_url", "verdict"),
    [
        ("https://a.example.com", "https://a.example.com", "ok"),
        ("https://a.internal", "https://a.example.com", "ok"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000", "ok"),
        ("https://a.example.com", "http://a.example.com", "wrong"),
        ("http://a.internal:8000", "http://127.0.0.1:8000", "wrong"),
    ],
)
def test_where_links_lead(base_url: str, public_url: str, verdict: str) -> None:
    """To an address that approvers reach, and encrypted where agents are."""
    options = resolve_options("ho_key", base_url, dev_mode=False, timeout=5, retry_for=0)
    told = doctor.Caller.model_validate(caller(public_url=public_url))
    assert doctor._links(options, told).verdict == verdict


async def ran(service: RunningService, key: str, *arguments: str) -> tuple[int, str]:
    """The command's exit code, and what it said."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("HANDOVER_")}
    env |= {"HANDOVER_API_KEY": key, "HANDOVER_BASE_URL": service.base_url}
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, out.decode()


async def test_the_running_service_is_well(service: RunningService) -> None:
    """As a command with its package and without: 0, a line for each part, or JSON; 3 with a key
    that is none. The service was asked nothing."""
    command = ["-m", "handover.cli", "doctor", "--hold", "1s"]
    code, lines = await ran(service, service.api_key, *command)
    assert code == 0, lines
    assert "ok      service   answers at http://127.0.0.1" in lines
    assert "ok      channels  ok" in lines
    assert "ok      hold      a request is held for 1 seconds" in lines
    alone = ["-m", "handover.doctor", "--hold", "1", "--json"]
    code, told = await ran(service, service.api_key, *alone)
    assert code == 0, told
    assert {each["verdict"] for each in json.loads(told)} == {"ok"}
    code, lines = await ran(service, "ho_unknown", *alone[:-1])
    assert code == 3
    assert "wrong   key       " in lines
    assert (await ran(service, "", *alone))[0] == 3


@pytest.fixture
def trusting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Any]]:
    """A client that trusts the proxy's certificate, as the system then does."""
    made: list[httpx2.Client] = []

    def client() -> httpx2.Client:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "here.pem"))
        context = ssl.create_default_context(cafile=str(tmp_path / "here.pem"))
        made.append(httpx2.Client(verify=context, trust_env=False))
        return made[-1]

    yield client
    for each in made:
        each.close()


async def test_a_proxy_is_seen_through(
    service: RunningService,
    behind: Behind,
    trusting: Callable[[], httpx2.Client],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The documented one is well; its own limits, and a header that it does not send, are found."""
    monkeypatch.setattr(doctor, "PATIENCE", 1)
    of_its_own = {
        "client_max_body_size 110m": "client_max_body_size 1m",
        "proxy_read_timeout 150s": "proxy_read_timeout 1s",
        "proxy_set_header X-Forwarded-Proto $scheme;": "",
    }

    async def found(changes: dict[str, str]) -> dict[str, str]:
        proxy = await behind(**changes)
        options = resolve_options(
            service.api_key, proxy.url, dev_mode=False, timeout=5, retry_for=0
        )
        exchange = open_http(options, trusting())
        findings = await asyncio.to_thread(lambda: list(examine(options, exchange, 2)))
        return {each.part: each.verdict for each in findings}

    well = await found({})
    assert well.pop("parts") == "unseen"
    assert well.pop("links") == "wrong", "the tests' service has http links"
    assert set(well.values()) == {"ok"}
    ill = await found(of_its_own)
    assert {part for part, verdict in ill.items() if verdict == "wrong"} == {
        *("links", "size", "scheme", "hold")
    }
