"""Runs a permitted action once, and reports to its record how the run ended."""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

from .client import AsyncHandoverClient, HandoverClient
from .exceptions import AlreadyClaimed
from .models import Decision, ExecutionStatus

MAX_RESULT = 1_000
"""Characters of a result that the service takes."""

logger = logging.getLogger("handover")


@dataclass(slots=True)
class Run:
    """A run of what `decision` permits, under way. Its `result` goes to the record."""

    decision: Decision
    result: str | None = None


@contextmanager
def running(
    client: HandoverClient, decision: Decision, claim_id: str | None = None
) -> Generator[Run, None, None]:
    """Claim what the decision permits, run the block, and report how it ended.

    Raises the errors of `decisions.claim`, and then the block has not run. A report that cannot be
    sent is only logged, because the block has run.
    """
    with reporting(client, Run(client.decisions.claim(decision.id, claim_id=claim_id))) as run:
        yield run


@asynccontextmanager
async def running_async(
    client: AsyncHandoverClient, decision: Decision, claim_id: str | None = None
) -> AsyncGenerator[Run, None]:
    """Do the same in an event loop."""
    run = Run(await client.decisions.claim(decision.id, claim_id=claim_id))
    async with reporting_async(client, run):
        yield run


@contextmanager
def reporting(client: HandoverClient, run: Run) -> Generator[Run, None, None]:
    """Report how the block ends, which runs under an earlier claim."""
    try:
        yield run
    except Exception as error:
        _report(client, run, error)
        raise
    _report(client, run)


@asynccontextmanager
async def reporting_async(client: AsyncHandoverClient, run: Run) -> AsyncGenerator[Run, None]:
    """Do the same in an event loop."""
    try:
        yield run
    except Exception as error:
        await _report_async(client, run, error)
        raise
    await _report_async(client, run)


def tell_unfit(client: HandoverClient, decision: Decision, why: str) -> None:
    """Report to the record, once, that the permitted payload cannot run, and why."""
    try:
        claimed = client.decisions.claim(decision.id)
        told = _ended(claimed, ExecutionStatus.FAILED, why)
        client.decisions.done(decision.id, **told)
    except AlreadyClaimed:
        return
    except Exception as failure:
        _log(decision, failure)


async def tell_unfit_async(client: AsyncHandoverClient, decision: Decision, why: str) -> None:
    """Do the same in an event loop."""
    try:
        claimed = await client.decisions.claim(decision.id)
        told = _ended(claimed, ExecutionStatus.FAILED, why)
        await client.decisions.done(decision.id, **told)
    except AlreadyClaimed:
        return
    except Exception as failure:
        _log(decision, failure)


def not_run(why: str | None) -> str:
    """Return the record's words for a permitted payload that cannot run."""
    return f"It has not run: {why}"


def fit(text: str) -> str:
    """Return as much of a text as the service takes."""
    return text.encode(errors="replace").decode()[:MAX_RESULT]


def _report(client: HandoverClient, run: Run, error: Exception | None = None) -> None:
    try:
        client.decisions.done(run.decision.id, **_told(run, error))
    except Exception as failure:
        _log(run.decision, failure)


async def _report_async(
    client: AsyncHandoverClient, run: Run, error: Exception | None = None
) -> None:
    try:
        await client.decisions.done(run.decision.id, **_told(run, error))
    except Exception as failure:
        _log(run.decision, failure)


def _told(run: Run, error: Exception | None) -> dict[str, Any]:
    """Return the fields of `decisions.done`. Only an error's kind is reported, since its words may
    quote secrets.

    Other ends of a block, Ctrl-C for example, are not reported: nobody knows how far it came.
    """
    if error is None:
        return _ended(run.decision, ExecutionStatus.SUCCEEDED, run.result)
    status = ExecutionStatus.NOT_RUN if _is_pause(error) else ExecutionStatus.FAILED
    return _ended(run.decision, status, type(error).__name__)


def _ended(claimed: Decision, status: ExecutionStatus, result: str | None) -> dict[str, Any]:
    claim_id = claimed.execution.claim_id if claimed.execution else None
    return {"claim_id": claim_id, "status": status, "result": result and fit(result)}


def _is_pause(error: Exception) -> bool:
    """Return whether LangGraph pauses its graph with this error, to run the node again from its
    start."""
    errors = sys.modules.get("langgraph.errors")
    return errors is not None and isinstance(error, errors.GraphBubbleUp)


def _log(decision: Decision, failure: Exception) -> None:
    logger.warning("What became of %s could not be reported: %s", decision.id, failure)
