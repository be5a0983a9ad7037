"""Answers from an inbox: several at once, each taken separately, as on a decision's own page."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.answers.answering import Answers
from api.answers.verdicts import Changed, Late, NotAsked, Over, Received, Recorded, Verdict
from api.decisions.decisions import Decisions
from api.decisions.documents import decision_of
from api.pages.waiting_list import choices_in_a_row
from api.problems.errors import ApiError, NotFound, Unconfirmed
from histories.reading import Live
from store import StoreAway
from workflows.statements import Response

CONCURRENCY = 8
"""Answers of one form that are taken at the same time."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Given:
    """One row's answer, for the digest that it showed."""

    decision_id: str
    choice: str
    digest: str
    notes: str | None


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one answer. `became` is `recorded`, `received`, `faster` (another answer was),
    `over`, `changed`, `late`, `declined`, `to_open`, `unknown`, `failed` or `unconfirmed` (nobody
    knows); `outcome` is how the decision ended, if it did."""

    given: Given
    became: str
    action: str | None = None
    outcome: dict[str, Any] | None = None

    @property
    def counts(self) -> bool:
        return self.became in ("recorded", "received")


async def answer_all(
    decisions: Decisions,
    answers: Answers,
    approver: str,
    given: Sequence[Given],
    received_at: datetime,
) -> list[Result]:
    """Take each of these answers separately: an obstacle to one is none to another."""
    gate = asyncio.Semaphore(CONCURRENCY)

    async def answer(each: Given) -> Result:
        async with gate:
            try:
                return await _answer(decisions, answers, approver, each, received_at)
            except NotFound:
                return Result(each, "unknown")
            except Unconfirmed as error:
                log.error("whether an answer from the inbox was taken is not known: %s", error)  # noqa: TRY400 - as below
                return Result(each, "unconfirmed")
            except (ApiError, StoreAway) as error:
                log.error("an answer from the inbox was not taken: %s", error)  # noqa: TRY400 - no fault of ours
                return Result(each, "failed")
            except Exception:
                # What became of the others has to be told.
                log.exception("an answer from the inbox was not taken")
                return Result(each, "failed")

    return list(await asyncio.gather(*map(answer, given)))


async def _answer(
    decisions: Decisions, answers: Answers, approver: str, given: Given, received_at: datetime
) -> Result:
    reading = await decisions.glance(given.decision_id)
    approver = reading.state.known_as(approver)
    if approver not in [each.approver for each in reading.state.asked]:
        raise NotFound("There is no such decision.")
    if not reading.settled and given.choice not in choices_in_a_row(reading):
        return _result(given, reading, "to_open")
    response = Response(
        decision_id=reading.decision_id,
        run_id=reading.run_id,
        request_digest=given.digest,
        approver=approver,
        choice=given.choice,
        notes=given.notes,
        received_at=received_at,
    )
    verdict = await answers.take(reading, response)
    return _result(given, verdict.reading, _became(verdict))


def _became(verdict: Verdict) -> str:
    """Return the result's word. An equal answer of the same person is recorded as well: some press
    twice."""
    match verdict:
        case Recorded() | Over(repeats=True):
            return "recorded"
        case Received():
            return "received"
        case Over(reading=reading):
            return "faster" if reading.response else "over"
        case Late():
            return "late"
        case NotAsked():
            return "declined"
        case Changed():
            return "changed"
        case _:
            return "to_open"


def _result(given: Given, reading: Live, became: str) -> Result:
    return Result(given, became, reading.input.request.action, _outcome(reading))


def _outcome(reading: Live) -> dict[str, Any] | None:
    """Return how the decision ended, as `Words.verdict` takes it."""
    if not reading.settled:
        return None
    decision = decision_of(reading)
    return {
        "status": str(decision.status),
        "origin": str(decision.origin),
        "by": decision.resolved_by,
        "data": decision.response_data,
    }
