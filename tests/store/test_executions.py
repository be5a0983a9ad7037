"""What the store decides of executions: who comes first, and which report stays."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from store import Store
from store.executions import ClaimRow, ReportRow

NOW = datetime(2026, 3, 12, 14, 0, 0, 123456, tzinfo=UTC)
CLAIM = ClaimRow(
    decision_id="dec_1",
    number=0,
    run_id="run_1",
    request_digest="0" * 64,
    agent="refund-bot",
    claim_id="claim-0",
    worker=None,
    claimed_at=NOW,
    claim_key="key",
    claim_signature="signature",
)
REPORT = ReportRow(
    status="succeeded",
    result="re_1142",
    finished_at=NOW + timedelta(seconds=3),
    report_key="key",
    report_signature="signature",
)


async def test_of_fifty_who_claim_at_once_one_gets_it(store: Store) -> None:
    """Over many connections, on every database; the others change nothing of it."""
    claims = [replace(CLAIM, claim_id=f"claim-{number}") for number in range(50)]
    taken = await asyncio.gather(*map(store.executions.claim, claims))
    assert taken.count(True) == 1
    assert await store.executions.of("dec_1") == [(claims[taken.index(True)], None)]
    assert await store.executions.claim(replace(CLAIM, decision_id="dec_2", worker="worker-3"))
    assert await store.executions.claim(replace(CLAIM, number=1))
    assert await store.executions.of("dec_3") == []


async def test_of_many_reports_at_once_the_first_stays(store: Store) -> None:
    """And each is of one claim: what is read is what was written, to the microsecond."""
    second = replace(CLAIM, number=1, claim_id="claim-1")
    for claim in (CLAIM, second):
        await store.executions.claim(claim)
    reports = [replace(REPORT, result=f"result {number}") for number in range(20)]
    kept = await asyncio.gather(*(store.executions.report("dec_1", 0, each) for each in reports))
    assert kept.count(True) == 1
    expected = [(CLAIM, reports[kept.index(True)]), (second, None)]
    assert await store.executions.of("dec_1") == expected
    assert not await store.executions.report("dec_1", 2, REPORT)
    assert await store.executions.report("dec_1", 1, replace(REPORT, status="failed", result=None))
