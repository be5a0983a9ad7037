"""Running what a decision permits once, with a word to its record about how that ended."""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

from .client import AsyncHandoverClient, HandoverClient
from .models import Decision, ExecutionStatus

MAX_RESULT = 1_000
"""Characters of a result that the service takes."""

logger = logging.getLogger("handover")


@dataclass(slots=True)
class Run:
    """A run under way of what `decision` permits. `result` is told to the record."""

    decision: Decision
    result: str | None = None


@contextmanager
def running(
    client: HandoverClient, decision: Decision, claim_id: str | None = None
) -> Generator[Run, None, None]:
    """Claim what the decision permits, run the block, and report how it ended.

    Raises what `decisions.claim` raises, and then the block has not run. A report that cannot be
    sent is logged and no more, because the block has run.
    """
    run = Run(client.decisions.claim(decision.id, claim_id=claim_id))
    try:
        yield run
    except Exception as error:
        _report(client, run, error)
        raise
    _report(client, run)


@asynccontextmanager
async def running_async(
    client: AsyncHandoverClient, decision: Decision, claim_id: str | None = None
) -> AsyncGenerator[Run, None]:
    """The same in an event loop."""
    run = Run(await client.decisions.claim(decision.id, claim_id=claim_id))
    try:
        yield run
    except Exception as error:
        await _report_async(client, run, error)
        raise
    await _report_async(client, run)


def _report(client: HandoverClient, run: Run, error: Exception | None = None) -> None:
    try:
        client.decisions.done(run.decision.id, **_told(run, error))
    except Exception as failure:
        _log(run, failure)


async def _report_async(
    client: AsyncHandoverClient, run: Run, error: Exception | None = None
) -> None:
    try:
        await client.decisions.done(run.decision.id, **_told(run, error))
    except Exception as failure:
        _log(run, failure)


def _told(run: Run, error: Exception | None) -> dict[str, Any]:
    """What `decisions.done` takes. Of an error that is the kind, and not its words, which may quote
    what nobody is to read.

    Whatever else ends a block, Ctrl-C for example, is not told: nobody knows how far it came.
    """
    status, result = ExecutionStatus.SUCCEEDED, run.result
    if error:
        status = ExecutionStatus.NOT_RUN if _is_pause(error) else ExecutionStatus.FAILED
        result = type(error).__name__
    claim_id = run.decision.execution.claim_id if run.decision.execution else None
    return {"claim_id": claim_id, "status": status, "result": result and _fit(result)}


def _fit(text: str) -> str:
    """As much of it as the service takes."""
    return text.encode(errors="replace").decode()[:MAX_RESULT]


def _is_pause(error: Exception) -> bool:
    """Whether LangGraph pauses its graph by this, to run the node again from its start."""
    errors = sys.modules.get("langgraph.errors")
    return errors is not None and isinstance(error, errors.GraphBubbleUp)


def _log(run: Run, failure: Exception) -> None:
    logger.warning(
        "%s has run, and how it ended could not be reported: %s", run.decision.id, failure
    )
