"""Limits: of a key, of a link and of a month; counted in memory and in a real Redis."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from api.access.limiting import READS, month_of
from tests import web
from tests.api.agent import Agent, link_to, question, someone
from tests.api.asked import check_guards
from tests.approver import Form
from tests.dev_server import DevServer
from tests.redis import RedisServer, redis
from tests.service import RunningService
from tests.support import eventually, free_port

__all__ = ["redis"]

RATE, LINK_RATE = 20, 8
SECONDS_OF_A_MONTH = {days * 86_400 for days in (28, 29, 30, 31)}


@pytest.fixture(scope="module")
async def limited(
    dev_server: DevServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningService]:
    """A service that takes `RATE` requests a minute."""
    service = RunningService(
        dev_server.address,
        tmp_path_factory.mktemp("limited"),
        HANDOVER_RATE_LIMIT=str(RATE),
        HANDOVER_LINK_RATE_LIMIT=str(LINK_RATE),
    )
    await service.start()
    yield service
    service.stop()


@asynccontextmanager
async def counted_in(
    redis: RedisServer, dev_server: DevServer, folder: Path, fail: str
) -> AsyncIterator[RunningService]:
    """A service without a worker."""
    service = RunningService(
        dev_server.address,
        folder,
        HANDOVER_RATE_LIMIT=str(RATE),
        HANDOVER_LIMITS_URL=redis.url,
        HANDOVER_LIMITS_FAIL=fail,
    )
    await service.start_api()
    try:
        yield service
    finally:
        await asyncio.to_thread(service.stop)


async def read(agent: Agent, base: str = "") -> httpx2.Response:
    return await agent.http.get(f"{base}/decisions/dec_1")


def standing(answer: httpx2.Response, policy: str) -> dict[str, int]:
    """What both fields say of a policy: q, w, r and t."""
    found: dict[str, int] = {}
    for field in ("RateLimit-Policy", "RateLimit"):
        [value] = answer.headers.get_list(field)
        item = re.search(rf'"{policy}"((?:;\w=\d+)+)', value)
        assert item, value
        found |= {name: int(n) for name, n in re.findall(r";(\w)=(\d+)", item[1])}
    return found


def assert_refused(answer: httpx2.Response, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (429, code)
    assert int(answer.headers["Retry-After"]) >= 1


async def test_a_key_has_so_many_requests_a_minute(limited: RunningService) -> None:
    """Each answer tells what is left, also an error's; then 429 until the minute is over."""
    async with (
        await Agent.with_new_key(limited) as agent,
        await Agent.with_new_key(limited) as other,
    ):
        for left in reversed(range(RATE)):
            answer = await read(agent)
            assert answer.status_code == 404
            told = standing(answer, "requests")
            assert (told["q"], told["w"], told["r"]) == (RATE, 60, left)
            assert 1 <= told["t"] <= 60
        refused = await read(agent)
        assert_refused(refused, "rate_limited")
        assert standing(refused, "requests")["r"] == 0
        assert int(refused.headers["Retry-After"]) <= 60
        assert (await read(other)).status_code == 404


async def test_a_key_may_have_a_rate_of_its_own(limited: RunningService) -> None:
    """Lower or higher than the setting's."""
    async with (
        await Agent.with_new_key(limited, rate=2) as slow,
        await Agent.with_new_key(limited, rate=99) as quick,
    ):
        statuses = [(await read(slow)).status_code for _ in range(3)]
        assert statuses == [404, 404, 429]
        statuses = {(await read(quick)).status_code for _ in range(RATE + 5)}
        assert statuses == {404}


async def test_the_limit_counts_before_the_body_is_read(limited: RunningService) -> None:
    """Beyond it not even a body that is none is looked at; and nobody's key counts for another."""
    headers = {"Content-Type": "application/json"}
    async with await Agent.with_new_key(limited, rate=1) as agent:
        answers = [
            await agent.http.post("/decisions", content=b"\xff{", headers=headers) for _ in range(2)
        ]
    assert [answer.status_code for answer in answers] == [400, 429]


async def test_a_long_poll_is_one_request(limited: RunningService) -> None:
    """However long it waits."""
    async with await Agent.with_new_key(limited, rate=3) as agent:
        decision = (await agent.ask())["id"]
        answer = await agent.http.get(f"/decisions/{decision}?wait=3")
        assert standing(answer, "requests")["r"] == 1


async def test_what_needs_no_key_is_not_counted(limited: RunningService) -> None:
    """Machines that watch the service, and strangers, get no such field."""
    async with web.client(base_url=limited.base_url) as stranger:
        for path in ("/healthz", "/problems", "/decisions/dec_1", "/d/no.token"):
            assert "RateLimit" not in (await stranger.get(path)).headers


