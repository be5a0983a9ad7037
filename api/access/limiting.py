"""Limits: how often a key may ask and a link may be used, and how many decisions a key may make in
a month.

The counts are in memory, for one process, or in Redis, for all. Each answer reports them in
`RateLimit` and `RateLimit-Policy`, after draft-ietf-httpapi-ratelimit-headers-10.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.errors import StorageError
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems.errors import TooMany, Unavailable
from links import Link, PersonalLink
from store import Store
from store.keys import ApiKey

MINUTE = 60
PATIENCE = 0.5
"""Seconds that a request waits for Redis before it counts as away."""
PAUSE = 1.0
"""Seconds for which nobody asks a Redis that did not answer."""

ANSWER = "answer"
"""The use of a link that decides."""
READS = 10
"""Factor by which a link may be used more often otherwise. The scanners of a mail system share it
with the person whom the mail is for, and must cost that person nothing: they open all links of all
mails, fetch each file and image, and send forms without pressing a button."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """A client's place within one policy: `quota` in `window` seconds, `remaining` until `reset`
    seconds from now."""

    policy: str
    quota: int
    window: int
    remaining: int
    reset: int

    @property
    def fields(self) -> tuple[str, str]:
        """Return the items of `RateLimit-Policy` and of `RateLimit`."""
        return (
            f'"{self.policy}";q={self.quota};w={self.window}',
            f'"{self.policy}";r={self.remaining};t={self.reset}',
        )


STANDINGS: ContextVar[list[Standing] | None] = ContextVar("STANDINGS", default=None)
"""The policies that the request under way was counted for."""


class Limits:
    """Counts requests. `rate` and `link_rate` are per minute, 0 for any number. While Redis is
    away, `fail_open` refuses nobody; without it, everybody gets 503."""

    def __init__(self, url: str, *, rate: int, link_rate: int, fail_open: bool) -> None:
        self._rate = rate
        self._link_rate = link_rate
        self._fail_open = fail_open
        self._pool = None if url.startswith("memory:") else _pool(url)
        self._counts = _redis(url, self._pool) if self._pool else MemoryStorage()
        self._away_until: float | None = None

    async def count_key(self, key: ApiKey) -> None:
        """Count one request with this key. Raises `TooMany` and `Unavailable`."""
        rate = self._rate if key.rate is None else key.rate
        await self._count("requests", rate, key.id)

    async def count_link(self, link: Link, use: str) -> None:
        """Count one use of a link, `ANSWER` or another. Raises `TooMany` and `Unavailable`.

        Each use is counted separately: a scanner that opens a page again and again keeps nobody
        from answering.
        """
        await self._count_link(f"{link.decision_id}\0{link.approver}", use)

    async def count_personal_link(self, link: PersonalLink, use: str) -> None:
        """Count one use of a personal link, over all links of that person."""
        await self._count_link(f"{link.minted_at.isoformat()}\0{link.approver}", use)

    async def close(self) -> None:
        if self._pool:
            await self._pool.aclose()

    async def _count_link(self, link: str, use: str) -> None:
        name = hashlib.sha256(link.encode()).hexdigest()
        rate = self._link_rate * (1 if use == ANSWER else READS)
        await self._count("page", rate, name[:32], use)

    async def _count(self, policy: str, rate: int, *who: str) -> None:
        if not rate or (counted := await self._hit(policy, rate, *who)) is None:
            return
        count, ends = counted
        seconds = max(1, math.ceil(ends - time.time()))
        note(Standing(policy, rate, MINUTE, max(0, rate - count), seconds))
        if count > rate:
            raise TooMany(
                f"At most {rate} requests a minute are taken here; try again in {seconds} s.",
                retry_after=seconds,
            )

    async def _hit(self, policy: str, rate: int, *who: str) -> tuple[int, float] | None:
        """Return how many there are with this one, and when the count begins anew; None if Redis
        cannot say."""
        item = RateLimitItemPerMinute(rate, namespace="handover")
        if self._away_until is None or time.monotonic() > self._away_until:
            try:
                async with asyncio.timeout(PATIENCE):
                    counted = await _counted(self._counts, item.key_for(policy, *who))
            except (StorageError, TimeoutError) as error:
                self._is_away(error)
            else:
                self._is_back()
                return counted
        if not self._fail_open:
            raise Unavailable("Requests cannot be counted right now; try again.")
        return None

    def _is_away(self, error: Exception) -> None:
        if self._away_until is None:
            mode = "open: nobody is limited" if self._fail_open else "closed: everybody is refused"
            log.error("the limits' Redis cannot be reached (%r); failing %s", error, mode)
        self._away_until = time.monotonic() + PAUSE

    def _is_back(self) -> None:
        if self._away_until is not None:
            log.warning("the limits' Redis can be reached again")
        self._away_until = None


async def _counted(counts: Storage, key: str) -> tuple[int, float]:
    return await counts.incr(key, MINUTE), await counts.get_expiry(key)


def _pool(url: str) -> BlockingConnectionPool:
    # The library's own retries would take seconds, which no request waits for.
    return BlockingConnectionPool.from_url(  # pyright: ignore[reportUnknownMemberType]
        url,
        timeout=PATIENCE,
        socket_timeout=PATIENCE,
        socket_connect_timeout=PATIENCE,
        retry=Retry(NoBackoff(), 1),
    )


def _redis(url: str, pool: BlockingConnectionPool) -> Storage:
    return RedisStorage(
        f"async+{url}",
        wrap_exceptions=True,
        implementation="redispy",
        key_prefix="handover",
        connection_pool=pool,  # pyright: ignore[reportArgumentType]
    )


@asynccontextmanager
async def within_quota(store: Store, key: ApiKey) -> AsyncGenerator[None]:
    """Count one more decision of this key, unless the block fails. Raises `TooMany`."""
    if key.quota is None:
        yield
        return
    begun, next_month = month_of(datetime.now(UTC))
    month = f"{begun:%Y-%m}"
    spent = await store.usage.spend(key.id, month, key.quota)
    window = int((next_month - begun).total_seconds())
    seconds = max(1, math.ceil((next_month - datetime.now(UTC)).total_seconds()))
    remaining = 0 if spent is None else key.quota - spent
    note(Standing("decisions", key.quota, window, remaining, seconds))
    if spent is None:
        raise TooMany(
            f"This key has made its {key.quota} decisions of {month}; more from"
            f" {next_month:%Y-%m-%d} on.",
            code="quota_exceeded",
            retry_after=seconds,
        )
    try:
        yield
    except BaseException:
        await asyncio.shield(store.usage.give_back(key.id, month))
        raise


def month_of(time: datetime) -> tuple[datetime, datetime]:
    """Return the beginning of this calendar month and of the next, in UTC."""
    begun = time.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return begun, (begun + timedelta(days=31)).replace(day=1)


def note(standing: Standing) -> None:
    """Add this standing to the answer of the request under way."""
    if (standings := STANDINGS.get()) is not None:
        standings.append(standing)


class TellStandings:
    """ASGI middleware: adds the fields to every counted answer, also to an error."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        standings: list[Standing] = []
        STANDINGS.set(standings)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and standings:
                message["headers"] = [*message["headers"], *_headers(standings)]
            await send(message)

        await self._app(scope, receive, answer)


def _headers(standings: list[Standing]) -> list[tuple[bytes, bytes]]:
    policies, states = zip(*(standing.fields for standing in standings), strict=True)
    return [
        (b"ratelimit-policy", ", ".join(policies).encode()),
        (b"ratelimit", ", ".join(states).encode()),
    ]