async def test_a_link_may_be_opened_so_often_a_minute(limited: RunningService) -> None:
    """Ten times as often as it may answer, then a page says so; what is sent without a choice and
    the answer are counted for themselves, and other links are not touched."""
    approver, other = someone(), someone()
    async with await Agent.with_new_key(limited) as agent:
        decision = (await agent.ask(approver=[approver, other]))["id"]
        link, others = await link_to(limited, approver), await link_to(limited, other)
        form = await agent.http.get(link)
        assert form.status_code == 200
        opened = [(await agent.http.get(link)).status_code for _ in range(LINK_RATE * READS)]
        assert opened == [200] * (LINK_RATE * READS - 1) + [429]
        refused = await agent.http.get(link)
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        check_guards(refused)
        assert (await agent.http.get(others)).status_code == 200
        fields = Form.of(form.text).fields
        sent = [
            (await agent.http.post(link, data=fields)).status_code for _ in range(LINK_RATE * 2)
        ]
        assert set(sent) == {422}
        answered = await agent.http.post(link, data={**fields, "choice": "approve"})
        assert answered.status_code in (200, 202)
        again = [
            (await agent.http.post(link, data={**fields, "choice": "approve"})).status_code
            for _ in range(LINK_RATE)
        ]
        assert again[-1] == 429
        assert 429 not in again[:-1]
        assert (await agent.get(decision))["status"] == "approved"


async def test_a_key_has_so_many_decisions_a_month(limited: RunningService) -> None:
    """Only what was really created counts: no refused request, no repeated one."""
    async with await Agent.with_new_key(limited, quota=3) as agent:
        assert (await agent.post(question(action=""))).status_code == 422
        first = await agent.post(question(approver="a@example.com"), key="once")
        assert standing(first, "decisions").items() >= {"q": 3, "r": 2}.items()
        repeated = await agent.post(question(approver="a@example.com"), key="once")
        assert repeated.json()["id"] == first.json()["id"]
        missing = await agent.post(question(attachment_ids=["att_" + "0" * 32]))
        assert missing.status_code == 422
        assert [(await agent.post(question())).status_code for _ in range(2)] == [201, 201]
        refused = await agent.post(question())
        assert_refused(refused, "quota_exceeded")
        told = standing(refused, "decisions")
        assert (told["q"], told["r"]) == (3, 0)
        assert told["w"] in SECONDS_OF_A_MONTH
        _, next_month = month_of(datetime.now(UTC))
        seconds = (next_month - datetime.now(UTC)).total_seconds()
        assert 0 <= int(refused.headers["Retry-After"]) - seconds <= 5
        assert standing(refused, "requests")["r"] > 0
        assert (await agent.get(first.json()["id"]))["status"] == "pending"


@pytest.mark.parametrize(
    ("time", "begun", "next_month"),
    [
        ((2026, 1, 1), (2026, 1, 1), (2026, 2, 1)),
        ((2026, 1, 31), (2026, 1, 1), (2026, 2, 1)),
        ((2028, 2, 29), (2028, 2, 1), (2028, 3, 1)),
        ((2026, 12, 31), (2026, 12, 1), (2027, 1, 1)),
    ],
)
def test_a_month_is_the_calendars(
    time: tuple[int, int, int], begun: tuple[int, int, int], next_month: tuple[int, int, int]
) -> None:
    """In UTC, of 28 to 31 days."""
    assert month_of(datetime(*time, 23, 59, 59, 999_999, tzinfo=UTC)) == (
        datetime(*begun, tzinfo=UTC),
        datetime(*next_month, tzinfo=UTC),
    )


async def test_processes_count_together_in_redis(
    redis: RedisServer, dev_server: DevServer, tmp_path: Path
) -> None:
    """What one has taken, the other one does not give again."""
    async with counted_in(redis, dev_server, tmp_path, "open") as service:
        port = free_port()
        await service.start_api("second", port)
        async with await Agent.with_new_key(service) as agent:
            for number in range(RATE):
                base = "" if number % 2 else f"http://127.0.0.1:{port}"
                answer = await read(agent, base)
                assert standing(answer, "requests")["r"] == RATE - 1 - number
            for base in ("", f"http://127.0.0.1:{port}"):
                assert_refused(await read(agent, base), "rate_limited")


async def test_open_without_redis(
    redis: RedisServer, dev_server: DevServer, tmp_path: Path
) -> None:
    """Nobody is limited while it is away, the log says so once, and counting goes on after it."""
    async with counted_in(redis, dev_server, tmp_path, "open") as service:
        async with await Agent.with_new_key(service, rate=5) as agent:
            assert standing(await read(agent), "requests")["r"] == 4
            redis.stop()
            answers = [await read(agent) for _ in range(12)]
            assert {answer.status_code for answer in answers} == {404}
            assert not any("RateLimit" in answer.headers for answer in answers)
            await redis.start()

            async def counts() -> bool:
                return "RateLimit" in (await read(agent)).headers

            await eventually(counts)
        said = logged(service, "Redis cannot be reached")
        assert len(said) == 1
        assert "failing open" in said[0]
        assert len(logged(service, "Redis can be reached again")) == 1
        assert "of-the-tests" not in service.log("api")


async def test_closed_without_redis(
    redis: RedisServer, dev_server: DevServer, tmp_path: Path
) -> None:
    """503 for whoever would be counted, at once, and for nobody else; then all is well again."""
    async with counted_in(redis, dev_server, tmp_path, "closed") as service:
        async with await Agent.with_new_key(service) as agent:
            assert (await read(agent)).status_code == 404
            redis.stop()
            for _ in range(3):
                refused = await read(agent)
                assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
                assert int(refused.headers["Retry-After"]) > 0
            assert await service.answers("/healthz")
            await redis.start()

            async def is_back() -> bool:
                return (await read(agent)).status_code == 404

            await eventually(is_back)
        [said] = logged(service, "Redis cannot be reached")
        assert "failing closed" in said


def logged(service: RunningService, words: str) -> list[str]:
    lines = service.log("api").splitlines()
    return [line for line in lines if words in line]
